"""The events that the bench's event server sends: serialised beforehand, and counted when acked.

They form one durable queue: each event goes to the first open stream that has room. Its ack, on any
connection, makes room on that stream.
"""

from __future__ import annotations

import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from benchmarks import http2
from simulator.event_server import made_up_events
from wgtwo.events.v1.events_pb2 import AckInfo
from wgtwo.subscription.v1.subscription_events_pb2 import AckHandsetChangeEventRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Reader(Protocol):
    """One end of a stream.

    Attributes:
        sent: How many events were sent to it.
    """

    sent: int

    def send_events(self, room: int) -> None:
        """Allow ``room`` more events in flight, and send as many as possible."""
        ...


class Events:
    """The events of one measurement, and which of them are acked.

    Args:
        count: The number of events; all are different.
        streams: How many streams must be open before the first event is sent.

    Attributes:
        acked: How many events were acked.
        stray_acks: Acks of an event that was not sent or was acked before.
        opened_at: When the last stream was opened, in seconds since 1970.
        seconds: From the first event sent to the last one acked; None before that.
        readers: The open streams, oldest first.
    """

    def __init__(self, count: int, streams: int) -> None:
        self._count = count
        self._streams = streams
        start = datetime.now(UTC) - timedelta(milliseconds=count)
        self._frames: list[tuple[bytes, bytes, bytes]] = []
        self._unacked: dict[bytes, Reader] = {}
        for index, event in enumerate(made_up_events("handset_change", count, start=start)):
            # As long as the vendor's ack_info, with the same beginning.
            handle = b64encode(b"\x0a\x1e" + sha256(b"%d" % index).digest()[:30]).decode()
            message = http2.grpc_message(event.delivery(handle, is_redelivered=False))
            head = http2.before_stream(http2.DATA, 0, len(message))
            ack = AckHandsetChangeEventRequest(ack_info=AckInfo(value=handle))
            self._frames.append((head, message, ack.SerializeToString()))
        self._sent = 0
        self._began_at = 0.0
        self.acked = 0
        self.stray_acks = 0
        self.opened_at: float | None = None
        self.seconds: float | None = None
        self.readers: list[Reader] = []

    def open(self, reader: Reader) -> None:
        """Add a stream; when all are open, start sending on each."""
        self.opened_at = time.time()
        self.readers.append(reader)
        if len(self.readers) == self._streams:
            self._began_at = time.perf_counter()
            for each in self.readers:
                each.send_events(0)

    def take(self, reader: Reader, most_bytes: int, most: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield the next events' frames, without the stream's number, as far as there is room."""
        if len(self.readers) < self._streams:
            return
        for head, message, ack in self._frames[self._sent : self._sent + most]:
            most_bytes -= len(message)
            if most_bytes < 0:
                return
            self._sent += 1
            reader.sent += 1
            self._unacked[ack] = reader
            yield head, message

    def ack(self, requests: Sequence[bytes]) -> None:
        """Note acks."""
        room: dict[Reader, int] = {}
        for request in requests:
            reader = self._unacked.pop(request, None)
            if reader is None:
                self.stray_acks += 1
            else:
                room[reader] = room.get(reader, 0) + 1
        self.acked += sum(room.values())
        if self.acked == self._count:
            self.seconds = time.perf_counter() - self._began_at
        for reader, count in room.items():
            reader.send_events(count)
