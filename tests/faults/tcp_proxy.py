"""A TCP proxy before the event server, for what goes wrong below gRPC."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.faults.loop_thread import reset

if TYPE_CHECKING:
    from types import TracebackType

    from simulator.injection import Faults
    from tests.faults.loop_thread import LoopThread

_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class ConnectionFault:
    """What befalls one connection. Drawn when it is opened.

    The engine opens one for the stream, and another for acks once there is something to ack.

    Attributes:
        reset_after: Both ends are reset once so many bytes have come from the server, within a
            message or not; None for never.
        frozen_after: From so many bytes of the server on, nothing passes in either direction,
            and the connection stays open; None for never.
    """

    reset_after: int | None = None
    frozen_after: int | None = None


@dataclass(eq=False)
class _Pair:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    fault: ConnectionFault
    from_server: int = 0

    def reset(self) -> None:
        reset(self.client)
        reset(self.server)


class TcpProxy:
    """A proxy for the length of a ``with`` block.

    Args:
        loop: Where it runs.
        upstream_port: Where the event server listens, on loopback.
        faults: What goes wrong with which connection.
    """

    def __init__(self, loop: LoopThread, *, upstream_port: int, faults: Faults) -> None:
        self._loop = loop
        self._upstream_port = upstream_port
        self._faults = faults
        self._pairs: set[_Pair] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def are_gone(self, *, within_seconds: float) -> bool:
        """Wait until no connection is left; False if some are after so long."""
        give_up_at = time.monotonic() + within_seconds
        while self._pairs and time.monotonic() < give_up_at:
            time.sleep(0.01)
        return not self._pairs

    def refuse(self) -> None:
        """Refuse connections from now on; those that are open stay."""
        self._loop.run(self._unlisten())

    def heal(self) -> None:
        """Take connections again, on the same port, and end those that a fault has frozen."""
        self._loop.run(self._listen())
        self._loop.run(self._reset_frozen())

    def reset_all(self) -> None:
        """Reset every connection, now."""
        self._loop.run(self._reset_all())

    def __enter__(self) -> Self:
        self._loop.run(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.run(self._unlisten())
        self._loop.run(self._reset_all())

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _unlisten(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _reset_frozen(self) -> None:
        for pair in tuple(self._pairs):
            if pair.fault.frozen_after is not None:
                pair.reset()

    async def _reset_all(self) -> None:
        for pair in tuple(self._pairs):
            pair.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        drawn = self._faults.draw(ConnectionFault)
        fault = drawn[0] if drawn else ConnectionFault()
        try:
            server_reader, server = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            reset(writer)
            return
        pair = _Pair(writer, server, fault)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._pass_on(reader, server, pair))
                directions.create_task(self._pass_answers(server_reader, pair))
        except* _Ended:
            pass
        finally:
            self._pairs.discard(pair)
            for end in (writer, server):
                with suppress(ConnectionError):
                    end.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: _Pair
    ) -> None:
        """Pass on what the client sends.

        Raises:
            _Ended: Always, in the end; it takes the other direction with it.
        """
        limit = pair.fault.frozen_after
        with suppress(ConnectionError):
            while data := await reader.read(_MOST_BYTES):
                if limit is not None and pair.from_server >= limit:
                    continue
                writer.write(data)
                await writer.drain()
        raise _Ended

    async def _pass_answers(self, reader: asyncio.StreamReader, pair: _Pair) -> None:
        """Pass on what the server sends, as far as the fault lets it through.

        Raises:
            _Ended: The server has closed the connection, or the fault has.
        """
        limits = [n for n in (pair.fault.reset_after, pair.fault.frozen_after) if n is not None]
        with suppress(ConnectionError):
            while data := await reader.read(_MOST_BYTES):
                room = min(limits, default=pair.from_server + len(data)) - pair.from_server
                passed = data[: max(0, room)]
                pair.client.write(passed)
                await pair.client.drain()
                pair.from_server += len(passed)
                if len(passed) == len(data):
                    continue
                if pair.fault.reset_after == pair.from_server:
                    pair.reset()
                    break
        raise _Ended


class _Ended(Exception):
    """A connection is over."""
