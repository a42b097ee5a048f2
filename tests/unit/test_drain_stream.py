from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import pytest

from eventdrain.drain import EndReason
from eventdrain.errors import (
    StreamEnded,
    TokenUnavailable,
    rejected_token,
)
from tests.fakes import (
    FOR_EVER,
    RENEW_TOKEN,
    FakeAuthorization,
    FakeEventSource,
    Script,
)
from tests.unit.drain_bench import (
    COMMIT_UNTIL,
    IDLE,
    READ_UNTIL,
    REFUSED,
    REJECTED,
    TURNS,
    DrainBench,
    burst,
)

if TYPE_CHECKING:
    from eventdrain.drain import Report
    from eventdrain.errors import StreamError

AWAY: Final = Script(refused_with=StreamEnded("away"))
CUT: Final = Script([burst(3)], ends_at=0.0)
NEXT: Final = Script([burst(3, first=3)])
LONG: Final = 2 * READ_UNTIL


def heard(seconds: float) -> Script:
    """Return a script of a stream that is open without events for some time."""
    return Script(ends_at=seconds)


def silent(seconds: float) -> Script:
    """Return a script of a stream that is open without answers to probes for some time."""
    return Script(ends_at=seconds, proven_at=FOR_EVER)


# --- The stream breaks ---


@pytest.mark.parametrize(
    ("scripts", "acked"),
    [
        ([replace(CUT, ends_at=1.0), replace(NEXT, ends_at=1.0)], 6),
        # Even if the server was unavailable for long before.
        ([*[AWAY] * 4, replace(CUT, ends_at=1.0)], 3),
        # A healthy quiet stream that is closed now and then.
        ([Script(ends_at=2.0)] * 40, 0),
    ],
    ids=["after events", "after events after failures", "after a stream that lived"],
)
def test_stream_is_opened_again(scripts: list[Script], acked: int) -> None:
    """A stream that the server closes is opened again after about a second."""
    bench = DrainBench(FakeEventSource(*scripts), idle=LONG)
    report = bench.drain()
    assert report.acked == acked
    away = scripts.count(AWAY)
    for left, connected in zip(
        bench.source.left_at[away:], bench.source.connected_at[away + 1 :], strict=False
    ):
        assert 0.5 <= connected - left <= 1.5 + TURNS


def test_waits_between_openings_grow() -> None:
    """Attempts to reach an unavailable server become rarer, up to about every half minute."""
    source = FakeEventSource(*[AWAY] * 100)
    bench = DrainBench(source, read_until=600.0, commit_until=615.0)
    report = bench.drain()
    assert_unreachable(report, "away")
    waits = [later - earlier for earlier, later in pairwise(source.connected_at)]
    for wait, middle in zip(waits, (1, 2, 4, 8, 16, 30, 30, 30), strict=False):
        assert middle / 2 <= wait <= middle * 1.5 + TURNS
    assert 13 <= report.connections <= 60
    assert bench.took == pytest.approx(600.0, abs=TURNS), "the window doesn't wait for an opening"


def test_opening_alone_is_no_success() -> None:
    """Waits also grow if the server opens streams and breaks them at once."""
    source = FakeEventSource(*[Script(ends_at=0.0)] * 100)
    assert DrainBench(source, read_until=600.0, commit_until=615.0).drain().connections <= 60


@pytest.mark.parametrize(
    ("scripts", "idle", "end_reason", "acked"),
    [
        pytest.param([Script(opening_seconds=20.0)], LONG, EndReason.WINDOW, 0, id="quiet"),
        pytest.param([CUT, *[AWAY] * 100], IDLE, EndReason.WINDOW, 3, id="away after events"),
        pytest.param([CUT, NEXT], 0.1, EndReason.IDLE, 6, id="closed right after events"),
        pytest.param(
            [replace(CUT, error=REJECTED), NEXT], 0.1, EndReason.IDLE, 6, id="rejected after events"
        ),
        # More events than fit into a batch wait when the stream is refused.
        pytest.param(
            [Script([burst(30)], ends_at=0.0, error=REFUSED)],
            IDLE,
            EndReason.FAILED,
            30,
            id="then refused",
        ),
        # A quiet window during most of which the API was unavailable fails.
        pytest.param([silent(40.0)], LONG, EndReason.FAILED, 0, id="silent at first, long"),
        pytest.param([silent(20.0)], LONG, EndReason.WINDOW, 0, id="silent at first"),
        pytest.param(
            [heard(20.0), silent(40.0)], LONG, EndReason.FAILED, 0, id="silent then, long"
        ),
        pytest.param([heard(40.0), silent(20.0)], LONG, EndReason.WINDOW, 0, id="silent then"),
    ],
)
def test_end_of_a_drain(
    scripts: list[Script], idle: float, end_reason: EndReason, acked: int
) -> None:
    """A closed or silent stream is not idle; a quiet open one is not a failure."""
    report = DrainBench(FakeEventSource(*scripts), idle=idle).drain()
    assert report.end_reason is end_reason
    assert report.acked == acked


@pytest.mark.parametrize(
    ("script", "seconds_in_thread", "cause"),
    [
        (Script(opening_seconds=FOR_EVER), 0.0, "no HTTP/2 connection was established"),
        # A gateway opens streams although the API behind it is down.
        (silent(2.0 * IDLE), 0.0, "made up; made up: no answer to a probe"),
        # A token endpoint is slow.
        (Script(refused_with=REJECTED), 10 * COMMIT_UNTIL, "made up: not this token"),
    ],
)
def test_window_in_which_nothing_was_heard(
    script: Script, seconds_in_thread: float, cause: str
) -> None:
    """If the server is never heard, the run fails at the end of the window."""
    source = FakeEventSource(*[script] * 20)
    bench = DrainBench(source, seconds_in_thread=seconds_in_thread)
    report = bench.drain()
    assert_unreachable(report, cause)
    assert bench.took == pytest.approx(READ_UNTIL, abs=TURNS)


def test_last_cause_is_named_with_its_hint() -> None:
    """If the server is never reached, the error has the reasons, and the last one's hint."""
    ends = [StreamEnded("no name", hint="look it up"), StreamEnded("no way", hint="build one")]
    scripts = [Script(refused_with=ends[0]), *[Script(refused_with=ends[1])] * 30]
    report = DrainBench(FakeEventSource(*scripts)).drain()
    assert report.error is not None
    assert report.error.endswith("no way. To fix this, build one.")


def assert_unreachable(report: Report, last_end: str) -> None:
    """Assert that a report's error says that nothing was heard, and repeats the last reason."""
    assert report.end_reason is EndReason.FAILED, "a closed stream is not idle"
    assert report.error is not None
    assert report.error.startswith(
        "the event API sent no event and answered no probe during the whole window:"
        f" {last_end}. To fix this, check the parameter ApiEndpoint (API_ENDPOINT)"
    )


@pytest.mark.parametrize("lives", [1.0, IDLE - 0.1])
def test_quiet_counts_over_streams_that_were_all_proven(lives: float) -> None:
    """A healthy quiet stream ends the run as idle, even if it is closed more often than that."""
    bench = DrainBench(FakeEventSource(*[Script(ends_at=lives)] * 20))
    report = bench.drain()
    assert report.end_reason is EndReason.IDLE
    # At the latest by the probe of the stream that is open when the idle time is over.
    assert IDLE <= bench.took <= IDLE + 1.5 + 0.25 + TURNS


# --- The token is not accepted ---


def test_rejected_token_is_renewed() -> None:
    """A rejected token is renewed, and the new one used after about ten seconds."""
    source = FakeEventSource(
        Script(refused_with=REJECTED), Script([burst(3)], ends_at=1.0), Script([burst(3, first=3)])
    )
    bench = DrainBench(source)
    report = bench.drain()
    assert report.acked == 6
    assert source.tokens == ["token-1", "token-2", "token-2"]
    assert bench.authorization.rejections == ["token-1"]
    assert 5.0 <= source.connected_at[1] - source.left_at[0] <= 15.0 + TURNS


class NoToken(FakeAuthorization):
    """Has no token."""

    def token(self) -> str | None:
        """See ``ports.Authorization``."""
        raise TokenUnavailable("away")


@pytest.mark.parametrize(
    ("refused_with", "authorization", "error", "tokens"),
    [
        (REJECTED, FakeAuthorization(), str(rejected_token()), ["token-1", "token-2"]),
        (REFUSED, FakeAuthorization(), str(REFUSED), ["token-1"]),
        (None, NoToken(), "away", []),
    ],
    ids=["second rejection", "refused", "no token to begin with"],
)
def test_no_access_ends_the_drain(
    refused_with: StreamError | None,
    authorization: FakeAuthorization,
    error: str,
    tokens: list[str],
) -> None:
    """A drain without an accepted token, or without permission, fails with the reason."""
    source = FakeEventSource(*[Script(refused_with=refused_with)] * 5)
    report = DrainBench(source, authorization=authorization).drain()
    assert (report.end_reason, report.error) == (EndReason.FAILED, error)
    assert report.is_access_refused is (refused_with is not REFUSED)
    assert source.tokens == tokens
    assert authorization.renewals == len(tokens) // 2


def test_token_that_expires_during_a_stream() -> None:
    """Events received before the rejection are committed, with the new token if needed."""
    source = FakeEventSource(
        Script([burst(13)], ends_at=0.1, error=REJECTED), Script([burst(3, first=13)])
    )
    bench = DrainBench(
        source,
        acks=lambda _delivery, _attempt, token: None if token == "token-2" else RENEW_TOKEN,
        seconds_in_thread=0.5,
    )
    report = bench.drain()
    assert report.end_reason is EndReason.IDLE
    assert report.acked == 16
    assert bench.authorization.renewals == 1
