"""The pass over the compacted tables: rewrites each day that has rows of the subscriber.

A day is rewritten as by the compaction: its other rows are written into a new folder and counted,
and then the folder is registered as the day. Afterwards, files that no registered day reads are
deleted; see ``unregistered_files``.

A compaction may start during the pass. Files written since the start are kept, so that it loses
nothing. It could also write the subscriber's rows again. At the end, therefore, no compaction may
be running, and the tables are queried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from drainctl.catalogue import compacted_table, read_sql, statement
from drainctl.erase.findings import FINAL, ErasureError, call_error
from drainctl.erase.unregistered_files import UnregisteredFiles
from drainctl.verify import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_stepfunctions import SFNClient

    from drainctl.erase.findings import Run
    from drainctl.erase.registered_days import RegisteredDays
    from drainctl.verify import Athena
    from eventdrain.events import EventStream

_MOST_DAYS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Tables:
    """A stack's compacted tables.

    Attributes:
        athena: Queries and rewrites the tables.
        days: The tables' registered days.
        steps: The Step Functions client.
        compaction_arn: The ARN of the compaction's state machine.
        folder: The folder of the tables' files, as ``s3://bucket/prefix/``.
    """

    athena: Athena
    days: RegisteredDays
    steps: SFNClient
    compaction_arn: str
    folder: str


class TablePass:
    """Erases rows of the compacted tables. Methods raise ``ErasureError`` if a call fails.

    Args:
        tables: The tables.
        run: What all passes share.
        condition: The SQL condition for the subscriber's rows.
    """

    def __init__(self, tables: Tables, run: Run, condition: str) -> None:
        self._tables = tables
        self._run = run
        self._condition = condition
        self._files = UnregisteredFiles(tables.days, run, tables.folder)

    def check_no_compaction(self) -> None:
        """Check that no compaction is running, which could write deleted rows again."""
        if running := self._running():
            raise ErasureError(
                f"the tables can't be changed: the compaction {running} is running",
                "wait until half an hour after its last day, or stop it; then run this command"
                " again",
            )

    def _running(self) -> str | None:
        """Return the name of a running compaction; None if there is none."""
        try:
            found = self._tables.steps.list_executions(
                stateMachineArn=self._tables.compaction_arn, statusFilter="RUNNING", maxResults=1
            )["executions"]
        except (BotoCoreError, ClientError) as error:
            raise call_error(error, "states:ListExecutions of the compaction") from error
        return found[0]["name"] if found else None

    def erase(self, stream: EventStream) -> None:
        """Find the subscriber's rows of a stream and, except in a dry run, delete them."""
        began = datetime.now(UTC)
        if not self._run.is_dry_run:
            self.check_no_compaction()
        days = self._days_to_rewrite(stream)
        for day, rows in days.items():
            if self._run.is_stopped():
                return
            self._run.findings.add(rows=rows, days_rewritten=1)
            self._run.findings.note_day(stream.event_type, day)
            if not self._run.is_dry_run:
                self._rewrite(stream, day)
        self._files.delete(stream, rewritten=days, began=began)
        if self._run.is_dry_run:
            return
        self.check_no_compaction()
        if left := self._days_to_rewrite(stream):
            raise ErasureError(
                f"erasing from {compacted_table(stream)} failed: it has rows of the subscriber"
                f" again on {', '.join(left)}, because a compaction ran meanwhile",
                "run this command again when no compaction is running",
            )

    def _days_to_rewrite(self, stream: EventStream) -> Mapping[str, int]:
        """Return the days with rows of the subscriber, and how many rows."""
        rows = self._ask(self._statement("count_by_day", stream))
        return {str(day): int(str(count)) for day, count in rows}

    def _rewrite(self, stream: EventStream, day: str) -> None:
        name = compacted_table(stream)
        replaced = self._tables.days.location(name, day)
        self._files.check_readable(replaced)
        definition = self._tables.days.definition(name)
        ((rows, events),) = self._ask(self._statement("count_others", stream, day=day))
        if rows == "0":
            self._check_location(name, day, replaced)
            # The order matters: after an interruption, no files of an unregistered day may remain.
            self._files.delete_folder(replaced)
            self._tables.days.unregister(name, day)
            return
        columns = ",\n    ".join(column["Name"] for column in definition["Columns"])
        folder = f"{self._tables.folder}{stream.event_type}/dt={day}/{self._run.name}/"
        self._ask(self._statement("unload_others", stream, day=day, columns=columns, folder=folder))
        counting = statement("count_candidates", stream)
        counting = counting.replace("{day}", day).replace("{run}", self._run.name)
        ((written_rows, written_events),) = self._ask(counting)
        if (written_rows, written_events) != (rows, events):
            raise ErasureError(
                f"rewriting {name} failed: {day} has {rows} rows of {events} events of others, but"
                f" {written_rows} rows of {written_events} events were written; the day was not"
                " changed",
                "run this command again",
            )
        self._check_location(name, day, replaced)
        self._tables.days.register(name, day, {**definition, "Location": folder})

    def _check_location(self, name: str, day: str, location: str) -> None:
        """Check that a day still has its folder, so that another run's folder is not replaced."""
        if self._tables.days.location(name, day) != location:
            raise ErasureError(
                f"rewriting {name} failed: another run has registered {day} meanwhile",
                "run this command again",
            )

    def _statement(self, name: str, stream: EventStream, **values: str) -> str:
        """Return a statement of ``stacks/sql/erase`` with its placeholders replaced."""
        sql = read_sql(f"erase/{name}")
        return sql.format(stream=stream.event_type, condition=self._condition, **values)

    def _ask(self, sql: str) -> Sequence[tuple[str | None, ...]]:
        try:
            return self._tables.athena.ask(sql, keep_rows=_MOST_DAYS).rows
        except QueryError as error:
            raise ErasureError(f"a query on Athena failed: {error}; {FINAL}") from error
