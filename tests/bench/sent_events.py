"""The events that the bench's event server sends: serialised beforehand, and counted when acked."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from tests.bench import http2
from tests.local.event_server.made_up import made_up_events
from wgtwo.events.v1.events_pb2 import AckInfo
from wgtwo.subscription.v1.subscription_events_pb2 import AckHandsetChangeEventRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Reader(Protocol):
    """One end of a stream."""

    def send_events(self, room: int) -> None:
        """Note that so many more may be in flight, and send what there is room for."""
        ...


class Events:
    """The events of one run, and what has become of them.

    Args:
        count: How many; made up, no two alike.

    Attributes:
        sent: How many were sent.
        acked: How many of them were acked.
        stray_acks: Acks of no event that there is, or of one acked before.
        streams: How many streams were opened.
        opened_at: When the last of them was, in seconds since 1970.
        reader: Who the events go to now.
    """

    def __init__(self, count: int) -> None:
        start = datetime.now(UTC) - timedelta(milliseconds=count)
        self._frames: list[tuple[bytes, bytes]] = []
        self._unacked: set[bytes] = set()
        for index, event in enumerate(made_up_events("handset_change", count, start=start)):
            # As long as the vendor's, and begins as they do.
            handle = b64encode(b"\x0a\x1e" + sha256(b"%d" % index).digest()[:30]).decode()
            message = http2.grpc_message(event.delivery(handle, is_redelivered=False))
            self._frames.append((http2.before_stream(http2.DATA, 0, len(message)), message))
            ack = AckHandsetChangeEventRequest(ack_info=AckInfo(value=handle))
            self._unacked.add(ack.SerializeToString())
        self.acked = 0
        self.stray_acks = 0
        self.sent = 0
        self.streams = 0
        self.opened_at: float | None = None
        self.reader: Reader | None = None

    def take(self, most_bytes: int, most: int) -> Iterator[tuple[bytes, bytes]]:
        """Give the next events' frames, without their stream's number, as far as there is room."""
        for head, message in self._frames[self.sent : self.sent + most]:
            most_bytes -= len(message)
            if most_bytes < 0:
                return
            self.sent += 1
            yield head, message

    def ack(self, requests: Sequence[bytes]) -> None:
        """Note acks."""
        for request in requests:
            if request in self._unacked:
                self._unacked.remove(request)
                self.acked += 1
            else:
                self.stray_acks += 1
        if self.reader is not None:
            self.reader.send_events(len(requests))
