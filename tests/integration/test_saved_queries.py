"""The saved queries on a made-up archive with DuckDB, compared with answers computed without SQL.

They run on an archive without compacted days, on one whose first days are compacted and before the
cutover day, and on one where the lines of these days are deleted.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from devtools.catalogue import Places, table_inputs
from drainctl.catalogue import compacted_table, saved_queries, statement
from eventdrain.events import STREAMS
from simulator.athena import AthenaOnDuckDB, FolderObjects, MemoryCatalogue
from tests.archive import ArchivePlan, expected, write_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.archive import MadeUpLine
    from tests.archive.expected import ArchivedEvent

_LAST_DAY: Final = date(2026, 11, 24)
_PLAN: Final = ArchivePlan(last_day=_LAST_DAY, events=5_000, days=30, slice_minutes=1440)
_LATER: Final = _LAST_DAY + timedelta(days=5)
"""A day on which the archive's first days are no longer among the last 30."""
_CLOSED_DAYS: Final = 10
_ASKED: Final = ("handset_change", "country_change")
"""The other streams differ in names only; `country_change` has a day without lines."""
_DATABASE: Final = "made_up_events"
_PLACES: Final = Places(_DATABASE, "made-up-bucket", "events", "tables", "2026-01-01")
_TABLES: Final = f"s3://{_PLACES.bucket}/{_PLACES.tables_prefix}/"

_SQL: Final = {query.name: query.sql for query in saved_queries()}


@dataclass
class Asked:
    """An archive that can be queried, and its facts.

    Attributes:
        lines: All lines.
        events: The events in them.
        today: The day of queries.
    """

    lines: list[MadeUpLine]
    events: list[ArchivedEvent]
    folder: Path
    today: date = _LAST_DAY

    def __post_init__(self) -> None:
        self._catalogue = MemoryCatalogue(_DATABASE, table_inputs(_PLACES))
        self._athena = AthenaOnDuckDB(
            self._catalogue,
            FolderObjects(self.folder),
            now=lambda: datetime.combine(self.today, time(12), UTC),
        )

    def answer(self, name: str, *parameters: str) -> list[tuple[Any, ...]]:
        """Run a saved query."""
        return self._athena.run(_SQL[name], _DATABASE, parameters).rows

    def write(self, event_type: str, days: Sequence[str]) -> None:
        """Write compacted days of a stream."""
        for day in days:
            sql = statement("unload", STREAMS[event_type]).replace("{tables}", _TABLES)
            self._athena.run(sql.replace("{day}", day).replace("{run}", "run"), _DATABASE)

    def register(self, event_type: str, days: Sequence[str]) -> None:
        """Register written days in a stream's table, without changing the cutover day."""
        table = compacted_table(STREAMS[event_type])
        for day in days:
            self._catalogue.register(table, (day,), f"{_TABLES}{event_type}/dt={day}/run/")

    def move_cutover_day(self, event_type: str, since: str) -> None:
        """Change the cutover day of a stream's view."""
        sql = statement("replace_view", STREAMS[event_type]).replace("{since}", since)
        self._athena.run(sql, _DATABASE)

    def delete_lines(self, event_type: str, days: Sequence[str]) -> None:
        """Delete the lines of days."""
        for day in days:
            stream_folder = self.folder / _PLACES.bucket / _PLACES.archive_prefix / event_type
            shutil.rmtree(stream_folder / f"dt={day}", ignore_errors=True)

    def days(self, event_type: str) -> list[str]:
        """Return the days with lines of a stream."""
        return sorted({line.dt for line in self.lines if line.event.event_type == event_type})


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """An archive with only open days."""
    folder = tmp_path_factory.mktemp("objects")
    written = write_archive(_PLAN, folder / _PLACES.bucket)
    lines = [line for each in written for line in each.lines]
    return Asked(lines, expected.events_of(lines), folder)


@pytest.fixture(scope="module")
def compacted(made_up: Asked, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """The archive with its first days compacted: those before the cutover day, and one more."""
    asked = _copy(made_up, tmp_path_factory)
    for event_type in STREAMS:
        *closed, first_open = asked.days(event_type)[: _CLOSED_DAYS + 1]
        asked.write(event_type, [*closed, first_open])
        asked.register(event_type, [*closed, first_open])
        asked.move_cutover_day(event_type, first_open)
    return asked


@pytest.fixture(scope="module")
def without_lines(compacted: Asked, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """The compacted archive without the lines of days before the cutover day."""
    asked = _copy(compacted, tmp_path_factory)
    for event_type in STREAMS:
        *closed, first_open = asked.days(event_type)[: _CLOSED_DAYS + 1]
        asked.register(event_type, [*closed, first_open])
        asked.move_cutover_day(event_type, first_open)
        asked.delete_lines(event_type, closed)
    return asked


def _copy(asked: Asked, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("copy") / "objects"
    shutil.copytree(asked.folder, folder)
    return Asked(asked.lines, asked.events, folder)


@pytest.fixture(scope="module", params=["made_up", "compacted", "without_lines"])
def archive(request: pytest.FixtureRequest) -> Asked:
    """Each of these."""
    asked: Asked = request.getfixturevalue(request.param)
    return asked


@pytest.fixture(params=[_LAST_DAY, _LATER], ids=str)
def asked(request: pytest.FixtureRequest, archive: Asked) -> Asked:
    """The same on its last day, and on a later one."""
    archive.today = request.param
    return archive


@pytest.mark.parametrize(
    ("name", "parameters", "expectation"),
    [
        ("todays_handset_changes", (), expected.todays_handset_changes),
        ("model_changes_by_tac", (), expected.model_changes_by_tac),
        ("software_updates", (), expected.software_updates),
        ("sims_moved_often", (1,), expected.sims_moved_often),
    ],
)
def test_handset_changes(
    asked: Asked, name: str, parameters: tuple[int, ...], expectation: Callable[..., expected.Rows]
) -> None:
    """Each answer equals that of plain Python, in order, on each archive."""
    answer = asked.answer(name, *map(str, parameters))
    assert answer == expectation(asked.events, asked.today, *parameters)
    assert answer or (name == "todays_handset_changes" and asked.today == _LATER)


def test_subscriber_history(archive: Asked) -> None:
    """The history of the subscription with most events includes closed and open days."""
    ids = [each.event.subscription_id for each in archive.events if each.event.change]
    busiest = max(set(filter(None, ids)), key=ids.count)
    answer = archive.answer("subscriber_history", f"'{busiest}'")
    assert answer == expected.subscriber_history(archive.events, busiest)
    assert len(answer) > 1


@pytest.mark.parametrize("event_type", _ASKED)
def test_duplicates_and_redeliveries(archive: Asked, event_type: str) -> None:
    """The answer has the counts and rates of each day with lines."""
    answer = archive.answer(f"duplicates_and_redeliveries.{event_type}")
    folder = archive.folder / _PLACES.bucket / _PLACES.archive_prefix / event_type
    there = {path.name.removeprefix("dt=") for path in folder.iterdir()}
    rows = expected.duplicates_and_redeliveries(archive.lines, event_type, archive.today)
    assert answer == [row for row in rows if row[0] in there]
    assert answer


@pytest.mark.parametrize("event_type", _ASKED)
def test_lag_to_archive(archive: Asked, event_type: str) -> None:
    """Days, events and the greatest lag are exact; percentiles have the right rank."""
    answer = archive.answer(f"lag_to_archive.{event_type}")
    lags = expected.lags_to_archive(archive.events, event_type, archive.today)
    assert [(dt, count, greatest) for dt, count, _, _, greatest in answer] == [
        (dt, len(seconds), seconds[-1]) for dt, seconds in lags.items()
    ]
    assert answer
    for dt, count, median, p95, _ in answer:
        for part, seconds in ((0.5, median), (0.95, p95)):
            # Athena's are approximate, and engines differ between two events: give or take one.
            assert sum(lag < seconds for lag in lags[dt]) - 1 <= part * count
            assert sum(lag <= seconds for lag in lags[dt]) + 1 >= part * count


@pytest.mark.parametrize("event_type", _ASKED)
def test_consistency_check(archive: Asked, event_type: str) -> None:
    """No day differs, before and after compaction."""
    assert archive.answer(f"seam_check.{event_type}") == []


def test_consistency_check_that_fails(
    made_up: Asked, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Late lines of a closed day are found as a difference, until the day is open again."""
    asked = _copy(made_up, tmp_path_factory)
    day, next_day, *_ = asked.days("first_attachment")
    archived = asked.folder / _PLACES.bucket / _PLACES.archive_prefix / "first_attachment"
    late = max((archived / f"dt={day}").iterdir())
    late.rename(asked.folder / late.name)
    asked.write("first_attachment", [day])
    asked.register("first_attachment", [day])
    asked.move_cutover_day("first_attachment", next_day)
    assert asked.answer("seam_check.first_attachment") == []
    (asked.folder / late.name).rename(late)
    ((dt, whole, rows, ids),) = asked.answer("seam_check.first_attachment")
    events = {
        each.event.event_id
        for each in asked.events
        if (each.event.event_type, each.line.dt) == ("first_attachment", day)
    }
    assert (dt, whole) == (day, len(events))
    assert rows == ids < whole
    asked.move_cutover_day("first_attachment", day)
    assert asked.answer("seam_check.first_attachment") == []
