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
    """Let a stream be open, without an event, for so long."""
    return Script(ends_at=seconds)


def silent(seconds: float) -> Script:
    """Let a stream be open for so long, without an answer to probes."""
    return Script(ends_at=seconds, proven_at=FOR_EVER)


# --- The stream breaks ---


@pytest.mark.parametrize(
    ("scripts", "acked"),
    [
        ([replace(CUT, ends_at=1.0), replace(NEXT, ends_at=1.0)], 6),
        # However long the server was away before it.
        ([*[AWAY] * 4, replace(CUT, ends_at=1.0)], 3),
        # A healthy quiet stream that is closed now and then.
        ([Script(ends_at=2.0)] * 40, 0),
    ],
    ids=["after events", "after events after failures", "after a stream that lived"],
)
def test_stream_is_opened_again(scripts: list[Script], acked: int) -> None:
    """A stream that the server closes is opened again after about a second, and goes on."""
    bench = DrainBench(FakeEventSource(*scripts), idle=LONG)
    report = bench.drain()
    assert report.acked == acked
    away = scripts.count(AWAY)
    for left, connected in zip(
        bench.source.left_at[away:], bench.source.connected_at[away + 1 :], strict=False
    ):
        assert 0.5 <= connected - left <= 1.5 + TURNS


def test_waits_between_openings_grow() -> None:
    """A server that is away is asked less and less often, up to every half minute or so."""
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
    """A server that takes streams and breaks them at once is not asked every second."""
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
        pytest.param([replace(CUT, error=REFUSED)], IDLE, EndReason.FAILED, 3, id="then refused"),
        # A quiet window of which the API was away for the most part fails, however it ends.
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
    """A closed or silent stream is not idle, and a quiet one that is open is no failure."""
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
    """A server that is never heard fails the run, when the window ends and no later."""
    source = FakeEventSource(*[script] * 20)
    bench = DrainBench(source, seconds_in_thread=seconds_in_thread)
    report = bench.drain()
    assert_unreachable(report, cause)
    assert bench.took == pytest.approx(READ_UNTIL, abs=TURNS)


def test_last_cause_is_named_with_its_hint() -> None:
    """A server that is never reached: the error has the reasons met, and what the last one asks."""
    ends = [StreamEnded("no name", hint="look it up"), StreamEnded("no way", hint="build one")]
    scripts = [Script(refused_with=ends[0]), *[Script(refused_with=ends[1])] * 30]
    report = DrainBench(FakeEventSource(*scripts)).drain()
    assert report.error is not None
    assert report.error.endswith("no way. To fix this, build one.")


def assert_unreachable(report: Report, last_end: str) -> None:
    """Hold a report to an error that says that nothing was heard, and what was met instead."""
    assert report.end_reason is EndReason.FAILED, "a stream that is away is not idle"
    assert report.error is not None
    assert report.error.startswith(
        "the event API sent no event and answered no probe during the whole window:"
        f" {last_end}. To fix this, check the parameter ApiEndpoint (API_ENDPOINT)"
    )


@pytest.mark.parametrize("lives", [1.0, IDLE - 0.1])
def test_quiet_counts_over_streams_that_were_all_proven(lives: float) -> None:
    """A healthy quiet stream that is closed oftener than a run is idle ends the run as idle."""
    bench = DrainBench(FakeEventSource(*[Script(ends_at=lives)] * 20))
    report = bench.drain()
    assert report.end_reason is EndReason.IDLE
    # At the latest in the first stream that is open when so much quiet has gone by, by its probe.
    assert IDLE <= bench.took <= IDLE + 1.5 + 0.25 + TURNS


# --- The token is not accepted ---


def test_rejected_token_is_renewed() -> None:
    """A rejected token is replaced for good, and the new one tried after some ten seconds."""
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
    """A drain without a token that is accepted, or that the server refuses, fails with why."""
    source = FakeEventSource(*[Script(refused_with=refused_with)] * 5)
    report = DrainBench(source, authorization=authorization).drain()
    assert (report.end_reason, report.error) == (EndReason.FAILED, error)
    assert report.is_access_refused is (refused_with is not REFUSED)
    assert source.tokens == tokens
    assert authorization.renewals == len(tokens) // 2


def test_token_that_expires_during_a_stream() -> None:
    """What came before the rejection is committed, with the new token if need be."""
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
