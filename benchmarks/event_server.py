"""An event server that is not a bottleneck: its own process, with events serialised beforehand.

It streams handset changes to one client, which may have several connections. On each it keeps as
many events in flight as the request allows. A server made with grpcio needs more CPU time per event
than the measured clients; this one writes HTTP/2 itself and needs a small part of theirs.

It prints its port, and at the end of its input a JSON object:

- ``streams``: streams opened; ``opened_at``: when the last was opened, in seconds since 1970
- ``sent``: events sent to each stream; ``acked``: events acked, each counted once
- ``stray_acks``: acks of an event that was not sent or was acked before
- ``seconds``: from the first event sent to the last one acked; ``cpu_seconds``: of the server
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Final, cast

import click

from benchmarks import http2
from benchmarks.sent_events import Events
from benchmarks.serving import serve
from wgtwo.events.v1.events_pb2 import AckStatus
from wgtwo.subscription.v1.subscription_events_pb2 import (
    AckHandsetChangeEventResponse,
    StreamHandsetChangeEventsRequest,
)

_STREAM_METHOD: Final = b"/StreamHandsetChangeEvents"
_MESSAGE_HEAD: Final = 5
_DEFAULT_IN_FLIGHT: Final = 50

_HEADERS: Final = http2.literal_headers(
    (":status", "200"), ("content-type", "application/grpc+proto")
)
_TRAILERS: Final = http2.literal_headers(("grpc-status", "0"))
_ACKED: Final = http2.grpc_message(
    AckHandsetChangeEventResponse(
        ack_status=AckStatus(status_code=AckStatus.STATUS_CODE_SUCCESS)
    ).SerializeToString()
)
_ANSWER: Final = (
    http2.headers_before_stream(_HEADERS),
    _HEADERS + http2.before_stream(http2.DATA, 0, len(_ACKED)),
    _ACKED + http2.headers_before_stream(_TRAILERS, ends=True),
    _TRAILERS,
)
"""The answer to an ack, without the stream's number, which goes between its parts."""


class Connection(asyncio.Protocol):
    """A connection of the client, for acks, a stream, or both."""

    def __init__(self, events: Events, ack_seconds: float) -> None:
        self._events = events
        self._ack_seconds = ack_seconds
        self._received = bytearray()
        self._requests: dict[bytes, bytes] = {}
        self._acks: list[tuple[bytes, bytes]] = []
        self._room_of_connection = http2.FIRST_WINDOW
        self._first_room = http2.FIRST_WINDOW
        self._stream: bytes | None = None
        self._room_of_stream = http2.FIRST_WINDOW
        self._may_send = 0
        self.sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(http2.frame(http2.SETTINGS, 0, b"") + http2.more_room())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's
        """Send nothing more here."""
        self._stream = None

    def data_received(self, data: bytes) -> None:
        """Read frames, and answer all their acks together."""
        received = self._received
        received += data
        if received.startswith(http2.PREFACE):
            del received[: len(http2.PREFACE)]
        at = 0
        while len(received) - at >= http2.FRAME_HEAD:
            head = http2.frame_head(received, at)
            end = at + http2.FRAME_HEAD + head.length
            if end > len(received):
                break
            self._read(head, bytes(received[at + http2.FRAME_HEAD : end]))
            at = end
        del received[:at]
        if self._acks:
            acks, self._acks = self._acks, []
            if self._ack_seconds:
                loop = asyncio.get_running_loop()
                loop.call_later(self._ack_seconds, self._answer, acks)
            else:
                self._answer(acks)

    def send_events(self, room: int) -> None:
        """Send as many events as the client's limit and both flow control windows allow."""
        if self._stream is None:
            return
        self._may_send += room
        most_bytes = min(self._room_of_connection, self._room_of_stream)
        frames: list[bytes] = []
        for head, message in self._events.take(self, most_bytes, self._may_send):
            frames += (head, self._stream, message)
            self._may_send -= 1
            self._room_of_connection -= len(message)
            self._room_of_stream -= len(message)
        self._transport.write(b"".join(frames))

    def _read(self, head: http2.FrameHead, content: bytes) -> None:
        if head.kind == http2.DATA:
            self._read_data(head, content)
        elif head.kind == http2.HEADERS:
            # grpcio sends a path in full the first time, then as an index. A connection opens at
            # most one stream, so every indexed path is that of an ack.
            if _STREAM_METHOD in content:
                self._stream = head.stream
        elif head.kind == http2.WINDOW_UPDATE:
            self._widen(head.stream, http2.window_increment(content))
        elif head.kind == http2.PING and not head.flags & http2.ACK:
            self._transport.write(http2.frame(http2.PING, http2.ACK, content))
        elif head.kind == http2.SETTINGS and not head.flags & http2.ACK:
            first_room = http2.initial_window(content)
            if first_room is not None:
                self._room_of_stream += first_room - self._first_room
                self._first_room = first_room
            self._transport.write(http2.frame(http2.SETTINGS, http2.ACK, b""))

    def _read_data(self, head: http2.FrameHead, content: bytes) -> None:
        request = self._requests.pop(head.stream, b"") + content
        if not head.flags & http2.END_STREAM:
            self._requests[head.stream] = request
        elif head.stream == self._stream:
            self._open(request[_MESSAGE_HEAD:])
        else:
            self._acks.append((head.stream, request[_MESSAGE_HEAD:]))

    def _widen(self, stream: bytes, increment: int) -> None:
        if stream == http2.CONNECTION:
            self._room_of_connection += increment
        elif stream == self._stream:
            self._room_of_stream += increment
        self.send_events(0)

    def _open(self, request: bytes) -> None:
        configuration = StreamHandsetChangeEventsRequest.FromString(request).stream_configuration
        stream = self._stream
        assert stream is not None
        self._transport.write(http2.headers_before_stream(_HEADERS) + stream + _HEADERS)
        self._may_send = configuration.max_in_flight or _DEFAULT_IN_FLIGHT
        self._events.open(self)

    def _answer(self, acks: list[tuple[bytes, bytes]]) -> None:
        self._room_of_connection -= len(acks) * len(_ACKED)
        self._transport.write(b"".join(stream.join(_ANSWER) for stream, _ in acks))
        self._events.ack([request for _, request in acks])


@click.command()
@click.option("--events", default=20_000, show_default=True, help="Number of events to send.")
@click.option("--ack-ms", default=0.0, show_default=True, help="Latency of an ack.")
@click.option("--streams", default=1, show_default=True, help="Streams to wait for before sending.")
@click.option("--certificate", type=click.Path(path_type=Path), help="Serve over TLS with it.")
def main(events: int, ack_ms: float, streams: int, certificate: Path | None) -> None:
    """Serve made-up handset changes to one client."""
    sent = Events(events, streams)
    cpu_seconds = asyncio.run(serve(lambda: Connection(sent, ack_ms / 1000), certificate))
    click.echo(
        json.dumps(
            {
                "streams": len(sent.readers),
                "opened_at": sent.opened_at,
                "sent": [reader.sent for reader in sent.readers],
                "acked": sent.acked,
                "stray_acks": sent.stray_acks,
                "seconds": sent.seconds,
                "cpu_seconds": cpu_seconds,
            }
        )
    )


if __name__ == "__main__":
    main()
