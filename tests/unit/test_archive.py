from __future__ import annotations

import gzip
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.events import ArchiveKey, ArchiveLayout, group_by_object, object_body, original_body
from tests.deliveries import LAYOUT, delivery_of, line_delivery, oversize_of, quarantined_of

if TYPE_CHECKING:
    from random import Random

    from eventdrain.events import Delivery

NAME: Final = re.compile(
    r"events/handset_change/dt=\d{4}-\d{2}-\d{2}/(undated|[0-9TZ.]+)-[0-9a-f]{32}\.ndjson\.gz"
)

event_ids: Final = st.text("0123456789abcdef", min_size=32, max_size=32)
one_day: Final = st.lists(
    st.builds(
        lambda event_id, second: line_delivery(
            event_id, event_time=f"2026-03-01T12:00:{second:02d}Z"
        ),
        event_ids,
        st.integers(0, 59),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda delivery: delivery.event_id,
)


def stamp(*event_times: str | None) -> str:
    """Return the time in the key of events of these times."""
    key = LAYOUT.key(
        [line_delivery(str(index), event_time=time) for index, time in enumerate(event_times)],
    )
    return key.rpartition("/")[2].partition("-")[0]


def test_key_of_an_event() -> None:
    """The exact key of an object, whose digest is that of its events' ids."""
    for prefix in ("events", "a/b"):
        layout = ArchiveLayout("made-up-bucket", prefix, "quarantine")
        assert layout.key([line_delivery("ab" * 16), line_delivery("cd" * 16)]) == (
            f"{prefix}/handset_change/dt=2026-03-01/"
            "20260301T120000Z-c95247afbfed299e66b89170001fc02d.ndjson.gz"
        )


@pytest.mark.parametrize(
    ("event_times", "expected"),
    [
        (["2026-03-01T12:00:02Z", "2026-03-01T12:00:01.468Z"], "20260301T120001.468Z"),
        # In the same second, with different precision.
        (["2026-03-01T12:00:55.468Z", "2026-03-01T12:00:55Z"], "20260301T120055Z"),
        (["2026-03-01T12:00:55.468123Z", "2026-03-01T12:00:55.468Z"], "20260301T120055.468Z"),
        ([None, None], "undated"),
        ([None, "2026-03-01T12:00:01Z"], "20260301T120001Z"),
    ],
)
def test_stamp_is_the_first_events(event_times: list[str | None], expected: str) -> None:
    """The time in the key is the earliest event's, with all its digits."""
    assert stamp(*event_times) == expected


@given(one_day, st.randoms(use_true_random=False))
def test_key_does_not_depend_on_order(deliveries: list[Delivery], random: Random) -> None:
    """The same events make the same key, in any order."""
    key = LAYOUT.key(deliveries)
    random.shuffle(deliveries)
    assert LAYOUT.key(deliveries) == key
    assert NAME.fullmatch(key)


@given(one_day, one_day)
def test_other_events_other_key(one: list[Delivery], other: list[Delivery]) -> None:
    """Two sets of events never share a key, so no object is overwritten."""
    same = {delivery.event_id for delivery in one} == {delivery.event_id for delivery in other}
    # Two events of one id are one event, and so have one time.
    if not same:
        assert LAYOUT.key(one) != LAYOUT.key(other)


@given(st.lists(st.text('abc é{}"', max_size=10), min_size=1, max_size=10))
def test_body_has_a_newline_after_each_line(lines: list[str]) -> None:
    """The object decompresses to the lines in order, each with a newline; it has no timestamp."""
    body = object_body([line_delivery(line=line) for line in lines])
    assert gzip.decompress(body).decode() == "".join(f"{line}\n" for line in lines)
    assert body[4:8] == b"\x00\x00\x00\x00"


@given(st.lists(st.sampled_from(["2026-02-28T23:59:59.9Z", "2026-03-01T00:00:00Z", None])))
def test_object_for_each_day(event_times: list[str | None]) -> None:
    """Each day has one object, which holds that day's events in their order and no others."""
    deliveries = [line_delivery(str(i), event_time=time) for i, time in enumerate(event_times)]
    groups = group_by_object(deliveries)
    days = [{delivery.day for delivery in group} for group in groups]
    assert all(len(each) == 1 for each in days)
    assert len({day for each in days for day in each}) == len(groups)
    for group in groups:
        assert group == [each for each in deliveries if each.day == group[0].day]
    assert sum(map(len, groups)) == len(deliveries)


# --- Events with their own object ---

mixed: Final = st.lists(
    st.builds(
        lambda build, index: build(index),
        st.sampled_from([delivery_of, quarantined_of, oversize_of]),
        st.integers(0, 100),
    ),
    max_size=12,
    unique_by=lambda delivery: delivery.event_id,
)


@given(mixed)
def test_every_event_has_one_object(deliveries: list[Delivery]) -> None:
    """Each event is in one object, alone if a pointer refers to it; keys are unique."""
    groups = group_by_object(deliveries)
    assert sorted(each.event_id for group in groups for each in group) == sorted(
        each.event_id for each in deliveries
    )
    keys = [LAYOUT.key(group) for group in groups]
    assert len(set(keys)) == len(keys)
    assert all(len(group) == 1 for group in groups if any(each.pointer for each in group))


def test_object_of_an_event_in_quarantine() -> None:
    """Its key has prefix, type and id; the record is uncompressed, so that people can read it."""
    delivery = quarantined_of(1)
    assert object_body([delivery]).decode() == f"{delivery.line}\n"
    assert LAYOUT.key([delivery]) == f"quarantine/handset_change/{delivery.event_id}.json"
    nested = ArchiveLayout("made-up-bucket", "a", "b/c")
    assert nested.key([delivery]) == f"b/c/handset_change/{delivery.event_id}.json"


def test_key_does_not_depend_on_the_delivery() -> None:
    """A redelivery on another day and with another handle makes the same key."""
    for build in (delivery_of, quarantined_of):
        again = build(1, delivery=1, redelivered=True)
        later = again._replace(received_at=again.received_at + timedelta(days=1))

        assert LAYOUT.key([later]) == LAYOUT.key([build(1)])


def test_original_messages_have_their_own_object() -> None:
    """Original messages are in a separate object in quarantine, named after their events."""
    originals = [line_delivery(each * 16)._replace(original=f'"{each}"') for each in ("ab", "cd")]
    assert LAYOUT.original_key(originals) == (
        "quarantine/handset_change/withheld/"
        "20260301T120000Z-c95247afbfed299e66b89170001fc02d.ndjson.gz"
    )
    assert gzip.decompress(original_body(originals)) == b'"ab"\n"cd"\n'


@pytest.mark.parametrize(
    ("key", "parsed"),
    [
        ("a/b/moves/dt=2026-03-01/n.gz", ArchiveKey("a/b", "moves", "2026-03-01", "n.gz")),
        ("a/moves/withheld/n", ArchiveKey("a", "moves", None, "n")),
        ("a/moves/dt=2026-03-01/", ArchiveKey("a", "moves", "2026-03-01")),
        ("a/moves/dt=2026-03-01", None),
        ("a/moves/dt=2026-3-1/n", None),
        ("a/moves/dt=2026-99-99/n", None),
        ("a/moves/dt=2026-03-01/x/n", None),
        ("moves/dt=2026-03-01/n", None),
    ],
)
def test_key_is_parsed_and_formatted(key: str, parsed: ArchiveKey | None) -> None:
    """A key of lines, of original messages or of a folder is parsed; others return None."""
    assert ArchiveKey.parse(key) == parsed
    assert parsed is None or parsed.format() == key


def test_key_of_a_part_keeps_the_time() -> None:
    """An object with a part of another's events is in the same folder, with the same time."""
    whole = ArchiveKey("a", "moves", "2026-03-01").for_events(
        ["1", "2"], time="2026-03-01T12:00:00Z"
    )

    assert whole.name.startswith("20260301T120000Z-")
    assert whole.holds_lines
    assert whole.for_events(["2", "1"]) == whole
    part = whole.for_events(["2"])
    assert part.name.partition("-")[0] == whole.name.partition("-")[0]
    assert part != whole
    other = ArchiveKey("a", "moves", "2026-03-01", "another's.ndjson.gz").for_events(["2"])
    assert other.name == part.name.replace("20260301T120000Z", "another's")


@pytest.mark.parametrize(
    ("event_type", "day", "name"),
    [("a/b", None, "n"), ("moves", None, "a/n"), ("moves", "2026-99-99", "n")],
)
def test_key_that_would_not_be_parsed_is_not_made(
    event_type: str, day: str | None, name: str
) -> None:
    """A slash in an event type or a name, and a day that does not exist, are rejected."""
    with pytest.raises(ValueError, match=r"slash|month"):
        ArchiveKey("a", event_type, day, name)
