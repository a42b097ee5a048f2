"""The faults of the event server. A fault is a value; ``Faults`` decides when it strikes.

Odd events (without payload, with unknown fields, not protobuf) are in ``odd_events``: they are the
same in every delivery.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from wgtwo.events.v1.events_pb2 import AckStatus

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True, kw_only=True)
class StreamFault:
    """A fault of one stream. Drawn when it is opened; several at once add up.

    Attributes:
        after: Deliveries before the fault; 0 strikes before the stream joins its queue.
        code: Ends the stream with this gRPC status; ``OK`` ends it normally.
        details: The status's text.
        is_silent: Sends nothing more, and keeps the stream open.
        drip: Real time between two deliveries.
        in_flight_factor: The factor by which the server exceeds ``max_in_flight``.
    """

    after: int = 0
    code: grpc.StatusCode | None = None
    details: str = "injected"
    is_silent: bool = False
    drip: timedelta = timedelta(0)
    in_flight_factor: int = 1


@dataclass(frozen=True, kw_only=True)
class DeliveryFault:
    """A fault of one delivery.

    Attributes:
        frame: Sent instead of the delivery.
        omits_ack_info: Leaves out the handle, so that nobody can ack it.
        is_overdue: Its ack time-out passes at once: the event is redelivered while the first
            delivery is being processed.
    """

    frame: bytes | None = None
    omits_ack_info: bool = False
    is_overdue: bool = False


@dataclass(frozen=True, kw_only=True)
class AckFault:
    """A fault of one ack call. Of several at once, the longest delay and the first answer count.

    Attributes:
        delay: Real time before the server processes it.
        is_taken: Whether the queue accepts the ack; with an error as the answer, the true answer
            is lost.
        status: An ``AckStatus`` code instead of the true one.
        code: A gRPC status instead of an answer.
        is_unanswered: The call stays open until the client gives up.
        is_forgotten: The event is delivered again although its ack succeeded.
    """

    delay: timedelta = timedelta(0)
    is_taken: bool = True
    status: AckStatus.StatusCode.ValueType | None = None
    code: grpc.StatusCode | None = None
    is_unanswered: bool = False
    is_forgotten: bool = False


ACK_FAILURE: Final = AckFault(is_taken=False, status=AckStatus.STATUS_CODE_FAILURE)
ACK_UNSPECIFIED: Final = AckFault(is_taken=False, status=AckStatus.STATUS_CODE_UNSPECIFIED)
ACK_UNANSWERED: Final = AckFault(is_taken=False, is_unanswered=True)
ACK_FORGOTTEN: Final = AckFault(is_forgotten=True)
DELIVERED_TWICE: Final = DeliveryFault(is_overdue=True)
NOT_PROTOBUF: Final = DeliveryFault(frame=b"\xff\xfe<html>502 Bad Gateway</html>")
"""A frame that isn't protobuf, once; the event itself is valid and is delivered again."""
