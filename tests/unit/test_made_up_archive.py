"""The made-up archive is one that the engine could have written, and its answers are right."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from datetime import date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from drainctl.catalogue.columns import table_columns
from eventdrain.events import STREAMS, ArchiveLayout, DeliveryReader, object_body
from tests.archive import expected
from tests.archive.__main__ import main
from tests.archive.facts import (
    ConsentChange,
    CountryChange,
    FirstAttachment,
    HandsetChange,
    MadeUpEvent,
    MadeUpLine,
    PeriodicCountry,
)
from tests.archive.objects import made_up_objects, write_archive
from tests.archive.plan import ArchivePlan
from tests.archive.subscribers import DEPRECATED
from tests.archive.times import DAY, arrival, start_of

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.archive.facts import Payload
    from tests.archive.objects import ArchiveObject

LAST_DAY: Final = date(2026, 11, 24)
EVENTS: Final = 20_000
PLAN: Final = ArchivePlan(last_day=LAST_DAY, events=EVENTS, slice_minutes=1440)
PAYLOADS: Final[dict[str, type[Payload]]] = {
    "handset_change": HandsetChange,
    "country_change": CountryChange,
    "first_attachment": FirstAttachment,
    "periodic_country": PeriodicCountry,
    "consent_change": ConsentChange,
}


@pytest.fixture(scope="module")
def objects() -> list[ArchiveObject]:
    """An archive of 30 days."""
    return list(made_up_objects(PLAN))


@pytest.fixture(scope="module")
def lines(objects: list[ArchiveObject]) -> list[MadeUpLine]:
    """The facts of all lines of that archive."""
    return [line for each in objects for line in each.lines]


# --- As the engine writes ---


def test_lines_keys_and_ids_are_those_that_the_engine_makes_of_the_messages(
    objects: list[ArchiveObject],
) -> None:
    """What templates wrote equals what the engine reads from protobuf messages and writes."""
    layout = ArchiveLayout(bucket="", prefix="events", quarantine_prefix="quarantine")
    readers = {name: DeliveryReader(stream) for name, stream in STREAMS.items()}
    sample = objects[::7]
    shapes = Counter[tuple[object, ...]]()
    for each in sample:
        deliveries = [
            readers[line.event.event_type].read(
                message_of(line).SerializeToString(), arrival(line.received_at)
            )
            for line in each.lines
        ]
        ids = [line.event.event_id for line in each.lines]
        assert [delivery.event_id for delivery in deliveries] == ids
        assert [delivery.day for delivery in deliveries] == [line.dt for line in each.lines]
        assert layout.key(deliveries) == each.key
        assert object_body(deliveries) == each.body()
        shapes.update(map(shape, each.lines))
    # The sample has everything that a line can be: fields set and unset, times of each precision.
    assert {kind[0] for kind in shapes} == set(STREAMS)
    assert len(shapes) > 40


def test_payloads_have_the_columns_of_the_views() -> None:
    """The facts of a payload are the columns that its view has for it, in that order."""
    for name, payload in PAYLOADS.items():
        columns = [column.name for column in table_columns(STREAMS[name])]
        assert tuple(columns[columns.index("received_at") + 1 : -1]) == payload._fields


def test_objects_are_batches(objects: list[ArchiveObject]) -> None:
    """An object has lines of one stream, day and slice, up to its limit, and no id twice."""
    plan = ArchivePlan(last_day=LAST_DAY, events=4000, days=3, lines_per_object=5, late=0.2)
    few = list(made_up_objects(plan))
    assert max(len(each.lines) for each in few) == 5
    assert max(len(each.lines) for each in objects) == 100
    for each in few:
        assert len({line.event.event_type for line in each.lines}) == 1
        assert len({line.dt for line in each.lines}) == 1
        assert len({line.received_at // 600_000 for line in each.lines}) == 1
        assert len({line.event.event_id for line in each.lines}) == len(each.lines)


def test_no_object_is_written_twice() -> None:
    """Where the same events come again alone, there is neither a second object nor its lines."""
    plan = ArchivePlan(last_day=LAST_DAY, events=300, days=2, lines_per_object=1, duplicates=0.9)
    found = list(made_up_objects(plan))
    assert len({each.key for each in found}) == len(found) == 300


# --- Seeds ---


def test_the_same_plan_makes_the_same_bytes_and_another_seed_makes_others(tmp_path: Path) -> None:
    """An archive depends on its plan alone."""
    written = {}
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        plan = ArchivePlan(last_day=LAST_DAY, events=500, days=4, seed=seed)
        write_archive(plan, tmp_path / name)
        written[name] = content_of(tmp_path / name)
    assert written["one"] == written["again"]
    assert not written["one"].keys() & written["other"].keys()


# --- What was asked for ---


def test_there_are_as_many_events_and_copies_as_asked(lines: list[MadeUpLine]) -> None:
    """The events are exact; copies, redeliveries and late events have about their shares."""
    copies = Counter(line.event.event_id for line in lines)
    assert len(copies) == EVENTS
    assert 0.008 < (len(lines) - EVENTS) / EVENTS < 0.012
    assert set(copies.values()) == {1, 2, 3}
    alone = [line for line in lines if copies[line.event.event_id] == 1]
    assert 0.015 < sum(line.redelivered for line in alone) / EVENTS < 0.025
    lags = [lag_of(line) for line in alone if line.event.time is not None]
    assert 0.003 < sum(lag >= 3_600_000 for lag in lags) / EVENTS < 0.007
    assert 0 <= min(lags) < max(lags) < 3 * DAY + 60_000
    assert expected._percentile(lags, 0.5) < 60_000  # noqa: SLF001 - mostly below a minute


def test_copies_come_later_and_not_all_are_marked(lines: list[MadeUpLine]) -> None:
    """Most copies are marked as sent before; some are not, and some come in the same moment."""
    by_id = defaultdict(list)
    for line in lines:
        by_id[line.event.event_id].append(line)
    repeated = [each for each in by_id.values() if len(each) > 1]
    later = [
        line for each in repeated for line in each[1:] if line.received_at > each[0].received_at
    ]
    tied = [each for each in repeated if each[0].received_at == each[1].received_at]
    assert 0.7 < sum(line.redelivered for line in later) / len(later) < 0.95
    assert tied
    assert all((a.redelivered, b.redelivered) == (True, False) for a, b in tied)


def test_the_streams_have_their_shares(lines: list[MadeUpLine]) -> None:
    """Most events are handset changes, and there are some of every stream."""
    shares = Counter(event.line.event.event_type for event in expected.events_of(lines))
    assert shares == {
        "handset_change": 14_000,
        "country_change": 1_600,
        "first_attachment": 1_000,
        "periodic_country": 2_400,
        "consent_change": 1_000,
    }


def test_a_day_is_empty_and_a_day_has_one_line(objects: list[ArchiveObject]) -> None:
    """On the odd day one stream has no object, and one has one object with one line."""
    odd = PLAN.odd_day
    assert odd == date(2026, 11, 10)
    assert PLAN.empty_day("country_change") == PLAN.single_line_day("first_attachment") == odd
    assert PLAN.empty_day("handset_change") is PLAN.single_line_day("handset_change") is None
    by_folder: defaultdict[str, list[ArchiveObject]] = defaultdict(list)
    for each in objects:
        by_folder[each.key.rpartition("/")[0]].append(each)
    assert "events/country_change/dt=2026-11-10" not in by_folder
    (single,) = by_folder["events/first_attachment/dt=2026-11-10"]
    assert len(single.lines) == 1
    assert len(by_folder) == 5 * 30 - 1


def test_what_must_not_be_repeated_is_not() -> None:
    """However many copies are asked for, a single line stays one, and so does what has no time.

    A copy of an event without a time could lie in the folder of another day.
    """
    plan = ArchivePlan(last_day=LAST_DAY, events=3000, days=3, duplicates=1)
    found = [line for each in made_up_objects(plan) for line in each.lines]
    undated = Counter(line.event.event_id for line in found if line.event.time is None)
    assert len(undated) > 3
    assert set(undated.values()) == {1}
    totals = expected.totals(found)
    assert totals["first_attachment", "2026-11-23"] == (1, 1)
    assert totals["first_attachment", "2026-11-24"].lines > 100


def test_handsets_change_in_all_ways(lines: list[MadeUpLine]) -> None:
    """There are new models, new handsets of a model, new software, and handsets without a past."""
    kinds = Counter(
        kind_of(event.line.event.payload)
        for event in expected.events_of(lines)
        if isinstance(event.line.event.payload, HandsetChange)
    )
    assert kinds.keys() == {"first", "software", "same model", "other model"}
    assert min(kinds.values()) > 500


def test_a_subscription_goes_on_with_the_handset_that_it_had(lines: list[MadeUpLine]) -> None:
    """The handset before a change is the one after the last change, so that histories tell."""
    events = expected.events_of(lines)
    undated = {event.line.event.subscription_id for event in events if not event.line.event.time}
    changes = Counter(
        event.line.event.subscription_id
        for event in events
        if isinstance(event.line.event.payload, HandsetChange)
    )
    for subscription_id, count in changes.most_common(40):
        if subscription_id is None or subscription_id in undated:
            continue  # its order is not known, or it is several
        history = expected.subscriber_history(events, subscription_id)
        assert len(history) == count > 10
        goes_on = [after[1:3] in (before[3:5], (None, None)) for before, after in pairwise(history)]
        assert sum(goes_on) >= len(goes_on) - 1  # one event between may say nobody's


def test_some_sims_move_often(lines: list[MadeUpLine]) -> None:
    """On most days some SIMs move more often than chance would have it."""
    often = expected.sims_moved_often(expected.events_of(lines), LAST_DAY, 4)
    assert len({row[0] for row in often}) > 20
    assert all(2 <= row[3] <= 5 for row in often)


def test_a_handful_of_events_lacks_time_or_subscription(lines: list[MadeUpLine]) -> None:
    """They are a few of each day, so that each query meets some."""
    events = [event.line.event for event in expected.events_of(lines)]
    assert sum(event.time is None for event in events) == 60
    assert sum(event.subscription_id is None for event in events) == 5 * 30 - 2
    copies = Counter(line.event.event_id for line in lines if line.event.time is None)
    assert set(copies.values()) == {1}


def test_nothing_arrives_after_the_last_day_or_before_it_happened(lines: list[MadeUpLine]) -> None:
    """The archive ends with its last day, which is the day that the queries are asked on."""
    assert max(line.dt for line in lines) == "2026-11-24"
    assert min(line.dt for line in lines) == PLAN.first_day.isoformat() == "2026-10-26"
    assert max(line.received_at for line in lines) < start_of(LAST_DAY) + DAY


def test_a_column_can_be_without_values() -> None:
    """A stream whose events never tell a number keeps everything else."""
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
    ("parameters", "complaint"),
    [
        ({"streams": ("sim_swap",)}, "no stream 'sim_swap'"),
        ({"streams": ()}, "there must be streams"),
        ({"without_number": frozenset({"sim_swap"})}, "no stream 'sim_swap'"),
        ({"days": 0}, "days must be 1 or more"),
        ({"events": -1}, "events must be 0 or more"),
        ({"slice_minutes": 7}, "slice_minutes must divide"),
        ({"late": 1.5}, "late must be between 0 and 1"),
    ],
)
def test_senseless_plans_are_refused(parameters: dict[str, Any], complaint: str) -> None:
    """A plan that no archive can follow names what is wrong with it."""
    with pytest.raises(ValueError, match=complaint):
        ArchivePlan(last_day=LAST_DAY, **parameters)


# --- The command ---


def test_the_command_writes_an_archive(tmp_path: Path) -> None:
    """The command writes what its options ask for, and says how much that is."""
    folder = tmp_path / "made" / "up"
    arguments = [str(folder), "--events", "50", "--days", "2", "--last-day", "2026-11-24"]
    result = CliRunner().invoke(main, [*arguments, "--stream", "consent_change", "--seed", "3"])
    assert result.exit_code == 0, result.output
    content = content_of(folder)
    lines = [line for body in content.values() for line in gzip.decompress(body).splitlines()]
    assert {key.split("/")[1] for key in content} == {"consent_change"}
    assert f"{len(lines)} lines of 50 events in {len(content)} objects" in result.output


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "is not empty"),
        (["--slice-minutes", "7"], "slice_minutes must divide"),
        (["--stream", "sim_swap"], "sim_swap"),
        (["--last-day", "yesterday"], "yesterday"),
    ],
)
def test_the_command_refuses(tmp_path: Path, options: list[str], complaint: str) -> None:
    """A folder that has something in it stays as it is, and a wrong option is named."""
    (tmp_path / "something").write_text("of somebody")
    result = CliRunner().invoke(main, [str(tmp_path), "--events", "5", *options])
    assert result.exit_code != 0
    assert complaint in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["something"]


# --- Answers, worked out by hand ---
#
# Today is 2026-11-24, so the last 30 days begin with 2026-10-25. Event a is of today and has three
# lines, b of today too and has other software, c has no time, d is of the first of the 30 days,
# e of the day before that one.

TODAY: Final = LAST_DAY
NOON: Final = start_of(TODAY) + DAY // 2
A_HANDSET, B_HANDSET, C_HANDSET = "001001001111111", "001001012222222", "001001003333333"


def handset_change(
    event_id: str,
    time: int | None,
    whose: str | None,
    previous: tuple[str | None, str | None],
    current: tuple[str, str],
    imsi: str = "imsi 1",
) -> MadeUpEvent:
    """Write an event down; its time is in milliseconds."""
    payload = HandsetChange(*previous, *current, imsi, "+1")
    nanoseconds = None if time is None else time * 1_000_000 + 999_999
    return MadeUpEvent("handset_change", event_id, nanoseconds, whose, payload)


A: Final = handset_change("a", NOON, "s1", (A_HANDSET, "01"), (B_HANDSET, "02"))
B: Final = handset_change("b", NOON, "s1", (B_HANDSET, "02"), (B_HANDSET, "03"))
C: Final = handset_change("c", None, "s2", (None, None), (A_HANDSET, "01"))
D: Final = handset_change(
    "d", NOON - 30 * DAY, None, (C_HANDSET, "01"), (B_HANDSET, "02"), "imsi 2"
)
E: Final = handset_change("e", NOON - 31 * DAY, "s1", (C_HANDSET, "07"), (A_HANDSET, "01"))
F: Final = handset_change("f", NOON - 1000, "s1", (C_HANDSET, "01"), (A_HANDSET, "01"))
G: Final = MadeUpEvent(
    event_type="consent_change",
    event_id="g",
    time=NOON * 1_000_000,
    subscription_id="s1",
    payload=ConsentChange(("x", "y"), None, revoked=False, number=None, tenant="t"),
)
HANDSET_LINES: Final = [
    MadeUpLine(B, NOON + 4000, redelivered=False),
    MadeUpLine(A, NOON + 9000, redelivered=True),
    MadeUpLine(A, NOON + 2000, redelivered=True),
    MadeUpLine(A, NOON + 2000, redelivered=False),
    MadeUpLine(C, NOON + 1, redelivered=True),
    MadeUpLine(D, NOON - 30 * DAY + 500, redelivered=False),
    MadeUpLine(E, NOON - 31 * DAY + 500, redelivered=False),
    MadeUpLine(F, NOON + 9000, redelivered=False),
]
LINES: Final = [*HANDSET_LINES, MadeUpLine(G, NOON + 3000, redelivered=True)]
EVENTS_BY_HAND: Final = expected.events_of(LINES)
AT_NOON: Final = datetime(2026, 11, 24, 12)  # noqa: DTZ001 - as a query shows it
BEFORE_NOON: Final = datetime(2026, 11, 24, 11, 59, 59)  # noqa: DTZ001 - likewise


def test_an_event_is_its_first_received_line() -> None:
    """The least time of arrival wins, then what is not marked as sent before."""
    by_id = {event.line.event.event_id: event for event in EVENTS_BY_HAND}
    assert sorted(by_id) == ["a", "b", "c", "d", "e", "f", "g"]
    assert by_id["a"] == (MadeUpLine(A, NOON + 2000, redelivered=False), 3)
    assert by_id["b"] == (HANDSET_LINES[0], 1)


def test_answer_todays_handset_changes() -> None:
    """Of today, by time and id, what has no time last."""
    assert expected.todays_handset_changes(EVENTS_BY_HAND, TODAY) == [
        (BEFORE_NOON, "s1", "+1", "imsi 1", C_HANDSET, "01", A_HANDSET, "01"),
        (AT_NOON, "s1", "+1", "imsi 1", A_HANDSET, "01", B_HANDSET, "02"),
        (AT_NOON, "s1", "+1", "imsi 1", B_HANDSET, "02", B_HANDSET, "03"),
        (None, "s2", "+1", "imsi 1", None, None, A_HANDSET, "01"),
    ]


def test_answer_model_changes_by_tac() -> None:
    """Changes a and d are of models, d of nobody known; e is too old, f within a model."""
    assert expected.model_changes_by_tac(EVENTS_BY_HAND, TODAY) == [("00100100", "00100101", 2, 1)]


def test_answer_model_changes_by_tac_in_order() -> None:
    """The most frequent come first, equal ones by their models, a hundred at the most."""
    changes = [
        handset_change(f"{n} {copy}", NOON, f"s{copy}", (f"{n:08d}1", "01"), ("999999991", "01"))
        for n in range(120)
        for copy in range(2 if n == 110 else 1)
    ]
    rows = expected.model_changes_by_tac(
        expected.events_of(MadeUpLine(each, NOON, redelivered=False) for each in changes), TODAY
    )
    assert len(rows) == 100
    assert rows[0] == ("00000110", "99999999", 2, 2)
    assert rows[1] == ("00000000", "99999999", 1, 1)
    assert rows[99] == ("00000098", "99999999", 1, 1)


def test_answer_software_updates() -> None:
    """Only b has the same handset with other software."""
    assert expected.software_updates(EVENTS_BY_HAND, TODAY) == [
        (AT_NOON, "s1", B_HANDSET, "02", "03")
    ]


def test_answer_subscriber_history() -> None:
    """All events of one subscription, however old, each with its number of lines."""
    assert expected.subscriber_history(EVENTS_BY_HAND, "s1") == [
        (datetime(2026, 10, 24, 12), C_HANDSET, "07", A_HANDSET, "01", "imsi 1", "+1", 1),  # noqa: DTZ001 - as a query shows it
        (BEFORE_NOON, C_HANDSET, "01", A_HANDSET, "01", "imsi 1", "+1", 1),
        (AT_NOON, A_HANDSET, "01", B_HANDSET, "02", "imsi 1", "+1", 3),
        (AT_NOON, B_HANDSET, "02", B_HANDSET, "03", "imsi 1", "+1", 1),
    ]


def test_answer_sims_moved_often() -> None:
    """SIM 1 moved twice today (a, f): b is no move, c has no past; SIM 2 once, 30 days ago."""
    assert expected.sims_moved_often(EVENTS_BY_HAND, TODAY, 0) == [
        ("2026-11-24", "imsi 1", 2, 2),
        ("2026-10-25", "imsi 2", 1, 1),
    ]
    assert expected.sims_moved_often(EVENTS_BY_HAND, TODAY, 1) == [("2026-11-24", "imsi 1", 2, 2)]
    assert expected.sims_moved_often(EVENTS_BY_HAND, TODAY, 2) == []


def test_sims_go_to_as_many_handsets_as_there_are() -> None:
    """A SIM that goes to and fro has few handsets; equal SIMs are in the order of day and IMSI."""
    there = ((A_HANDSET, "01"), (B_HANDSET, "01"))
    moves = [
        handset_change(
            f"{imsi} {n}", NOON + n - day * DAY, "s", there[n % 2], there[1 - n % 2], imsi
        )
        for imsi, day, times in (("i2", 0, 2), ("i1", 0, 2), ("i3", 1, 2), ("i4", 0, 3))
        for n in range(times)
    ]
    lines = [MadeUpLine(each, NOON, redelivered=False) for each in moves]
    assert expected.sims_moved_often(expected.events_of(lines), TODAY, 1) == [
        ("2026-11-24", "i4", 3, 2),
        ("2026-11-23", "i3", 2, 2),
        ("2026-11-24", "i1", 2, 2),
        ("2026-11-24", "i2", 2, 2),
    ]


def test_answer_duplicates_and_redeliveries() -> None:
    """Today has six lines of four events, three of them marked; a day too old has no row."""
    assert expected.duplicates_and_redeliveries(LINES, "handset_change", TODAY) == [
        ("2026-10-25", 1, 1, 0, 0.0, 0, 0.0),
        ("2026-11-24", 6, 4, 2, 2 / 6, 3, 0.5),
    ]
    assert expected.duplicates_and_redeliveries(LINES, "consent_change", TODAY) == [
        ("2026-11-24", 1, 1, 0, 0.0, 1, 1.0)
    ]


def test_answer_lag_to_archive() -> None:
    """Today's lags are 2 (a), 4 (b) and 10 seconds (f); c has none. 95 % lie at 4 + 0.9 * 6."""
    ((first_day, *of_first_day), (dt, events, median, p95, greatest)) = expected.lag_to_archive(
        EVENTS_BY_HAND, "handset_change", TODAY
    )
    assert (first_day, of_first_day) == ("2026-10-25", [1, 0.5, 0.5, 0.5])
    assert (dt, events, median, greatest) == ("2026-11-24", 3, 4.0, 10.0)
    assert p95 == pytest.approx(9.4)


def test_answer_view() -> None:
    """A view has each event of a day once, with all its columns; lists are lists."""
    assert expected.view_rows(EVENTS_BY_HAND, "consent_change", "2026-11-24") == [
        (
            *("g", 1, AT_NOON, "s1", True, datetime(2026, 11, 24, 12, 0, 3)),  # noqa: DTZ001 - as a query shows it
            *(["x", "y"], None, False, None, "t", None, "2026-11-24"),
        )
    ]
    today = expected.view_rows(EVENTS_BY_HAND, "handset_change", "2026-11-24")
    assert [row[0] for row in today] == ["a", "b", "c", "f"]
    assert today[0][:6] == ("a", 3, AT_NOON, "s1", False, datetime(2026, 11, 24, 12, 0, 2))  # noqa: DTZ001 - likewise


def test_totals() -> None:
    """Lines and events are counted by stream and day, those of all days."""
    assert expected.totals(LINES) == {
        ("consent_change", "2026-11-24"): (1, 1),
        ("handset_change", "2026-10-24"): (1, 1),
        ("handset_change", "2026-10-25"): (1, 1),
        ("handset_change", "2026-11-24"): (6, 4),
    }


# --- What the tests need ---


def message_of(line: MadeUpLine) -> Message:
    """Build the message that a line is of, field by field."""
    event = line.event
    stream = STREAMS[event.event_type]
    response: Any = stream.stream_response()
    metadata = response.metadata
    if event.time is not None:
        metadata.timestamp.seconds, metadata.timestamp.nanos = divmod(event.time, 1_000_000_000)
    if event.subscription_id is not None:
        is_deprecated = event.subscription_id.startswith(DEPRECATED)
        field = "value" if is_deprecated else "wg2rn"
        setattr(metadata.identifier.subscription_identifier, field, event.subscription_id)
    metadata.ack_info.value = "made up"
    metadata.is_redelivered = line.redelivered
    payload = getattr(response, stream.payload_field.name)
    payload.SetInParent()
    for column, value in event.payload._asdict().items():
        if value is not None and value is not False:
            put(payload, FIELDS[column].split("."), value)
    built: Message = response
    return built


FIELDS: Final = {
    "previous_imei": "previous.imei_sv.imei",
    "previous_software_version": "previous.imei_sv.software_version",
    "current_imei": "current.imei_sv.imei",
    "current_software_version": "current.imei_sv.software_version",
    "imsi": "imsi.value",
    "number": "number.e164",
    "previous_code": "previous.code",
    "previous_name": "previous.name",
    "current_code": "current.code",
    "current_name": "current.name",
    "country_code": "country.code",
    "country_name": "country.name",
    "added_scopes": "added.scopes",
    "updated_scopes": "updated.scopes",
    "revoked": "revoked",
    "tenant": "tenant",
}
"""Where in an event's message the facts belong."""


def put(message: Any, path: list[str], value: Any) -> None:
    """Put one value where it belongs."""
    *outer, name = path
    for each in outer:
        message = getattr(message, each)
    if value is True:
        getattr(message, name).SetInParent()
    elif isinstance(value, tuple):
        getattr(message, name).extend(value)
    else:
        setattr(message, name, value)


def shape(line: MadeUpLine) -> tuple[object, ...]:
    """Tell which parts a line has."""
    time = line.event.time
    precision = None if time is None else next(n for n in (9, 6, 3, 0) if time % 10**n == 0)
    is_known = line.event.subscription_id is not None
    unset = tuple(value in (None, False) for value in line.event.payload)
    return line.event.event_type, precision, is_known, line.redelivered, unset


def kind_of(change: HandsetChange) -> str:
    """Tell how a handset changed."""
    if change.previous_imei is None:
        return "first"
    if change.previous_imei == change.current_imei:
        assert change.previous_software_version != change.current_software_version
        return "software"
    is_same = change.previous_imei[:8] == change.current_imei[:8]
    return "same model" if is_same else "other model"


def lag_of(line: MadeUpLine) -> int:
    """Give the milliseconds from an event to its arrival."""
    assert line.event.time is not None
    return line.received_at - line.event.time // 1_000_000


def content_of(folder: Path) -> dict[str, bytes]:
    """Read all files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
