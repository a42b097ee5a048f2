"""The pass over the table, where it must leave something alone, or goes a rare way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from drainctl.erase.bucket import Version
from drainctl.erase.findings import ErasureError, Findings, Run
from drainctl.erase.table import TablePass, Tables
from drainctl.verify import Answer
from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STREAM: Final = STREAMS["handset_change"]
DAY: Final = "2026-03-01"
FOLDER: Final = f"tables/handset_change/dt={DAY}"
STARTED: Final = datetime(2026, 3, 20, tzinfo=UTC)
OWN: Final = "erase-20260320T000000000000Z"
LONG_AGO: Final = datetime(2026, 3, 2, tzinfo=UTC)


class World:
    """A bucket, a catalogue and an Athena that say what they are told; notes what is done.

    Attributes:
        files: What lies in the bucket.
        registered: The days, each with its folder.
        found: The days that have rows of theirs, by Athena: one answer for each time it is asked.
        others: The rows of others on each of these days.
        done: What was done, in its order.
    """

    def __init__(self, *files: Version) -> None:
        self.files = list(files)
        self.registered = {DAY: f"s3://made-up/{FOLDER}/run/"}
        self.found: list[list[str]] = []
        self.others = 0
        self.done: list[str] = []
        self.findings = Findings()
        self.is_stopped = False

    def go(self, *, is_dry_run: bool = False) -> None:
        """Go over the table."""
        tables = Tables(
            athena=cast("Any", self),
            days=cast("Any", self),
            steps=cast("Any", self),
            compaction_arn="made-up",
            folder="s3://made-up/tables/",
        )
        bucket = cast("Any", self)
        run = Run(bucket, self.findings, is_dry_run, STARTED, lambda: self.is_stopped)
        TablePass(tables, run, "made_up").erase(STREAM)

    # The state machine, Athena and Glue.

    def list_executions(self, **_request: object) -> dict[str, list[object]]:
        """See boto3: none is under way."""
        return {"executions": []}

    def ask(self, sql: str, *, keep_rows: int) -> Answer:
        """See ``Athena``."""
        assert keep_rows > 0
        rows: Sequence[tuple[str | None, ...]] = [(str(self.others), str(self.others))]
        if "GROUP BY dt" in sql:
            rows = [(day, "1") for day in self.found.pop(0)]
        return Answer((), tuple(rows), len(rows), 0, 0.0)

    def location(self, _name: str, day: str) -> str:
        """See ``RegisteredDays``."""
        return self.registered[day]

    def locations(self, _name: str) -> Iterator[tuple[str, str]]:
        """See ``RegisteredDays``."""
        return iter(self.registered.items())

    def definition(self, _name: str) -> dict[str, Any]:
        """See ``RegisteredDays``."""
        return {"Columns": [{"Name": "event_id"}]}

    def register(self, _name: str, day: str, storage: dict[str, Any]) -> None:
        """See ``RegisteredDays``."""
        self.done.append(f"register {day}")
        self.registered[day] = storage["Location"]

    def unregister(self, _name: str, day: str) -> None:
        """See ``RegisteredDays``."""
        self.done.append(f"unregister {day}")
        del self.registered[day]

    # The bucket.

    def objects(self, prefix: str) -> Iterator[Sequence[Version]]:
        """See ``Bucket``."""
        return iter([[each] for each in self.files if each.key.startswith(prefix)])

    def delete(self, versions: Sequence[Version]) -> None:
        """See ``Bucket``."""
        for each in versions:
            self.done.append(f"delete {each.key}")
            self.files.remove(each)


def file(
    key: str,
    *,
    written: datetime = LONG_AGO,
    is_current: bool = True,
    storage_class: str = "STANDARD",
) -> Version:
    """Make a file."""
    return Version(key, "1", 1, is_current, written, storage_class)


def test_day_of_theirs_alone_goes() -> None:
    """A day with nobody else's rows is unregistered once its files are gone; none is written."""
    world = World(file(f"{FOLDER}/run/0"))
    world.found = [[DAY], []]
    world.go()
    assert world.done == [f"delete {FOLDER}/run/0", f"unregister {DAY}"]


def test_dry_run_of_such_a_day_changes_nothing() -> None:
    """A dry run counts its file and leaves it."""
    world = World(file(f"{FOLDER}/run/0"))
    world.found = [[DAY]]
    world.go(is_dry_run=True)
    assert world.done == []
    assert world.findings.counts["table_files"] == 1


def test_day_of_others_is_registered_before_the_old_files_go() -> None:
    """At every moment there is a registered folder that has the others' rows."""
    world = World(file(f"{FOLDER}/run/0"))
    world.found, world.others = [[DAY], []], 3
    world.go()
    assert world.done == [f"register {DAY}", f"delete {FOLDER}/run/0"]


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_day_that_athena_does_not_see_whole_stays(storage_class: str) -> None:
    """Where a file lies in an archive class the day is not written anew: rows would be missing."""
    world = World(file(f"{FOLDER}/run/0"), file(f"{FOLDER}/run/1", storage_class=storage_class))
    world.found, world.others = [[DAY]], 3
    with pytest.raises(ErasureError, match=r"run/1 is in an archive storage class"):
        world.go()
    assert world.done == []


def test_folder_that_is_none_of_the_table_s_is_told() -> None:
    """A day that is registered in another place is not touched, and the hint is told."""
    world = World()
    world.registered = {DAY: "s3://another/tables/handset_change/run/"}
    world.found, world.others = [[DAY]], 0
    with pytest.raises(ErasureError, match="let a compaction rewrite its day"):
        world.go()
    assert world.done == []


def aged(version: Version, minutes: float) -> Version:
    """Give a file as one that was written so long before this moment."""
    return replace(version, written=datetime.now(UTC) - timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (file("tables/handset_change/dt=2026-03-02/x/0"), "is not registered"),
        (file("tables/handset_change/2026-03-02"), "is not registered"),
        (file(f"{FOLDER}/run/0", is_current=False), "somebody deleted or replaced"),
        (file(f"{FOLDER}/run/0", storage_class="GLACIER"), "is in an archive storage class"),
    ],
)
def test_file_that_somebody_may_need_stays(left: Version, told: str) -> None:
    """A file that is read, may be soon, or may be all there is of a day, stays and is named."""
    check_stays(left, told)


@pytest.mark.parametrize(
    ("left", "minutes", "told"),
    [
        (file(f"{FOLDER}/x/0"), -60, "written a moment ago"),
        (file(f"{FOLDER}/erase-2/0"), 80, "another erasure may"),
    ],
)
def test_file_that_is_too_young_stays(left: Version, minutes: float, told: str) -> None:
    """So does one that whoever wrote it may be about to register."""
    check_stays(aged(left, minutes), told)


def check_stays(left: Version, told: str) -> None:
    """See that a file stays and is named."""
    world = World(left)
    world.found = [[], []]
    world.go()
    assert world.done == []
    assert told in world.findings.unchecked[left.key]


@pytest.mark.parametrize(
    "unread",
    [
        file(f"{FOLDER}/failed/0"),
        file(f"{FOLDER}/erase-2/0"),
        file("tables/handset_change/dt=2026-03-02/x/0", is_current=False),
    ],
)
def test_file_that_nobody_reads_goes(unread: Version) -> None:
    """A file of a registered day that isn't in its folder goes, and so does what was deleted."""
    check_goes(unread)


def test_own_young_file_goes() -> None:
    """One that this very run has written and not registered goes, however young it is."""
    check_goes(aged(file(f"{FOLDER}/{OWN}/0"), minutes=80))


def check_goes(unread: Version) -> None:
    """See that a file goes, alone."""
    world = World(unread)
    world.found = [[], []]
    world.go()
    assert world.done == [f"delete {unread.key}"]


def test_interrupted_it_begins_nothing_more() -> None:
    """Once it shall end, no further day is written anew, and nothing is deleted."""
    world = World(file(f"{FOLDER}/run/0"), file(f"{FOLDER}/failed/0"))
    world.found, world.others, world.is_stopped = [[DAY]], 3, True
    world.go()
    assert world.done == []
