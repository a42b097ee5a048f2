"""The pass over the compacted table: each day that has rows of theirs is written anew without them.

As a compaction does it: into a folder that nobody reads, counted there, and only then registered as
the day. Then the files that nobody reads are deleted, see ``unread``.

A compaction that is started meanwhile must lose nothing: what was written since is left alone. And
it must bring nothing back: at the end none may be under way, and the table is asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import indent
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from drainctl.catalogue.statements import compacted_table, statement
from drainctl.erase.days import failed
from drainctl.erase.store import ErasureFailed
from drainctl.erase.unread import UnreadFiles
from drainctl.verify.athena import QueryFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_stepfunctions import SFNClient

    from drainctl.erase.days import Days
    from drainctl.erase.findings import Findings
    from drainctl.erase.store import Store
    from drainctl.verify.athena import Athena
    from eventdrain.events import EventStream

_MOST_DAYS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Table:
    """A stack's compacted tables.

    Attributes:
        athena: Asks and writes.
        days: The days of each.
        steps: Has the compaction.
        compaction_arn: The state machine that compacts.
        place: Where the files are, as ``s3://bucket/prefix/``.
    """

    athena: Athena
    days: Days
    steps: SFNClient
    compaction_arn: str
    place: str


class TablePass:
    """Goes over the table of each stream.

    Args:
        table: The tables.
        store: The bucket that they are in.
        findings: Is added to.
        run: What the new folders are called; another one in each run.
        condition: What is true in SQL of a row of theirs.
        is_dry_run: Whether to count only.
        is_stopped: Tells whether to begin nothing more.
    """

    def __init__(
        self,
        table: Table,
        store: Store,
        findings: Findings,
        *,
        run: str,
        condition: str,
        is_dry_run: bool,
        is_stopped: Callable[[], bool],
    ) -> None:
        self._table = table
        self._findings = findings
        self._unread = UnreadFiles(
            table.days, store, findings, place=table.place, run=run, is_dry_run=is_dry_run
        )
        self._run = run
        self._condition = condition
        self._is_dry_run = is_dry_run
        self._is_stopped = is_stopped

    def check_quiet(self) -> None:
        """Check that no compaction is under way: it could write again what is deleted here.

        Raises:
            ErasureFailed: One is, or it can't be told.
        """
        if running := self._running():
            raise ErasureFailed(
                f"the compaction {running} is under way: run again when it has ended, half an hour"
                " after its last day, or stop it"
            )

    def _running(self) -> str | None:
        """Name a compaction that is under way."""
        try:
            found = self._table.steps.list_executions(
                stateMachineArn=self._table.compaction_arn, statusFilter="RUNNING", maxResults=1
            )["executions"]
        except (BotoCoreError, ClientError) as error:
            raise failed(error, "states:ListExecutions of the compaction") from error
        return found[0]["name"] if found else None

    def go(self, stream: EventStream) -> None:
        """Find what is theirs in a stream's table, and unless it is a dry run delete it.

        Raises:
            ErasureFailed: Something can't be done, or counts differ.
        """
        began = datetime.now(UTC)
        if not self._is_dry_run:
            self.check_quiet()
        days = self._days_with_theirs(stream)
        for day, rows in days.items():
            if self._is_stopped():
                return
            self._findings.add(rows=rows, days_rewritten=1)
            self._findings.note_day(stream.event_type, day)
            if not self._is_dry_run:
                self._rewrite(stream, day)
        self._unread.delete(stream, rewritten=days, began=began)
        if self._is_dry_run:
            return
        self.check_quiet()
        if left := self._days_with_theirs(stream):
            raise ErasureFailed(
                f"{compacted_table(stream)} has rows of theirs again, of {', '.join(left)}: a"
                " compaction has come between. Run again when none is under way."
            )

    def _days_with_theirs(self, stream: EventStream) -> Mapping[str, int]:
        """Give the days that have rows of theirs, and how many."""
        rows = self._ask(
            f"SELECT dt, count(*) AS found\nFROM {compacted_table(stream)}\n"
            f"WHERE {self._condition}\nGROUP BY dt\nORDER BY dt"
        )
        return {str(day): int(str(count)) for day, count in rows}

    def _rewrite(self, stream: EventStream, day: str) -> None:
        name = compacted_table(stream)
        replaced = self._table.days.location(name, day)
        self._unread.check_readable(replaced)
        definition = self._table.days.definition(name)
        others = f"FROM {name}\nWHERE dt = '{day}'\n  AND NOT {self._condition}"
        ((rows, events),) = self._ask(
            f"SELECT count(*) AS rows_left, count(DISTINCT event_id) AS events\n{others}"
        )
        if rows == "0":
            self._check_still(name, day, replaced)
            # In this order: cut off in between, there is no file of a day that isn't registered.
            self._unread.delete_folder(replaced)
            self._table.days.unregister(name, day)
            return
        columns = ",\n".join(column["Name"] for column in definition["Columns"])
        self._ask(
            f"UNLOAD (\n  SELECT\n{indent(columns, '    ')}\n{indent(others, '  ')}\n"
            "  ORDER BY subscription_id, event_time, event_id\n)\n"
            f"TO '{self._folder(stream, day)}'\n"
            "WITH (format = 'PARQUET', compression = 'GZIP')"
        )
        counting = (
            statement("count_candidates", stream).replace("{day}", day).replace("{run}", self._run)
        )
        ((written_rows, written_events),) = self._ask(counting)
        if (written_rows, written_events) != (rows, events):
            raise ErasureFailed(
                f"{name} has {rows} rows of {events} events of others on {day}, and {written_rows}"
                f" of {written_events} were written: the day stays as it was. Run again."
            )
        self._check_still(name, day, replaced)
        self._table.days.register(name, day, {**definition, "Location": self._folder(stream, day)})

    def _check_still(self, name: str, day: str, location: str) -> None:
        """Check that a day is where it was: what others have come for it meanwhile must stay.

        Raises:
            ErasureFailed: It isn't.
        """
        if self._table.days.location(name, day) != location:
            raise ErasureFailed(f"{day} of {name} was registered by another run: run again")

    def _folder(self, stream: EventStream, day: str) -> str:
        return f"{self._table.place}{stream.event_type}/dt={day}/{self._run}/"

    def _ask(self, sql: str) -> Sequence[tuple[str | None, ...]]:
        try:
            return self._table.athena.ask(sql, keep_rows=_MOST_DAYS).rows
        except QueryFailed as error:
            raise ErasureFailed(
                f"Athena could not answer: {error}. What was deleted before stays deleted."
            ) from error
