"""How a server of the bench lives: it prints its port, and ends with its input."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import time
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_SEGMENT_BYTES: Final = 1460
"""The most that one TCP segment holds on Ethernet, and on the way to any AWS service."""


async def serve(protocol: Callable[[], asyncio.Protocol]) -> float:
    """Serve on a free port of 127.0.0.1, and print it, until the input ends.

    So a server ends with the process that started it, in whatever way that one ends.

    Returns:
        How much CPU time serving took, in seconds.
    """
    # What was made beforehand stays: looking through it again and again would cost most.
    gc.freeze()
    began = time.process_time()
    server = await asyncio.get_running_loop().create_server(protocol, sock=_socket())
    click.echo(server.sockets[0].getsockname()[1])
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)
    server.close()
    return time.process_time() - began


def _socket() -> socket.socket:
    """Give a socket to listen on whose clients send as they would over a real network.

    A segment of loopback holds 64 kB. A request that is written in two parts is then two segments
    that are not full, and the second waits until the first is acknowledged (Nagle), which the
    receiver puts off for 40 ms: two segments that are full it would acknowledge at once. So a
    request above 16 kB, which the Common Runtime writes in parts, takes 44 ms here and nowhere
    else. Connections take the size of their segments from the socket that accepts them.
    """
    listener = socket.socket()
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT_BYTES)
    listener.bind(("127.0.0.1", 0))
    return listener
