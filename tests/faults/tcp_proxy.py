"""A TCP proxy before the event server, for faults below gRPC."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from tests.contract.odd_servers import serving

if TYPE_CHECKING:
    from simulator.injection import Faults

_MOST_BYTES: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)
_FOR_EVER: Final = 1 << 62


@dataclass(frozen=True, kw_only=True)
class ConnectionFault:
    """A fault of one connection, drawn when it is opened.

    The engine opens one for the stream, and another one when there is something to ack.

    Attributes:
        reset_after: Both ends are reset after this many bytes from the server, even within a
            message; None for never.
        frozen_after: After this many bytes from the server nothing passes in either direction,
            and the connection stays open; None for never.
    """

    reset_after: int | None = None
    frozen_after: int | None = None


def reset(connection: socket.socket) -> None:
    """Close a connection with RST, as if the peer crashed: data in transit is lost."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        os.close(connection.detach())


class _Pair:
    """A client's connection and the one to the server behind the proxy."""

    def __init__(
        self, client: socket.socket, server: socket.socket, fault: ConnectionFault
    ) -> None:
        self.client, self.server, self.fault = client, server, fault
        limits = [n for n in (fault.reset_after, fault.frozen_after) if n is not None]
        self._left = min(limits, default=_FOR_EVER)
        self._is_reset = False
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def serve(self) -> None:
        """Forward in both directions until one ends, then close both ends."""
        requests = threading.Thread(target=self._forward_requests, name="proxies")
        requests.start()
        self._forward_answers()
        requests.join()
        for end in (self.client, self.server):
            if self._is_reset:
                reset(end)
            end.close()

    def reset(self) -> None:
        """Reset both ends, now."""
        self._is_reset = True
        self._end()

    def _end(self) -> None:
        """Unblock both directions, without sending anything."""
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RD)

    def _forward_requests(self) -> None:
        with suppress(OSError):
            while data := self.client.recv(_MOST_BYTES):
                if self._left:
                    self.server.sendall(data)
        self._end()

    def _forward_answers(self) -> None:
        with suppress(OSError):
            while data := self.server.recv(_MOST_BYTES):
                passed = data[: self._left]
                self.client.sendall(passed)
                self._left -= len(passed)
                if not self._left and self.fault.reset_after is not None:
                    self._is_reset = True
                    break
        self._end()


class TcpProxy:
    """A proxy for the length of a ``with`` block.

    Args:
        upstream_port: Port of the event server on loopback.
        faults: Faults of connections.
    """

    def __init__(self, *, upstream_port: int, faults: Faults) -> None:
        self._upstream = ("127.0.0.1", upstream_port)
        self._faults = faults
        self._pairs: set[_Pair] = set()
        self._listening = ExitStack()
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def are_gone(self, *, within_seconds: float) -> bool:
        """Wait until no connection is left; return False if some are left after that time."""
        give_up_at = time.monotonic() + within_seconds
        while self._pairs and time.monotonic() < give_up_at:
            time.sleep(0.01)
        return not self._pairs

    def refuse(self) -> None:
        """Refuse connections from now on; open ones stay."""
        self._listening.close()

    def heal(self) -> None:
        """Accept connections again, on the same port, and end frozen ones."""
        self.refuse()
        self.port = self._listening.enter_context(serving(self._serve, self.port))
        for pair in tuple(self._pairs):
            if pair.fault.frozen_after is not None:
                pair.reset()

    def reset_all(self) -> None:
        """Reset every connection, now."""
        for pair in tuple(self._pairs):
            pair.reset()

    def __enter__(self) -> Self:
        self.heal()
        return self

    def __exit__(self, *_error: object) -> None:
        self.refuse()
        self.reset_all()

    def _serve(self, client: socket.socket) -> None:
        drawn = self._faults.draw(ConnectionFault)
        try:
            server = socket.create_connection(self._upstream)
        except OSError:
            reset(client)
            return
        pair = _Pair(client, server, drawn[0] if drawn else ConnectionFault())
        self._pairs.add(pair)
        try:
            pair.serve()
        finally:
            self._pairs.discard(pair)
