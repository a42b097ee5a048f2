"""How a server of the bench lives: it prints its port, and ends with its input."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable


async def serve(protocol: Callable[[], asyncio.Protocol]) -> None:
    """Serve on a free port of 127.0.0.1, and print it, until the input ends.

    So a server ends with the process that started it, in whatever way that one ends.
    """
    # What was made beforehand stays: looking through it again and again would cost most.
    gc.freeze()
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    click.echo(server.sockets[0].getsockname()[1])
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)
    server.close()
