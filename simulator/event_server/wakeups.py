"""Who waits for an event or for room, and what wakes it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc

    from simulator.event_server.delivery_queue import DeliveryQueue


class OpenStream:
    """What the loop of one stream waits for, and how it is told to end."""

    def __init__(self) -> None:
        self.abort: tuple[grpc.StatusCode, str] | None = None
        self._news = threading.Event()

    def wake(self) -> None:
        """Let the stream look again whether there is something to send."""
        self._news.set()

    def wait(self, timeout_seconds: float | None) -> None:
        """Wait until somebody wakes this stream, or the time is over."""
        self._news.wait(timeout_seconds)
        self._news.clear()


class Wakeups:
    """The streams that are open. To be used under the server's lock."""

    def __init__(self) -> None:
        self._open: dict[int, OpenStream] = {}

    def enter(self, stream_id: int) -> OpenStream:
        """Let a stream be woken from now on."""
        stream = self._open[stream_id] = OpenStream()
        return stream

    def leave(self, stream_id: int) -> None:
        """Let a stream be woken no more."""
        del self._open[stream_id]

    def wake(self, queue: DeliveryQueue) -> None:
        """Wake the streams of a queue: there is room, or an event has come back."""
        for stream_id in queue.streams:
            self._open[stream_id].wake()

    def wake_all(self) -> None:
        """Wake all streams: there are new events."""
        for stream in self._open.values():
            stream.wake()

    def abort_all(self, code: grpc.StatusCode, details: str) -> None:
        """End all open streams with a status."""
        for stream in self._open.values():
            stream.abort = (code, details)
            stream.wake()
