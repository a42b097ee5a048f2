"""The server's limits and behaviour, and the terms of one stream.

The defaults are those of the vendor's documentation of its event streams. Where it leaves something
open, a rule sets the server's answer, so that tests can try each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from wgtwo.events.v1.events_pb2 import StreamConfiguration

_NANOS_PER_SECOND: Final = 1_000_000_000


class Answer(Enum):
    """The server's answer where the vendor's documentation leaves it open."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class Requeue(Enum):
    """When the unacknowledged deliveries of a stream that has ended go back to the queue."""

    AT_ONCE = "at-once"
    AFTER_ACK_TIMEOUT = "after-ack-timeout"


@dataclass(frozen=True, kw_only=True)
class ServerRules:
    """How a server behaves. Times are those of the server's clock, see ``clock_speed``.

    Attributes:
        clock_speed: Seconds that pass for the queues in one real second. 100 lets an ack time-out
            of 10 s pass in 0.1 s, with a client that requests what production allows.
        ack_timeout: The default.
        ack_timeout_min: The minimum that a stream may request.
        ack_timeout_max: The maximum that a stream may request.
        max_in_flight: The default.
        max_in_flight_max: The maximum that a stream may request.
        position_kept: How long a durable queue outlives its last connection.
        history: How long an event can be delivered after it was published.
        requeue: At once by default: if a client cancels before its acks arrive, the next stream
            gets its events at once, not half a minute later. That is the harder case for the
            client, and makes tests faster.
        stale_acks: Whether the handle of an earlier delivery acknowledges an event that is
            still unacknowledged.
        repeated_acks: Whether an ack that succeeded succeeds again.
        acks_after_end: Whether a delivery can be acknowledged when its stream has ended and
            the event was not delivered again since.
        connection_age: Real time, give or take a tenth (gRPC's own jitter).
        connection_age_grace: Real time that open calls have after that.
        ping_interval_min: Real time; a client that pings more often earns a GOAWAY.
    """

    clock_speed: float = 1.0
    ack_timeout: timedelta = timedelta(seconds=30)
    ack_timeout_min: timedelta = timedelta(seconds=10)
    ack_timeout_max: timedelta = timedelta(minutes=10)
    max_in_flight: int = 50
    max_in_flight_max: int = 200
    position_kept: timedelta = timedelta(minutes=30)
    history: timedelta = timedelta(minutes=30)
    requeue: Requeue = Requeue.AT_ONCE
    stale_acks: Answer = Answer.ACCEPT
    repeated_acks: Answer = Answer.ACCEPT
    acks_after_end: Answer = Answer.ACCEPT
    connection_age: timedelta = timedelta(minutes=60)
    connection_age_grace: timedelta = timedelta(seconds=10)
    ping_interval_min: timedelta = timedelta(minutes=1)


class InvalidTerms(ValueError):
    """A stream was requested with terms that the server does not offer."""


StartKind: TypeAlias = Literal["new", "id", "timestamp", "oldest_possible"]


@dataclass(frozen=True)
class StartPosition:
    """Where a new queue begins.

    Attributes:
        kind: The field of ``StreamConfiguration`` that requests it, without ``start_at_``.
        value: The event's number, or the time of publication in seconds since 1970.
    """

    kind: StartKind = "new"
    value: float = 0


@dataclass(frozen=True)
class StreamTerms:
    """The requested terms of one stream, validated, with defaults for what is not set.

    Attributes:
        queue_name: The durable queue's; None for a regular stream.
        ack_timeout: In seconds; None if no ack is expected.
        max_in_flight: Maximum of unacknowledged deliveries.
        start: Used only for a new queue.
    """

    queue_name: str | None
    ack_timeout: float | None
    max_in_flight: int
    start: StartPosition

    @classmethod
    def agree(cls, asked: StreamConfiguration, rules: ServerRules) -> StreamTerms:
        """Validate a requested configuration.

        Raises:
            InvalidTerms: A value is outside what the rules allow.
        """
        queue_name = None if asked.HasField("regular") else asked.durable_queue.custom_name
        if asked.max_in_flight > rules.max_in_flight_max:
            raise InvalidTerms(f"max_in_flight must be between 1 and {rules.max_in_flight_max}")
        return cls(
            queue_name,
            _agree_ack_timeout(asked, rules),
            asked.max_in_flight or rules.max_in_flight,
            _agree_start(asked),
        )


def _agree_ack_timeout(asked: StreamConfiguration, rules: ServerRules) -> float | None:
    if asked.HasField("disable_explicit_ack"):
        return None
    if not asked.HasField("custom_ack_timeout"):
        return rules.ack_timeout.total_seconds()
    duration = asked.custom_ack_timeout
    seconds = duration.seconds + duration.nanos / _NANOS_PER_SECOND
    low, high = rules.ack_timeout_min.total_seconds(), rules.ack_timeout_max.total_seconds()
    if not low <= seconds <= high:
        raise InvalidTerms(f"custom_ack_timeout must be between {low:g} s and {high:g} s")
    return seconds


def _agree_start(asked: StreamConfiguration) -> StartPosition:
    match asked.WhichOneof("start_position"):
        case "start_at_id":
            return StartPosition("id", asked.start_at_id)
        case "start_at_timestamp":
            at = asked.start_at_timestamp
            if not 0 <= at.nanos < _NANOS_PER_SECOND:
                raise InvalidTerms("start_at_timestamp is not a valid timestamp")
            return StartPosition("timestamp", at.seconds + at.nanos / _NANOS_PER_SECOND)
        case "start_at_oldest_possible":
            return StartPosition("oldest_possible")
        case _:
            return StartPosition("new")
