"""How a server of the bench lives: it prints its port, and ends by SIGTERM or with its input."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable


async def serve(protocol: Callable[[], asyncio.Protocol]) -> None:
    """Serve on a free port of 127.0.0.1, and print it, until told to end."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)

    def read_input() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            ended.set()

    loop.add_reader(sys.stdin, read_input)
    # What was made beforehand stays: looking through it again and again would cost most.
    gc.freeze()
    server = await loop.create_server(protocol, "127.0.0.1", 0)
    click.echo(server.sockets[0].getsockname()[1])
    sys.stdout.flush()
    await ended.wait()
    loop.remove_reader(sys.stdin)
    server.close()
