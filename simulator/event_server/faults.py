"""What can go wrong at the event server. A fault is a value; ``Faults`` says when it strikes.

What an *event* can be (no payload, unknown fields, not even protobuf) is not here but in
``odd_events``: such an event stays what it is however often it is delivered.
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
    """What befalls one stream. Drawn when it is opened; several at once add up.

    Attributes:
        after: Deliveries that come first; 0 strikes before the stream joins its queue.
        code: Ends the stream with this gRPC status; ``OK`` ends it as if nothing were wrong.
        details: The status's text.
        is_silent: Sends nothing more, and keeps the stream open.
        drip: Real time between two deliveries.
        in_flight_factor: How many times ``max_in_flight`` the server has out.
    """

    after: int = 0
    code: grpc.StatusCode | None = None
    details: str = "injected"
    is_silent: bool = False
    drip: timedelta = timedelta(0)
    in_flight_factor: int = 1


@dataclass(frozen=True, kw_only=True)
class DeliveryFault:
    """What befalls one delivery.

    Attributes:
        frame: Sent in its place.
        omits_ack_info: Leaves out the handle, so that nobody can ack it.
        is_overdue: Its ack time-out strikes at once: the event comes again while the first
            delivery is being handled.
    """

    frame: bytes | None = None
    omits_ack_info: bool = False
    is_overdue: bool = False


@dataclass(frozen=True, kw_only=True)
class AckFault:
    """What befalls one ack call. Several at once: the longest delay, and the first answer.

    Attributes:
        delay: Real time before the server looks at it.
        is_taken: Whether the queue settles the event; with an error as the answer, this is the
            answer that was lost.
        status: An ``AckStatus`` code in place of the truth.
        code: A gRPC status in place of an answer.
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
"""A frame that no parser takes, once; the event itself is sound and comes again."""
