"""The made-up archive is one that the engine could have written, and has what the queries need."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner
from google.protobuf.json_format import ParseDict

from drainctl.catalogue.columns import table_columns
from eventdrain.events import STREAMS, ArchiveLayout, DeliveryReader, object_body
from tests.archive import expected
from tests.archive.__main__ import main
from tests.archive.facts import HandsetChange, Payload
from tests.archive.objects import made_up_objects, write_archive
from tests.archive.plan import ArchivePlan
from tests.archive.times import DAY, start_of

if TYPE_CHECKING:
    from pathlib import Path

    from eventdrain.events import Delivery
    from tests.archive.facts import MadeUpLine
    from tests.archive.objects import ArchiveObject

LAST_DAY: Final = date(2026, 11, 24)
EVENTS: Final = 20_000
PLAN: Final = ArchivePlan(last_day=LAST_DAY, events=EVENTS, slice_minutes=1440)


@pytest.fixture(scope="module")
def objects() -> list[ArchiveObject]:
    """Return an archive of 30 days."""
    return list(made_up_objects(PLAN))


@pytest.fixture(scope="module")
def lines(objects: list[ArchiveObject]) -> list[MadeUpLine]:
    """Return the facts of all lines of that archive."""
    return [line for each in objects for line in each.lines]


def message_of(delivery: Delivery) -> bytes:
    """Build the message that a line was read from."""
    line = json.loads(delivery.line)
    stream = STREAMS[delivery.event_type]
    response: Any = stream.stream_response()
    if line["event_time"]:
        response.metadata.timestamp.FromJsonString(line["event_time"])
    identifier = response.metadata.identifier
    identifier.subscription_identifier.wg2rn = line["subscription_id"] or ""
    response.metadata.is_redelivered = line["redelivered"]
    payload = getattr(response, stream.payload_field.name)
    payload.SetInParent()
    ParseDict(line["event"], payload)
    message: bytes = response.SerializeToString()
    return message


def test_the_engine_writes_the_same_ids_lines_and_keys(objects: list[ArchiveObject]) -> None:
    """What templates wrote equals what the engine reads from protobuf messages and writes."""
    layout = ArchiveLayout(bucket="", prefix="events", quarantine_prefix="quarantine")
    readers = {name: DeliveryReader(stream) for name, stream in STREAMS.items()}
    sample = objects[::7]
    for each in sample:
        read = [
            readers[made_up.event_type].read(message_of(made_up), made_up.received_at)
            for made_up in each.deliveries
        ]
        assert [delivery.event_id for delivery in read] == [
            line.event.event_id for line in each.lines
        ]
        assert [delivery.day for delivery in read] == [line.dt for line in each.lines]
        assert layout.key(read) == each.key
        assert object_body(read) == each.body()
    assert {line.event.event_type for each in sample for line in each.lines} == set(STREAMS)


def test_payloads_have_the_columns_of_the_views() -> None:
    """The facts of a payload are the columns that its view has for it, in that order."""
    in_views = []
    for stream in STREAMS.values():
        columns = [column.name for column in table_columns(stream)]
        in_views.append(tuple(columns[columns.index("received_at") + 1 : -1]))
    assert sorted(in_views) == sorted(payload._fields for payload in Payload.__args__)


def test_the_same_plan_makes_the_same_bytes_and_another_seed_makes_others(tmp_path: Path) -> None:
    """An archive depends on its plan alone."""
    written = {}
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        folder = tmp_path / name
        write_archive(ArchivePlan(last_day=LAST_DAY, events=500, days=4, seed=seed), folder)
        files = (path for path in folder.rglob("*") if path.is_file())
        written[name] = {path.relative_to(folder): path.read_bytes() for path in files}
    assert written["one"] == written["again"]
    assert not written["one"].keys() & written["other"].keys()


def test_there_are_as_many_events_and_copies_as_asked(lines: list[MadeUpLine]) -> None:
    """The number of events is exact; copies, redeliveries and late events have their shares."""
    copies = Counter(line.event.event_id for line in lines)
    assert len(copies) == EVENTS
    assert set(copies.values()) == {1, 2, 3}
    assert 0.008 < (len(lines) - EVENTS) / EVENTS < 0.012
    alone = [line for line in lines if copies[line.event.event_id] == 1]
    assert 0.015 < sum(line.redelivered for line in alone) / EVENTS < 0.025
    lags = [
        line.received_at - line.event.time // 1_000_000
        for line in alone
        if line.event.time is not None
    ]
    assert 0.003 < sum(lag >= 3_600_000 for lag in lags) / EVENTS < 0.007
    assert min(lags) >= 0
    assert max(line.received_at for line in lines) < start_of(LAST_DAY) + DAY


def test_copies_can_be_told_apart_by_time_or_mark(lines: list[MadeUpLine]) -> None:
    """Most later copies are marked as sent before; of two in the same moment, one is."""
    by_id = defaultdict(list)
    for line in lines:
        by_id[line.event.event_id].append(line)
    pairs = [each[:2] for each in by_id.values() if len(each) > 1]
    later = [second for first, second in pairs if second.received_at > first.received_at]
    tied = [pair for pair in pairs if pair[0].received_at == pair[1].received_at]
    assert 0.7 < sum(line.redelivered for line in later) / len(later) < 0.95
    assert tied
    assert all((a.redelivered, b.redelivered) == (True, False) for a, b in tied)


def test_it_has_what_the_queries_ask_about(objects: list[ArchiveObject]) -> None:
    """Some days are empty or have one line; handsets change in all ways; some facts are unknown."""
    lines = [line for each in objects for line in each.lines]
    by_folder = Counter(each.key.rpartition("/")[0] for each in objects for _ in each.lines)
    assert "events/country_change/dt=2026-11-10" not in by_folder
    assert by_folder["events/first_attachment/dt=2026-11-10"] == 1
    assert len(by_folder) == 5 * 30 - 1
    changes = Counter(
        (
            change.previous_imei is None,
            change.previous_imei == change.current_imei,
            (change.previous_imei or "")[:8] == change.current_imei[:8],
        )
        for line in lines
        if isinstance(change := line.event.payload, HandsetChange)
    )
    assert len(changes) == 4  # of no known handset, software, of the same and of another model
    assert min(changes.values()) > 500
    events = expected.events_of(lines)
    assert len(expected.sims_moved_often(events, LAST_DAY, 4)) > 20
    assert sum(event.line.event.time is None for event in events) == 60
    assert sum(event.line.event.subscription_id is None for event in events) == 5 * 30 - 2


def test_a_column_can_be_without_values() -> None:
    """A stream whose events have no number keeps everything else."""
    plan = ArchivePlan(
        last_day=LAST_DAY,
        events=200,
        days=2,
        streams=("periodic_country", "consent_change"),
        without_number=frozenset({"consent_change"}),
    )
    numbers: defaultdict[str, set[str | None]] = defaultdict(set)
    for each in made_up_objects(plan):
        for line in each.lines:
            payload: Any = line.event.payload
            numbers[line.event.event_type].add(payload.number)
    assert numbers["consent_change"] == {None}
    assert len(numbers["periodic_country"]) > 10


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "is not empty"),
        (["--slice-minutes", "7"], "slice_minutes must divide"),
        (["--stream", "sim_swap"], "sim_swap"),
    ],
)
def test_the_command_writes_to_an_empty_folder(
    tmp_path: Path, options: list[str], complaint: str
) -> None:
    """The command writes what it is asked for; it names a wrong option and keeps files."""
    folder = tmp_path / "made" / "up"
    arguments = ["--events", "50", "--days", "2", "--last-day", "2026-11-24"]
    result = CliRunner().invoke(main, [str(folder), *arguments, "--stream", "consent_change"])
    assert result.exit_code == 0, result.output
    assert "lines of 50 events in" in result.output
    (tmp_path / "something").write_text("of somebody")
    result = CliRunner().invoke(main, [str(tmp_path), "--events", "5", *options])
    assert result.exit_code != 0
    assert complaint in result.output
