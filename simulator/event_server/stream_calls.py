"""The server-streaming calls: terms agreed, queue joined, deliveries sent until the end."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import grpc
from google.protobuf.message import DecodeError

from simulator.event_server.calls import Refused, presentable_metadata, wait_for_end
from simulator.event_server.faults import DeliveryFault, StreamFault
from simulator.event_server.ledger import StreamRecord
from simulator.event_server.rules import InvalidTerms, StreamTerms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.event_server.calls import OpenStream, ServerState
    from simulator.event_server.delivery_queue import Delivery, DeliveryQueue, QueueKey
    from simulator.event_server.event_types import EventType
    from wgtwo.events.v1.events_pb2 import StreamConfiguration


@dataclass(frozen=True)
class _Stream:
    """One stream that has joined its queue."""

    stream_id: int
    key: QueueKey
    queue: DeliveryQueue
    open: OpenStream
    faults: tuple[StreamFault, ...]

    def status_after(self, sent: int) -> tuple[grpc.StatusCode, str] | None:
        """Return the status with which the stream ends after ``sent`` deliveries, if any."""
        for fault in self.faults:
            if fault.code is not None and sent >= fault.after:
                return fault.code, fault.details
        return self.open.abort

    def is_silent_after(self, sent: int) -> bool:
        """Return whether nothing more may be sent."""
        return any(fault.is_silent and sent >= fault.after for fault in self.faults)

    @property
    def in_flight_factor(self) -> int:
        """The factor by which the server exceeds ``max_in_flight``."""
        return max((fault.in_flight_factor for fault in self.faults), default=1)

    @property
    def drip_seconds(self) -> float:
        """The minimum time between two deliveries."""
        return max((fault.drip.total_seconds() for fault in self.faults), default=0.0)


class StreamCalls:
    """Answers the stream methods of all event types, each call on a thread of its own.

    Args:
        state: The server's.
    """

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._ids = itertools.count(1)

    def stream(
        self, kind: EventType, request: bytes, context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        """Answer one call with serialised responses, until the client cancels or a fault ends it.

        The generator's ``finally`` returns a cancelled stream's events to its queue. gRPC drops the
        generator when a message can't be sent; a waiting generator is woken and returns.
        """
        try:
            client_id = self._state.client_of(kind.scope, context)
            faults = self._state.faults.draw(StreamFault, kind.name)
            asked, terms = self._agree(kind, request)
            for fault in faults:
                if fault.code is not None and fault.after == 0:
                    raise Refused(fault.code, fault.details)  # noqa: TRY301 - one way to refuse
        except Refused as refused:
            self._state.record_failure(f"/{kind.service}/{kind.stream_method}", refused)
            context.abort(refused.code, refused.reason)

        stream = self._join(client_id, kind, asked, terms, faults, context)
        ending = "CANCELLED"
        try:
            yield from self._deliver(stream, context)
            status = stream.status_after(self._sent(stream))
            ending = ending if status is None else status[0].name
        finally:
            self._leave(stream, ending)
        if status is not None and status[0] is not grpc.StatusCode.OK:
            context.abort(*status)

    def _agree(self, kind: EventType, request: bytes) -> tuple[StreamConfiguration, StreamTerms]:
        try:
            asked = kind.request.FromString(request).stream_configuration
            return asked, StreamTerms.agree(asked, self._state.rules)
        except (DecodeError, InvalidTerms) as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error

    def _join(
        self,
        client_id: str,
        kind: EventType,
        asked: StreamConfiguration,
        terms: StreamTerms,
        faults: tuple[StreamFault, ...],
        context: grpc.ServicerContext,
    ) -> _Stream:
        stream_id = next(self._ids)
        record = StreamRecord(
            stream_id=stream_id,
            client_id=client_id,
            event_type=kind.name,
            configuration=asked,
            metadata=presentable_metadata(context),
            peer=context.peer(),
            opened_at=monotonic(),
        )
        with self._state.changed:
            self._state.ledger.record_opened(record)
            key, queue = self._state.queues.join(client_id, kind.name, stream_id, terms)
            open_stream = self._state.wakeups.add(stream_id)
        if not context.add_callback(open_stream.wake):
            open_stream.wake()  # the call has ended already
        return _Stream(stream_id, key, queue, open_stream, faults)

    def _leave(self, stream: _Stream, ending: str) -> None:
        with self._state.changed:
            self._state.queues.leave(stream.key, stream.queue, stream.stream_id)
            self._state.wakeups.remove(stream.stream_id)
            self._state.wakeups.wake(stream.queue)
            self._state.ledger.record_closed(stream.stream_id, ending)

    def _sent(self, stream: _Stream) -> int:
        return self._state.ledger.streams[stream.stream_id].sent

    def _deliver(self, stream: _Stream, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Send until a fault or the client ends the stream."""
        sent = 0
        drip_seconds = stream.drip_seconds
        while context.is_active() and stream.status_after(sent) is None:
            frame, wait_seconds = None, None
            if not stream.is_silent_after(sent):
                frame, wait_seconds = self._next_frame(stream)
            if frame is None:
                stream.open.wait(wait_seconds)
                continue
            yield frame
            sent += 1
            if drip_seconds:
                wait_for_end(context, drip_seconds)

    def _next_frame(self, stream: _Stream) -> tuple[bytes | None, float | None]:
        """Return the next delivery's frame, else the seconds until the next ack time-out."""
        with self._state.changed:
            delivery = stream.queue.take(stream.stream_id, in_flight_factor=stream.in_flight_factor)
            if delivery is None:
                return None, self._seconds_until_deadline(stream.queue)
            in_flight = stream.queue.in_flight(stream.stream_id)
            self._state.queues.remember(stream.key, stream.queue, delivery)
            frame = self._frame(stream, delivery)
            self._state.ledger.record_delivery(stream.key, delivery, in_flight)
            return frame, None

    def _seconds_until_deadline(self, queue: DeliveryQueue) -> float | None:
        remaining = queue.until_deadline()
        return None if remaining is None else remaining / self._state.rules.clock_speed

    def _frame(self, stream: _Stream, delivery: Delivery) -> bytes:
        ack_info = delivery.ack_info
        for fault in self._state.faults.draw(DeliveryFault, stream.key.event_type):
            if fault.is_overdue:
                stream.queue.time_out(delivery)
            if fault.omits_ack_info:
                ack_info = None
            if fault.frame is not None:
                return fault.frame
        event = delivery.published.event
        return event.delivery(ack_info, is_redelivered=delivery.is_redelivered)
