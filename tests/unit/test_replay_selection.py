"""Which events are selected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import scrypt
from typing import Any, Final
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.errors import ConfigurationError
from eventdrain.events import rfc3339
from eventdrain.replay import Selection, since, until
from tests.deliveries import line_delivery, timestamps_in_range

STREAMS: Final = ("handset_change",)
ALL: Final = Selection(STREAMS)
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-03-01T12:00:00Z", NOON, NOON),
        ("2026-03-01T12:00:00.5Z", *[NOON + timedelta(milliseconds=500)] * 2),
        ("2026-03-01T14:00:00+02:00", NOON, NOON),
        ("2026-02-28T23:30:00-12:30", NOON, NOON),
    ],
)
def test_ends_of_a_range(text: str, start: datetime, end: datetime) -> None:
    """A range starts and ends at an instant, or with its day, in UTC."""
    assert (since(text), until(text)) == (start, end)


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "20260301", "2026-W09-1", "2026-03", "2026-13-01", "2026-02-30"),
        *("2026-03-01T12:00:00", "2026-03-01 12:00:00Z", "2026-03-01T25:00:00Z", "9999-12-31T"),
        *("0001-01-01T00:00:00+12:00", "٢٠٢٦-03-01", "2026-03-01\n"),
    ],
)
def test_what_is_no_time(text: str) -> None:
    """Anything else is rejected with an example; so is the last day of the calendar, as an end."""
    for read in (since, until):
        with pytest.raises(ConfigurationError, match="such as 2026-03-01"):
            read(text)
    with pytest.raises(ConfigurationError, match="leave out the end"):
        until("9999-12-31")


moments: Final = st.one_of(
    st.none(),
    st.datetimes(timezones=st.just(UTC)),
    st.integers(0, 3).map(lambda days: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=days)),
)
times: Final = st.one_of(
    st.none(),
    timestamps_in_range.map(lambda time: rfc3339(*time)),
    st.integers(0, 4 * 24).map(lambda hours: rfc3339(1_772_236_800 + hours * 3600, 0)),
)


@given(moments, moments, times, st.datetimes(timezones=st.just(UTC)))
def test_range(
    first: datetime | None, end: datetime | None, event_time: str | None, received_at: datetime
) -> None:
    """An event is in the range by its time, or else its arrival, and its folder is then read."""
    delivery = line_delivery(event_time=event_time, received_at=received_at)
    time = received_at if event_time is None else datetime.fromisoformat(event_time)
    selection = replace(ALL, since=first, until=end)
    assert selection.includes(delivery) == (
        (first is None or first <= time) and (end is None or time < end)
    )
    assert selection.may_include_day(delivery.day) or not selection.includes(delivery)


@pytest.mark.parametrize(
    ("first", "end", "days"),
    [
        (None, None, "01 02 03"),
        (NOON, None, "01 02 03"),
        (None, NOON, "01"),
        (since("2026-03-02"), until("2026-03-02"), "02"),
        (None, until("2026-03-02T00:00:00Z"), "01"),
        (None, until("2026-03-02T00:00:01Z"), "01 02"),
        (since("2026-03-01T23:59:59.999Z"), None, "01 02 03"),
    ],
)
def test_only_folders_that_can_hold_matches(
    first: datetime | None, end: datetime | None, days: str
) -> None:
    """A day without possible events of the range is not read."""
    selection = replace(ALL, since=first, until=end)
    found = [day for day in ("01", "02", "03") if selection.may_include_day(f"2026-03-{day}")]
    assert found == days.split()


@pytest.mark.parametrize(
    ("options", "is_selected"),
    [
        ({"event_ids": {"a"}}, True),
        ({"event_ids": {"b"}}, False),
        ({"subscriptions": {"s", "t"}}, True),
        ({"subscriptions": {"t"}}, False),
        ({"event_ids": {"a"}, "subscriptions": {"t"}}, False),
        ({"event_ids": {"a"}, "subscriptions": {"s"}}, True),
        ({"event_ids": {"a"}, "until": NOON}, False),
    ],
)
def test_options_narrow(options: dict[str, Any], *, is_selected: bool) -> None:
    """An event must match all options."""
    selection = replace(ALL, **options)
    assert selection.includes(line_delivery("a", subscription_id="s")) == is_selected


def test_digest_is_slow_to_guess() -> None:
    """The digest in a checkpoint is too slow to try all subscription ids."""
    with patch("eventdrain.replay.selection.scrypt", wraps=scrypt) as slow:
        replace(ALL, subscriptions=frozenset({"madeup:eu:5"})).digest({})
    assert slow.call_args.kwargs["n"] >= 2**14


def test_digest_distinguishes_selections() -> None:
    """The digest depends on everything that changes what is sent, also the order of streams."""
    both = ("handset_change", "country_change")
    variants = [
        ALL.digest({}),
        ALL.digest({"archive": "s3://made-up"}),
        Selection(both).digest({}),
        Selection(both[::-1]).digest({}),
        *(
            replace(ALL, **change).digest({})
            for change in (
                {"since": NOON},
                {"until": NOON},
                {"event_ids": frozenset("a")},
                {"subscriptions": frozenset("a")},
            )
        ),
    ]
    assert len(set(variants)) == len(variants)
    assert ALL.digest({}) == Selection(STREAMS).digest({})
