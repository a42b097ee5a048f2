"""Measures what the saved queries read and how long they take, before and after compaction.

Bytes are those that Athena would scan and bill, computed from the query's plan. Time is DuckDB's on
this machine, and includes finding the files: up to half of the time of a query over all lines. It
shows which queries get faster, not how long Athena takes.

Answers are compared with answers computed without SQL, except for the lag, whose percentiles are
approximate. After compaction each answer must be the same as before.
"""

from __future__ import annotations

import gc
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.processes import BenchError
from benchmarks.results import Measure, Queried, Target
from devtools.catalogue import Places, table_inputs
from drainctl.catalogue import compacted_table, saved_queries, statement
from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS
from simulator.athena import AthenaOnDuckDB, FolderObjects, MemoryCatalogue
from tests.archive import ArchivePlan, expected, write_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drainctl.catalogue import SavedQuery
    from simulator.athena import Result
    from tests.archive import MadeUpLine

_TODAY: Final = date(2026, 11, 24)
_LATE_DAYS: Final = 3
_MORE_THAN: Final = 3
_DATABASE: Final = "bench"
_PLACES: Final = Places(_DATABASE, "bench", "events", "tables", "2026-01-01")
_STREAM: Final = STREAMS[DEFAULT_EVENT_TYPE]


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured.

    Attributes:
        rounds: How often each query runs; the shortest time counts.
        events: In the archive, of all streams.
        days: The number of days with events.
    """

    rounds: int
    events: int
    days: int


FULL: Final = Amount(rounds=1, events=1_000_000, days=30)
QUICK: Final = Amount(rounds=1, events=300, days=3)


def archive(amount: Amount, log: Callable[[str], None]) -> tuple[list[Queried], list[Measure]]:
    """Run every saved query of the default stream before and after compaction of its closed days.

    Args:
        amount: How much.
        log: Prints a line after each step.

    Raises:
        BenchError: An answer differs from the one computed without SQL, or changes with
            compaction, or compaction's counts differ.
    """
    with tempfile.TemporaryDirectory(prefix="bench-archive-") as folder:
        table = _Table(Path(folder), amount)
        log(f"archive: {table.objects:,} objects of {len(table.lines):,} lines made up")
        before = table.ask_all(amount.rounds, log)
        table.check(before)
        seconds = table.compact()
        log(f"archive: {len(table.closed)} days compacted in {seconds:.0f} s")
        after = table.ask_all(amount.rounds, log)
        queried = []
        for name, old in before.items():
            new = after[name]
            if new.rows != old.rows:
                raise BenchError(f"the answer of {name} changed with compaction")
            queried.append(
                Queried(name, old.title, old.scanned, new.scanned, old.seconds, new.seconds)
            )
        return queried, _measures(table, queried, seconds)


@dataclass(frozen=True, slots=True)
class _Asked:
    title: str
    rows: list[tuple[Any, ...]]
    scanned: int
    seconds: float


class _Table:
    """The default stream of a made-up archive: its facts, its objects, and its table."""

    def __init__(self, folder: Path, amount: Amount) -> None:
        plan = ArchivePlan(last_day=_TODAY, events=amount.events, days=amount.days)
        self.lines: list[MadeUpLine] = []
        self.objects = 0
        for written in write_archive(plan, folder / _PLACES.bucket):
            if written.lines[0].event.event_type == DEFAULT_EVENT_TYPE:
                self.lines.extend(written.lines)
                self.objects += 1
        days = sorted({line.dt for line in self.lines})
        self.closed = [day for day in days if day < _TODAY.isoformat()]
        self.events = expected.events_of(self.lines)
        self.subscription_id = next(
            each.line.event.subscription_id
            for each in self.events
            if each.line.event.subscription_id is not None
        )
        self.folder = folder
        self._catalogue = MemoryCatalogue(_DATABASE, table_inputs(_PLACES))
        self._athena = AthenaOnDuckDB(
            self._catalogue,
            FolderObjects(folder),
            now=lambda: datetime(_TODAY.year, _TODAY.month, _TODAY.day, 22, tzinfo=UTC),
        )

    def size(self, prefix: str) -> tuple[int, int]:
        """Count the files of the stream below a prefix, and their bytes."""
        files = [
            each
            for each in (self.folder / _PLACES.bucket / prefix / DEFAULT_EVENT_TYPE).rglob("*")
            if each.is_file()
        ]
        return len(files), sum(each.stat().st_size for each in files)

    def ask_all(self, rounds: int, log: Callable[[str], None]) -> dict[str, _Asked]:
        """Run each saved query of the stream."""
        gc.collect()
        gc.freeze()  # so that garbage collection doesn't scan the many facts while a query runs
        queries = [each for each in saved_queries() if each.stream in {None, DEFAULT_EVENT_TYPE}]
        self._ask(queries[0])  # a process links its first files faster than all later ones
        asked = {}
        for query in queries:
            runs = [self._ask(query) for _ in range(rounds)]
            seconds = min(run.seconds for run in runs)
            asked[query.name] = replace(runs[0], seconds=seconds)
            log(f"{query.name}: {runs[0].scanned:,} bytes, {seconds:.2f} s")
        return asked

    def check(self, asked: dict[str, _Asked]) -> None:
        """Compare the answers with those computed without SQL.

        Raises:
            BenchError: One differs.
        """
        event_type = DEFAULT_EVENT_TYPE
        want = {
            "todays_handset_changes": expected.todays_handset_changes(self.events, _TODAY),
            "model_changes_by_tac": expected.model_changes_by_tac(self.events, _TODAY),
            "software_updates": expected.software_updates(self.events, _TODAY),
            "subscriber_history": expected.subscriber_history(self.events, self.subscription_id),
            "sims_moved_often": expected.sims_moved_often(self.events, _TODAY, _MORE_THAN),
            f"duplicates_and_redeliveries.{event_type}": expected.duplicates_and_redeliveries(
                self.lines, event_type, _TODAY
            ),
            f"seam_check.{event_type}": [],
        }
        for name, rows in want.items():
            if asked[name].rows != list(rows):
                raise BenchError(f"the answer of {name} differs from the one computed without SQL")

    def compact(self) -> float:
        """Compact every closed day as the state machine does, and return the seconds it took.

        Raises:
            BenchError: Counts before and after differ.
        """
        start = time.perf_counter()
        for day in self.closed:
            (events, *_) = self._run(statement("count_before", _STREAM), day).rows[0]
            self._run(statement("unload", _STREAM), day)
            written = self._run(statement("count_candidates", _STREAM), day).rows
            if written != [(events, events)]:
                raise BenchError(f"{day}: the counts of lines and of compacted events differ")
            location = f"{_tables()}{DEFAULT_EVENT_TYPE}/dt={day}/run/"
            self._catalogue.register(compacted_table(_STREAM), (day,), location)
        since = (_TODAY - timedelta(days=_LATE_DAYS - 1)).isoformat()
        view = statement("replace_view", _STREAM).replace("{since}", since)
        self._athena.run(view, _DATABASE)
        return time.perf_counter() - start

    def _run(self, sql: str, day: str) -> Result:
        filled = sql.replace("{day}", day).replace("{run}", "run").replace("{tables}", _tables())
        return self._athena.run(filled, _DATABASE)

    def _ask(self, query: SavedQuery) -> _Asked:
        values = {"subscription_id": f"'{self.subscription_id}'", "more_than": str(_MORE_THAN)}
        parameters = [values[name] for name in query.parameters]
        start = time.perf_counter()
        result = self._athena.run(query.sql, _DATABASE, parameters)
        seconds = time.perf_counter() - start
        title = query.title.removesuffix(f" of {query.stream}")
        return _Asked(title, result.rows, result.scanned_bytes, seconds)


def _tables() -> str:
    return f"s3://{_PLACES.bucket}/{_PLACES.tables_prefix}/"


def _measures(table: _Table, queried: Sequence[Queried], seconds: float) -> list[Measure]:
    objects, line_bytes = table.size(_PLACES.archive_prefix)
    files, table_bytes = table.size(_PLACES.tables_prefix)
    days = len(table.closed) + 1
    targets = {
        "subscriber_history": Target(0.75, is_most=True),
        f"lag_to_archive.{DEFAULT_EVENT_TYPE}": Target(0.6, is_most=True),
    }
    return [
        *(
            Measure(
                f"bytes scanned, {each.title}, after / before",
                each.bytes_after / each.bytes_before,
                target=targets.get(each.name),
            )
            for each in queried
        ),
        Measure("archive, objects of lines a day", objects / days),
        Measure("archive, files of the table a day", files / len(table.closed)),
        Measure("archive, bytes of the table / of its lines", table_bytes / line_bytes),
        Measure("compaction, per million lines", seconds / len(table.lines) * 1e6, "s"),
    ]
