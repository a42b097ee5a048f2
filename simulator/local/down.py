"""The command that ends a local stack and removes its files."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from drainctl import MakeCommand
from simulator.local.options import folder_option
from simulator.local.processes import ProcessRecord, kill

if TYPE_CHECKING:
    from simulator.local.folder import LocalFolder

_END_LIMIT: Final = timedelta(seconds=60)


@click.command("down", cls=MakeCommand)
@folder_option
def main(*, folder: LocalFolder) -> None:
    """End the local stack. Its processes and files are gone then, also those of a crashed one.

    Exit status: 0 nothing is left; 1 it doesn't end.
    """
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    with console.status("Ending the local stack"):
        lock, was_up = _end(folder)
        had_crashed = folder.clear()
        folder.remove()
        os.close(lock)
    if had_crashed:
        console.print("The local stack had crashed. What it left is removed.")
    else:
        console.print("The local stack is down." if was_up else "No local stack is up.")


def _end(folder: LocalFolder) -> tuple[int, bool]:
    """Take the lock, and return it with whether a supervisor had to be ended.

    Raises:
        click.ClickException: The lock is not released in time.
    """
    asked: set[ProcessRecord] = set()
    started_at = time.monotonic()
    while (lock := folder.try_lock()) is None:
        state = folder.live_state()
        if state is not None and state.supervisor not in asked:
            asked.add(state.supervisor)
            with suppress(ProcessLookupError):
                os.kill(state.supervisor.pid, signal.SIGTERM)
        if time.monotonic() - started_at > _END_LIMIT.total_seconds():
            if state is None:
                raise click.ClickException(
                    f"the lock in {folder.path} isn't free after {_END_LIMIT}. To fix this, end the"
                    " process that holds it."
                )
            kill([state.supervisor, *state.children])
        time.sleep(0.1)
    return lock, bool(asked)
