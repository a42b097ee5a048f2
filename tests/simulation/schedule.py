"""Schedules: what a seed decides."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict

from eventdrain.events import DeliveryReader
from eventdrain.settings import Settings
from tests.simulation.faults import AREAS, FAULTS, Injected
from tests.simulation.replays import PlannedReplay
from tests.simulation.secrets import CREDENTIALS, TOKEN
from tests.simulation.server import Event, Rules
from tests.simulation.world import STARTED_AT
from wgtwo.subscription.v1.subscription_events_pb2 import StreamHandsetChangeEventsResponse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_Credentials: TypeAlias = Literal["none", "static", "client"]
EVENT_TYPE: Final = "handset_change"
_BASE: Final = Settings.from_env(
    {
        "ARCHIVE_BUCKET": "made-up-bucket",
        "QUEUE_URL": "https://sqs.invalid/made-up",
        "EVENT_TYPES": EVENT_TYPE,
        "TOKEN_SECRET_ARN": TOKEN,
    }
)


class Options(Struct, frozen=True, kw_only=True):
    """The settings of the stack that schedules vary; see ``eventdrain.settings.Settings``."""

    parallel_streams: int = 1
    concurrent_runs: int = 1
    backlog_runs: int = 1
    max_in_flight: int = 200
    max_events: int = 100_000
    window: timedelta = timedelta(seconds=20)
    idle: timedelta = timedelta(seconds=1)
    linger: timedelta = timedelta(milliseconds=250)
    reserve: timedelta = timedelta(seconds=15)
    ack_timeout: timedelta = timedelta(seconds=25)
    events_per_message: int = 1


class Schedule(Struct, frozen=True, kw_only=True):
    """What happens in one schedule. Times are in seconds.

    Attributes:
        seed: The seed of everything that is drawn while it happens.
        options: The settings of the stack.
        credentials: What the credentials secret holds.
        token_seconds: The lifetime of tokens.
        rules: How the event server behaves.
        latency: How long a call takes.
        tick_seconds: The period of the schedule.
        ends_at: When the faults are over.
        retries: How often Lambda invokes the function again after an error.
        replay: A replay of the archive; None for none.
        events: When each event is published, and of which kind it is.
        faults: The faults.
    """

    seed: int
    options: Options
    credentials: _Credentials
    token_seconds: float
    rules: Rules
    latency: float
    tick_seconds: float
    ends_at: float
    retries: int
    replay: PlannedReplay | None
    events: tuple[tuple[float, str], ...]
    faults: tuple[Injected, ...]

    @property
    def settings(self) -> Settings:
        """The settings of the stack."""
        arn = "" if self.credentials == "none" else CREDENTIALS
        return replace(_BASE, credentials_secret_arn=arn, **asdict(self.options))

    @property
    def most_settling_runs(self) -> int:
        """Ticks after the faults, within which everything must be through."""
        limit = min(self.options.max_events, 20 * self.options.max_in_flight)
        return 8 + 3 * len(self.events) // limit

    @property
    def most_runs(self) -> int:
        """More runs than there should be."""
        ticks = self.ends_at / self.tick_seconds + 2 + self.most_settling_runs + len(self.faults)
        chain = self.options.concurrent_runs * (1 + self.options.backlog_runs)
        return int(ticks * chain * (1 + self.retries) * 2)

    def new_events(self) -> Iterator[Event]:
        """Build the events."""
        for number, (at, kind) in enumerate(self.events):
            yield _event(number, at, kind)


def draw(seed: int) -> Schedule:
    """Draw the schedule of a seed: a swarm, in which each has its own mix of faults."""
    chance = random.Random(seed)  # noqa: S311 - no secrets
    pick = chance.choice
    tick = pick((15.0, 30.0, 60.0))
    ends_at = tick * pick((1, 1, 2, 3)) + 5
    credentials: _Credentials = pick(("none", "static", "client", "client", "client"))
    count = pick((0, 1, 3, 8, 20))
    is_long = chance.random() < 0.15
    if is_long:
        tick = pick((300.0, 300.0, 1000.0))  # a secret is remembered for 900 s
        ends_at = 2 * tick + 5
    times = _draw_times(chance, count, tick, ends_at)
    kinds = ("unreadable", "oversize", "old", "usual")
    drawn = chance.choices(kinds, cum_weights=(0.04, 0.08, 0.12, 1.0), k=len(times))
    events = tuple(zip(times, drawn, strict=True))
    return Schedule(
        seed=chance.randrange(2**31),
        options=Options(
            parallel_streams=pick((1, 1, 1, 2)),
            concurrent_runs=pick((1, 1, 1, 2)),
            backlog_runs=pick((0, 1, 3)),
            max_in_flight=pick((1, 2, 5, 10, 200)),
            max_events=pick((3, 10, 100_000, 100_000)),
            window=timedelta(seconds=240 if is_long else pick((5, 5, 10, 20))),
            idle=timedelta(seconds=60 if is_long else pick((1, 1, 3))),
            linger=timedelta(milliseconds=pick((10, 250, 250, 5000))),
            reserve=timedelta(seconds=pick((5, 15))),
            ack_timeout=timedelta(seconds=pick((10, 25, 25))),
            events_per_message=pick((1, 1, 3, 100)),
        ),
        credentials=credentials,
        token_seconds=1e6 if credentials == "static" else pick((3600.0, 500.0, 220.0, 180.0, 60.0)),
        rules=Rules(*(pick((True, False)) for _ in range(4))),
        latency=pick((0.01, 0.05, 0.3)),
        tick_seconds=tick,
        ends_at=ends_at,
        retries=pick((0, 0, 1)),
        replay=_draw_replay(chance, ends_at, events),
        events=events,
        faults=tuple(_draw_faults(chance, tick, ends_at)),
    )


def _draw_times(chance: random.Random, count: int, tick: float, ends_at: float) -> Sequence[float]:
    """Draw the times of events: spread over the schedule, in a burst, or both."""
    ticks = [tick * number for number in range(int(ends_at / tick) + 1)]
    burst = max(0.0, chance.choice(ticks) + chance.random() * 3 - 2)  # as runs start, or before
    share = chance.choice((0.0, 0.5, 1.0))  # of the events that come in the burst
    times = sorted(
        burst + chance.random() ** 4 if chance.random() < share else chance.random() * ends_at
        for _ in range(count)
    )
    # The last one comes through only if runs succeed after the faults.
    return [*times[:-1], ends_at + 1] if times and chance.random() < 0.5 else times


def _draw_replay(
    chance: random.Random, ends_at: float, events: Sequence[tuple[float, str]]
) -> PlannedReplay | None:
    """Draw a replay, in one of three schedules; it may end just before one of the events."""
    if chance.random() > 0.33:
        return None
    number = chance.randrange(len(events)) if events and chance.random() < 0.33 else None
    return PlannedReplay(
        at=chance.random() * ends_at,
        seconds=chance.choice((0.2, 2.0, 30.0)),
        bound=None if number is None else _milliseconds(number, *events[number]),
        per_second=chance.choice((0.0, 0.0, 5.0)),
        damages=chance.random() < 0.2,
        erases=chance.random() < 0.3,
        copies=chance.random() < 0.3,
    )


def _draw_faults(chance: random.Random, tick: float, ends_at: float) -> Iterator[Injected]:
    """Draw up to seven faults of a few kinds."""
    areas = [*AREAS.values()]  # faults of one area meet more often
    names = [*chance.choice(areas)] if chance.random() < 0.5 else [*FAULTS]
    kinds = chance.sample(names, min(len(names), chance.choice((2, 3, 5))))
    for _ in range(chance.choice((0, 2, 3, 4, 5, 7))):
        at = chance.random() * (ends_at - 2)
        soon = max(0.0, at % tick - chance.random() * 2)  # after a tick, while runs are busy
        at -= chance.choice((0.0, at % tick, soon, soon))
        yield Injected(
            name=chance.choice(kinds),
            at=at,
            lasts=min(chance.choice((0.3, 3.0, 15.0, 600.0, 600.0)), ends_at - at),
            probability=chance.choice((1.0, 1.0, 1.0, 0.5, 0.2)),
            draw=chance.random(),
        )


def _milliseconds(number: int, at: float, kind: str) -> int:
    """Return an event's own time, in milliseconds since the start."""
    age = 86_400 if kind == "old" else 1
    return (int(at) - age) * 1000 + number


_READER: Final = DeliveryReader(_BASE.stream)


def _event(number: int, at: float, kind: str) -> Event:
    response = StreamHandsetChangeEventsResponse()
    published = STARTED_AT + timedelta(seconds=at)
    made_at = _milliseconds(number, at, kind) / 1000
    response.metadata.timestamp.FromDatetime(STARTED_AT + timedelta(seconds=made_at))
    response.metadata.identifier.subscription_identifier.wg2rn = f"madeup:eu:{number}"
    response.handset_change_event.number.e164 = "+999" + "0" * (3_000 if kind == "oversize" else 10)

    def message(handle: str, is_redelivered: bool) -> bytes:  # noqa: FBT001
        response.metadata.ack_info.value = handle
        response.metadata.is_redelivered = is_redelivered
        content = response.SerializeToString(deterministic=True)
        return content.replace(b"+999", b"\xff999") if kind == "unreadable" else content

    delivery = _READER.read(message("made-up", False), published)  # noqa: FBT003
    assert delivery is not None
    return Event(number, message, delivery.event_id, at, made_at, kind)
