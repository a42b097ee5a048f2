"""Runs a server of the bench until its input ends."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import sys
import time
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SEGMENT_BYTES: Final = 1460
"""The maximum size of a TCP segment on Ethernet, and on the way to any AWS service."""


async def serve(protocol: Callable[[], asyncio.Protocol], certificate: Path | None = None) -> float:
    """Serve on a free port of 127.0.0.1, which is printed, until the input ends.

    So a server ends with the process that started it, however that process ends.

    Args:
        protocol: Returns the protocol of a new connection.
        certificate: The certificate for TLS with its key and chain, PEM; None for no TLS.

    Returns:
        The CPU time of serving, in seconds.
    """
    # Garbage collection would spend most of the CPU time on scanning the prepared events.
    gc.freeze()
    began = time.process_time()
    server = await asyncio.get_running_loop().create_server(
        protocol, sock=_socket(), ssl=_tls(certificate) if certificate else None
    )
    click.echo(server.sockets[0].getsockname()[1])
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)
    server.close()
    return time.process_time() - began


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    # AWS's clients request the first, or none; gRPC only the second.
    context.set_alpn_protocols(["http/1.1", "h2"])
    return context


def _socket() -> socket.socket:
    """Return a listening socket whose clients send segments of the size of a real network.

    On loopback a segment holds 64 kB. The Common Runtime writes a request above 16 kB in parts,
    here two segments that aren't full. The second waits until the first is acknowledged (Nagle's
    algorithm), and the receiver delays that by 40 ms, which it doesn't for full segments. Accepted
    connections inherit the segment size from this socket.
    """
    listener = socket.socket()
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT_BYTES)
    listener.bind(("127.0.0.1", 0))
    return listener
