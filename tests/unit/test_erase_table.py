"""The erasure from tables: what it must keep, its errors, and the order of its steps."""

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


def file(
    key: str,
    *,
    written: datetime = LONG_AGO,
    is_current: bool = True,
    storage_class: str = "STANDARD",
) -> Version:
    """Make a file."""
    return Version(key, "1", 1, is_current, written, storage_class)


READ: Final = file(f"{FOLDER}/run/0")


class World:
    """A bucket, a catalogue, a state machine and an Athena with scripted answers.

    Attributes:
        files: The files in the bucket.
        registered: The registered days, each with its folder.
        found: The days with rows of the subscriber: one answer for each query.
        others: The rows of others on each of these days.
        written: The rows of a rewritten day; None for the right number.
        running: The names of running compactions: one answer for each call.
        moves: Whether another run registers the day at the same time.
        done: The steps, in order.
    """

    def __init__(self, *files: Version, found: Sequence[Sequence[str]] = ((), ())) -> None:
        self.files = list(files)
        self.registered = {DAY: f"s3://made-up/{FOLDER}/run/"}
        self.found = list(found)
        self.others = 0
        self.written: int | None = None
        self.running: list[list[dict[str, str]]] = [[], []]
        self.moves = False
        self.done: list[str] = []
        self.findings = Findings()
        self.is_stopped = False

    def erase(self, *, is_dry_run: bool = False) -> None:
        """Erase the subscriber from the table."""
        own = cast("Any", self)
        tables = Tables(
            athena=own, days=own, steps=own, compaction_arn="made-up", folder="s3://made-up/tables/"
        )
        run = Run(own, self.findings, is_dry_run, STARTED, lambda: self.is_stopped)
        TablePass(tables, run, "made_up").erase(STREAM)

    # The state machine, Athena and Glue.

    def list_executions(self, **_request: object) -> dict[str, list[dict[str, str]]]:
        """See boto3."""
        return {"executions": self.running.pop(0)}

    def ask(self, sql: str, *, keep_rows: int) -> Answer:
        """See ``Athena``."""
        assert keep_rows > 0
        count = self.others
        if "compaction_candidates" in sql and self.written is not None:
            count = self.written
        rows: Sequence[tuple[str | None, ...]] = [(str(count), str(count))]
        if "GROUP BY dt" in sql:
            rows = [(day, "1") for day in self.found.pop(0)]
        return Answer((), tuple(rows), len(rows), 0, 0.0)

    def location(self, _name: str, day: str) -> str:
        """See ``RegisteredDays``."""
        location = self.registered[day]
        if self.moves:
            self.registered[day] = "s3://made-up/another/"
        return location

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


@pytest.mark.parametrize(
    ("others", "steps"),
    [
        (0, [f"delete {READ.key}", f"unregister {DAY}"]),
        (3, [f"register {DAY}", f"delete {READ.key}"]),
    ],
)
def test_order_of_steps(others: int, steps: list[str]) -> None:
    """A registered folder always has others' rows; a day without others is unregistered last."""
    world = World(READ, found=[[DAY], []])
    world.others = others
    world.erase()
    assert world.done == steps


def test_dry_run_changes_nothing() -> None:
    """A dry run counts what it would delete, and leaves it."""
    world = World(READ, found=[[DAY]])
    world.erase(is_dry_run=True)
    assert world.done == []
    assert (world.findings.counts["rows"], world.findings.counts["table_files"]) == (1, 1)


@pytest.mark.parametrize(
    ("changed", "error", "steps"),
    [
        ({"running": [[{"name": "made-up"}]]}, "compaction made-up is running", []),
        ({"running": [[], [{"name": "made-up"}]]}, "made-up is running", [f"register {DAY}"]),
        ({"found": [[DAY], [DAY]]}, "has rows of the subscriber again", [f"register {DAY}"]),
        ({"written": 2}, "2 rows of 2 events were written; the day was not changed", []),
        ({"moves": True}, "another run has registered 2026-03-01", []),
        ({"moves": True, "others": 0}, "another run has registered 2026-03-01", []),
        ({"files": [file(READ.key, storage_class="GLACIER")]}, "run/0 is in an archive stor", []),
        ({"files": [file(READ.key, storage_class="DEEP_ARCHIVE")]}, "run/0 is in an arch", []),
        ({"registered": {DAY: "s3://other/run/"}}, "let a compaction rewrite the day", []),
    ],
)
def test_what_fails_it(changed: dict[str, Any], error: str, steps: list[str]) -> None:
    """It fails before others' rows could be lost, or if the subscriber's rows reappear."""
    world = World(found=[[DAY], []])
    world.others = 3
    for name, value in changed.items():
        setattr(world, name, value)
    with pytest.raises(ErasureError, match=error):
        world.erase()
    assert world.done == steps


@pytest.mark.parametrize(
    ("there", "minutes", "reason"),
    [
        (file("tables/handset_change/dt=2026-03-02/x/0"), None, "is not registered"),
        (file("tables/handset_change/2026-03-02"), None, "is not registered"),
        (file(READ.key, is_current=False), None, "somebody deleted or replaced"),
        (file(READ.key, storage_class="GLACIER"), None, "is in an archive storage class"),
        (file(f"{FOLDER}/x/0"), -60, "written a moment ago"),
        (file(f"{FOLDER}/erase-2/0"), 80, "another erasure may"),
        (file(f"{FOLDER}/failed/0"), None, ""),
        (file(f"{FOLDER}/erase-2/0"), None, ""),
        (file("tables/handset_change/dt=2026-03-02/x/0", is_current=False), None, ""),
        (file(f"{FOLDER}/{OWN}/0"), 80, ""),
    ],
)
def test_file_that_nothing_reads_goes(there: Version, minutes: float | None, reason: str) -> None:
    """Unused files are deleted, also old versions, and files of this run that aren't registered.

    A file that is in use, may soon be, or may be the only one of a day, stays and is reported.
    """
    world = World(there if minutes is None else aged(there, minutes))
    world.erase()
    assert world.done == ([] if reason else [f"delete {there.key}"])
    assert reason in world.findings.unchecked.get(there.key, "")
    assert (there.key in world.findings.unchecked) is bool(reason)


def aged(version: Version, minutes: float) -> Version:
    """Return a file with a time of writing ``minutes`` ago."""
    return replace(version, written=datetime.now(UTC) - timedelta(minutes=minutes))


def test_interrupted_it_begins_nothing_more() -> None:
    """After an interrupt, no other day is rewritten, and nothing is deleted."""
    world = World(READ, file(f"{FOLDER}/failed/0"), found=[[DAY]])
    world.others, world.is_stopped = 3, True
    world.erase()
    assert world.done == []
