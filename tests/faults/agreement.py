"""Schedules that both worlds can run: the simulation, and the real adapters over loopback.

A schedule has one to three runs, one after another. The events of a run are published before it,
and faults strike by a count of calls, not by time. So what happens depends on the schedule alone,
as ``draw_schedule`` ensures: either the server sends one event at a time, or the events of a run
are one batch, of which a fault strikes all calls or none for good.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest.mock import patch

import grpc
from msgspec.structs import asdict

from eventdrain.drain import EndReason, LeftReason
from simulator.event_server import (
    ACK_FAILURE,
    AckFault,
    Answer,
    DeliveryFault,
    Event,
    Requeue,
    ServerRules,
    StreamFault,
    with_bad_utf8,
    with_timestamp,
)
from simulator.token_server import TokenFault
from tests.faults.http_proxy import GetSecretFault, PutObjectFault, PutSecretFault, SendBatchFault
from tests.faults.scene import QUICK, Scene
from tests.simulation.cloud import Cloud as SimulatedCloud
from tests.simulation.faults import FAULTS, Injected
from tests.simulation.schedule import EVENT_TYPE, Options, Schedule
from tests.simulation.server import Rules
from tests.simulation.simulate import simulate, virtual
from tests.simulation.world import Call, Point, World
from wgtwo.events.v1.events_pb2 import AckStatus
from wgtwo.subscription.v1.subscription_events_pb2 import StreamHandsetChangeEventsResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from eventdrain.drain import Report
    from tests.faults.cloud import Cloud

_SLOWER: Final = 4
"""How many times as long latencies and waits are in the simulation as over loopback."""
_TICK_SECONDS: Final = 200
_ACK_TIMEOUT: Final = timedelta(seconds=100)
"""It never passes in a run, and always between two. So it is not scaled; nor are windows."""
_WINDOW: Final = timedelta(seconds=60)
"""No run lasts so long, even on a slow machine."""
_WINDOW_OF_OUTAGE: Final = timedelta(seconds=6)
"""Runs last so long if a fault strikes all calls of a service."""
_ALLOWED: Final = timedelta(seconds=180)
_MOST_SETTLING_WINDOWS: Final = 4
_MOST_EVENTS: Final = 10
"""In a run: they fit into one call of SQS."""
_FEW_EVENTS: Final = 3
"""The limit of some runs."""
_OVERSIZE: Final = 2_000
"""As in the simulation."""
_SCALED_WAITS: Final = {  # not of reopening a stream: an event is acked before that
    "eventdrain.drain.commit._FIRST_WAIT": timedelta(milliseconds=200) / _SLOWER,
    "eventdrain.drain.subscription._AFTER_AUTHENTICATION_ERROR": timedelta(seconds=1) / _SLOWER,
}


class Kind(NamedTuple):
    """A fault of the simulation, for both worlds.

    Attributes:
        parts: What it concerns. Two faults of one part would disturb each other in one run.
        real: The fault over loopback.
        times: How many calls of a run it may strike.
        times_one_by_one: How many more it may strike, if events come one by one.
    """

    parts: str
    real: Any
    times: Sequence[int] = ()
    times_one_by_one: Sequence[int] = ()


_ALL: Final = 1_000_000
_DENIED: Final[dict[str, Any]] = {"status": 403, "code": "AccessDenied"}
_THROTTLED: Final[dict[str, Any]] = {"status": 400, "code": "ThrottlingException"}
_ANSWER_LOST: Final[dict[str, Any]] = {"is_reset": True, "is_forwarded": True}
_NO_CLIENT: Final = TokenFault(status=401, body=b'{"error": "invalid_client"}')
_REJECTED: Final = SendBatchFault(failed=(0,), failed_code="MadeUp", is_senders_fault=True)
_FORGOTTEN: Final = AckFault(is_taken=False, status=AckStatus.STATUS_CODE_SUCCESS)


def _stream(code: str) -> StreamFault:
    return StreamFault(code=grpc.StatusCode[code])


def _ack(code: str, *, is_taken: bool = False) -> AckFault:
    return AckFault(code=grpc.StatusCode[code], is_taken=is_taken)


KINDS: Final = {
    "S3 throttles": Kind("archive", PutObjectFault(status=503, code="SlowDown"), (1, 2, 3)),
    "S3 stores, the answer is lost": Kind("archive", PutObjectFault(**_ANSWER_LOST), (1, 2)),
    "S3 denies": Kind("archive", PutObjectFault(**_DENIED), (_ALL,), (1,)),
    "SQS throttles": Kind("queue", SendBatchFault(**_THROTTLED), (1, 2, 3)),
    "SQS takes messages, the answer is lost": Kind("queue", SendBatchFault(**_ANSWER_LOST), (1, 2)),
    "SQS takes some messages": Kind("queue", SendBatchFault(failed=(0,)), (1, 2, 3)),
    "SQS rejects some events": Kind("queue", _REJECTED, (), (1, 2)),
    "SQS denies": Kind("queue", SendBatchFault(**_DENIED), (_ALL,), (1,)),
    "an ack fails": Kind("acks", ACK_FAILURE, (1, 3, 4, _ALL), (5, 6, 7)),
    "an ack is throttled": Kind("acks", _ack("RESOURCE_EXHAUSTED"), (1, 2, 3)),
    "an ack is taken, the answer is lost": Kind(
        "acks", _ack("UNAVAILABLE", is_taken=True), (1, 2, 3)
    ),
    "an ack is rejected": Kind("acks", _ack("NOT_FOUND"), (_ALL,), (1, 2)),
    "acks are denied": Kind("acks", _ack("PERMISSION_DENIED"), (_ALL,), (1,)),
    "an ack is taken, the server forgets it": Kind("acks", _FORGOTTEN, (_ALL,)),
    "the server omits handles": Kind("handles", DeliveryFault(omits_ack_info=True), (_ALL,)),
    "streams cannot be opened": Kind("streams", _stream("UNAVAILABLE"), (1, 2)),
    "streams are denied": Kind("streams revocation", _stream("PERMISSION_DENIED"), (_ALL,)),
    "no token is accepted": Kind("streams", _stream("UNAUTHENTICATED"), (_ALL,)),
    "the server exceeds the in-flight limit": Kind(
        "streams", StreamFault(in_flight_factor=5), (_ALL,)
    ),
    "secrets cannot be read": Kind("secrets", GetSecretFault(**_THROTTLED), (_ALL,)),
    "the token cannot be cached": Kind("caching", PutSecretFault(**_THROTTLED), (_ALL,)),
    "the token endpoint is down": Kind("minting", TokenFault(status=503), (_ALL,)),
    "the token endpoint rejects the client": Kind("minting", _NO_CLIENT, (_ALL,)),
}
"""Faults of calls: a row for each that both worlds can be made to have."""

CUTS: Final = {
    "all streams are cut": grpc.StatusCode.UNAVAILABLE,
    "the server closes all streams": grpc.StatusCode.OK,
    "streams are refused while open": grpc.StatusCode.INVALID_ARGUMENT,
}
"""Ends of a stream after a number of deliveries."""

DEEDS: Final[Mapping[str, Callable[[Scene], None]]] = {
    "all tokens are revoked": lambda scene: scene.event_server.tokens.revoke_all(),
    "the client's secret is rotated": lambda scene: scene.rotate_client(),
}
"""What happens between two runs."""

_OUTAGES: Final = ("S3 throttles", "SQS throttles", "streams cannot be opened")
"""Faults that, if they strike all calls, make a run last as long as its window."""


_PREVENTING: Final = (
    "streams are denied",
    "no token is accepted",
    "secrets cannot be read",
    "the token endpoint is down",
    "the token endpoint rejects the client",
)
"""Faults because of which a run may get no event; so they are drawn for few runs."""


class Planned(NamedTuple):
    """A fault in a schedule: it strikes ``times`` calls of a run, after ``skip`` others."""

    name: str
    run: int
    times: int = _ALL
    skip: int = 0

    @property
    def injected(self) -> Injected:
        """The fault as the simulation knows it."""
        at = _before(self.run)
        return Injected(
            name=self.name, at=at, lasts=_before(self.run + 1) - 1 - at, probability=1.0, draw=0.0
        )

    def inject(self, scene: Scene) -> None:
        """Let it strike over loopback."""
        if self.name in DEEDS:
            DEEDS[self.name](scene)
        elif self.name in CUTS:
            fault = StreamFault(code=CUTS[self.name], after=self.skip)
            scene.faults.inject(fault, times=1)
        else:
            scene.faults.inject(KINDS[self.name].real, times=self.times, skip=self.skip)


@dataclass(frozen=True)
class Scenario:
    """A schedule with its counted faults."""

    schedule: Schedule
    planned: tuple[Planned, ...]

    @property
    def runs(self) -> int:
        """How many runs there are, before everything settles."""
        return round(self.schedule.ends_at / self.schedule.tick_seconds)


class Result(NamedTuple):
    """What both worlds must agree on after a run, in numbers of events.

    Attributes:
        end: The reason for the end.
        acked: The events that the server takes as acked, after this run and those before.
        archived: The events in the archive, likewise.
        queued: The events in the queue, likewise.
        confirmed: How many acks the report counts.
        left: How many deliveries were taken and left, by reason.
        failures: The causes; empty if the window has ended in the midst of a retry.
        renewals_failed: How often a token could not be renewed or cached.
        minted: How many tokens were minted, likewise.
        connections: How often a stream was opened, if the run has ended as idle.
    """

    end: str
    acked: frozenset[int]
    archived: frozenset[int]
    queued: frozenset[int]
    confirmed: int
    left: Mapping[str, int]
    failures: Mapping[str, int]
    renewals_failed: int
    minted: int
    connections: int | None


def draw_scenario(seed: int) -> Scenario:
    """Draw the schedule of a seed."""
    chance = random.Random(f"agreement {seed}")  # noqa: S311 - no secrets
    pick = chance.choice
    is_single = chance.random() < 0.7
    is_outage = chance.random() < 0.08
    runs = 1 if is_outage else pick((1, 2, 3))
    requeues_at_once = pick((True, False))
    most = 3 if is_outage else 6 if is_single else _MOST_EVENTS
    kinds = ["usual", "usual", "usual", "oversize", "unreadable"]
    if is_single:
        kinds.append("old")  # elsewhere it would make a second batch
    counts = (0, 1, *(most,) * 4)
    events = tuple((_before(run), pick(kinds)) for run in range(runs) for _ in range(pick(counts)))
    if is_outage:
        planned = [Planned(pick(_OUTAGES), 0)]
    else:
        planned = [
            each
            for run in range(runs)
            for each in _draw_faults(
                chance, run, is_single=is_single, requeues_at_once=requeues_at_once
            )
        ]
    schedule = Schedule(
        seed=chance.randrange(2**31),
        options=Options(
            backlog_runs=0,
            max_in_flight=1 if is_single else pick((_MOST_EVENTS * 3, 200)),
            max_events=pick((_FEW_EVENTS, 100_000, 100_000)),
            window=_WINDOW_OF_OUTAGE if is_outage else _WINDOW,
            idle=timedelta(seconds=60 if is_outage else 2),
            linger=timedelta(seconds=5),
            reserve=timedelta(seconds=5),
            ack_timeout=_ACK_TIMEOUT,
            events_per_message=pick((1, 3, 100)),
        ),
        credentials="client",
        token_seconds=3600.0,
        rules=Rules(
            requeues_at_once=requeues_at_once,
            accepts_stale=pick((True, False)),
            accepts_repeated=pick((True, False)),
            rejects_by_status=True,
        ),
        latency=pick((0.01, 0.05, 0.3)),
        tick_seconds=_TICK_SECONDS,
        ends_at=runs * _TICK_SECONDS - 0.5,
        retries=0,
        replay=None,
        events=events,
        faults=tuple(each.injected for each in planned if each.name not in CUTS),
    )
    return Scenario(schedule, tuple(planned))


def _draw_faults(
    chance: random.Random, run: int, *, is_single: bool, requeues_at_once: bool
) -> Iterator[Planned]:
    """Draw the faults of a run, of each part one at most."""
    struck: set[str] = set()
    for name in DEEDS:
        if run and chance.random() < 0.15:
            struck.add("revocation")
            yield Planned(name, run)
    if is_single and chance.random() < 0.25:
        struck |= {"archive", "streams"}
        if requeues_at_once:  # an ack that is sent again may come after the event has come again
            struck |= {"queue", "acks"}
        yield Planned(chance.choice([*CUTS]), run, 1, skip=chance.randint(1, _FEW_EVENTS - 1))
    names = chance.sample(
        [each for each in KINDS if each not in _PREVENTING], chance.choice((0, 1, 2, 4, 6))
    )
    if chance.random() < 0.2:
        names.append(chance.choice(_PREVENTING))
    for name in names:
        kind = KINDS[name]
        parts = {*kind.parts.split()}
        times = sorted((*kind.times, *(kind.times_one_by_one if is_single else ())))
        if struck & parts or not times:
            continue
        struck |= parts
        count = chance.choice(times)
        # Only streams that cannot be opened are followed by others.
        skips = is_single and count < _ALL and "streams" not in parts
        yield Planned(name, run, count, chance.choice((0, 0, 1, 2)) if skips else 0)


def _before(run: int) -> float:
    """Return a time shortly before a run."""
    return max(0.0, run * _TICK_SECONDS - 1.0)


# --- In the simulation ---


class _CountingWorld(World):
    """A world whose faults strike by their counts."""

    cloud: SimulatedCloud

    def __init__(self, scenario: Scenario, *, is_traced: bool) -> None:
        super().__init__(scenario.schedule, is_traced=is_traced)
        self._planned = {each.injected: each for each in scenario.planned}
        self._turns: Counter[Injected] = Counter()

    def strikes(self, point: Point) -> Injected | None:
        """Return the fault that strikes a call now, if it is its turn."""
        for fault, planned in self._planned.items():
            if point in fault.kind.points and fault.at <= self.time < fault.until:
                self._turns[fault] += 1
                if not planned.skip < self._turns[fault] <= planned.skip + planned.times:
                    return None
        return super().strikes(point)

    async def call(self, call: Call[Any]) -> Any:
        """Make a call; at the write of an event, cut the stream if it is its turn."""
        if call.point is Point.PUT:
            for fault, planned in self._planned.items():
                if planned.name in CUTS and fault.at <= self.time < fault.until:
                    self._turns[fault] += 1
                    if self._turns[fault] == planned.skip:
                        deed = FAULTS[fault.name].begins
                        assert deed is not None
                        deed(self.cloud, fault)
        return await super().call(call)


class _ObservedCloud(SimulatedCloud):
    """A cloud with the result of each run."""

    def __init__(self, world: _CountingWorld, *others: Any) -> None:
        super().__init__(world, *others)
        world.cloud = self
        self.results: list[Result] = []

    def _handle(self, *arguments: Any) -> Report:
        report = super()._handle(*arguments)
        self.results.append(self.result(report))
        return report

    def result(self, report: Report) -> Result:
        """Return what has happened until now."""
        events = self.server.events
        return _result(
            report,
            acked={each.number for each in events if each.acked_at is not None},
            archived={each.number for each in events if self.archive.ever[each.event_id]},
            queued={each.number for each in events if self.queue.ever[each.event_id]},
            minted=self.tokens.minted,
        )


def results_of_simulation(scenario: Scenario) -> Sequence[Result]:
    """Return the result of each run in the simulation, with the runs that settle.

    Raises:
        AssertionError: The simulation has found a violation.
    """
    clouds: list[_ObservedCloud] = []

    def cloud(*arguments: Any) -> SimulatedCloud:
        clouds.append(_ObservedCloud(*arguments))
        return clouds[-1]

    def world(_schedule: Schedule, *, is_traced: bool) -> World:
        return _CountingWorld(scenario, is_traced=is_traced)

    with (
        virtual(),
        patch("tests.simulation.simulate.World", world),
        patch("tests.simulation.simulate.Cloud", cloud),
    ):
        found = simulate(scenario.schedule).violations
    assert not found, found
    return clouds[0].results


# --- Over loopback ---


def results_over_loopback(cloud: Cloud, scenario: Scenario) -> Sequence[Result]:
    """Return the result of each run over the real adapters, and that of the end.

    Raises:
        AssertionError: An invariant does not hold, or the scene does not settle.
    """
    schedule = scenario.schedule
    with ExitStack() as stack:
        for name, wait in _SCALED_WAITS.items():
            stack.enter_context(patch(name, wait))
        for module in ("pointer", "queue_message"):
            stack.enter_context(patch(f"eventdrain.events.{module}.MAX_LINE_BYTES", _OVERSIZE))
        scene = stack.enter_context(Scene(cloud, rules=_server_rules(schedule.rules)))
        settings = asdict(schedule.options)
        settings |= {name: settings[name] / _SLOWER for name in ("idle", "linger")}
        results = []
        for run in range(scenario.runs):
            scene.event_server.publish(_events_of(schedule, run))
            for each in scenario.planned:
                if each.run == run:
                    each.inject(scene)
            _inject_latency(scene, schedule.latency / _SLOWER)
            report = scene.drain(allowed=_ALLOWED, **settings)
            scene.event_server.wait_until(lambda ledger: not ledger.open_streams)
            scene.faults.clear()
            scene.event_server.advance(timedelta(seconds=_TICK_SECONDS))
            results.append(_result_of_scene(scene, report))
        scene.settle(
            max_windows=_MOST_SETTLING_WINDOWS,
            allowed=_ALLOWED,
            **settings | {"max_events": 100_000, "idle": QUICK["idle"]},
        )
        scene.check()
        results.append(_result_of_scene(scene, report))
        return results


def _server_rules(rules: Rules) -> ServerRules:
    def answer(is_accepted: bool) -> Answer:  # noqa: FBT001
        return Answer.ACCEPT if is_accepted else Answer.REFUSE

    # Once the simulation sends an event again, acks of its earlier deliveries are stale.
    accepts_after_end = rules.accepts_stale or not rules.requeues_at_once
    return ServerRules(
        requeue=Requeue.AT_ONCE if rules.requeues_at_once else Requeue.AFTER_ACK_TIMEOUT,
        stale_acks=answer(rules.accepts_stale),
        repeated_acks=answer(rules.accepts_repeated),
        acks_after_end=answer(accepts_after_end),
    )


def _events_of(schedule: Schedule, run: int) -> Iterator[Event]:
    """Build the events of a run, as of now."""
    for event, (at, kind) in zip(schedule.new_events(), schedule.events, strict=True):
        if at == _before(run):
            message = event.message("", False).replace(b"\xff999", b"+999")  # noqa: FBT003
            readable = Event.of(EVENT_TYPE, StreamHandsetChangeEventsResponse.FromString(message))
            age = timedelta(days=1 if kind == "old" else 0)
            dated = with_timestamp(readable, datetime.now(UTC) - age)
            yield with_bad_utf8(dated) if kind == "unreadable" else dated


def _inject_latency(scene: Scene, seconds: float) -> None:
    for fault in (PutObjectFault, SendBatchFault, AckFault):
        scene.faults.inject(fault(delay=timedelta(seconds=seconds)))


def _result_of_scene(scene: Scene, report: Report) -> Result:
    evidence = scene.evidence(is_settled=False)
    numbers = evidence.ledger.events
    return _result(
        report,
        acked={number - 1 for number in evidence.ledger.acked},
        archived={n - 1 for n in numbers if evidence.ids_of(n) & evidence.archived.keys()},
        queued={n - 1 for n in numbers if evidence.ids_of(n) & evidence.queued.keys()},
        minted=scene.token_server.minted,
    )


# --- Comparison ---


def _result(
    report: Report, *, acked: set[int], archived: set[int], queued: set[int], minted: int
) -> Result:
    is_cut_off = report.end_reason is EndReason.WINDOW
    return Result(
        end=report.end_reason.value,
        acked=frozenset(acked),
        archived=frozenset(archived),
        queued=frozenset(queued),
        confirmed=report.acked,
        left={k: n for k, n in report.left.items() if k != LeftReason.NOT_TAKEN},
        failures={} if is_cut_off else {**report.failures},
        renewals_failed=report.token_renewals_failed,
        minted=minted,
        connections=report.connections if report.end_reason is EndReason.IDLE else None,
    )


def disagreements(cloud: Cloud, scenario: Scenario) -> list[str]:
    """Run a schedule in both worlds, and describe each difference."""
    simulated = results_of_simulation(scenario)
    *real, settled = results_over_loopback(cloud, scenario)
    found = [
        f"run {number}: {name} is {theirs} in the simulation and {ours} over loopback"
        for number, pair in enumerate(zip(simulated[: scenario.runs], real, strict=True), 1)
        for name, theirs, ours in zip(Result._fields, *pair, strict=True)
        if theirs != ours
    ]
    for name in ("acked", "archived", "queued"):
        theirs, ours = getattr(simulated[-1], name), getattr(settled, name)
        if theirs != ours:
            found.append(
                f"in the end, {name} is {theirs} in the simulation and {ours} over loopback"
            )
    return found
