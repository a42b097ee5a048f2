"""The command that starts a local stack, and leaves it to its supervisor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click
from rich.console import Console

from drainctl import INTERRUPTED, MakeCommand
from simulator.aws import PROJECT_FOLDER
from simulator.local.folder import UP, LocalFolder
from simulator.local.options import folder_option, relative
from simulator.streams_option import streams_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

_MOST_PER_SECOND: Final = 100
_LOG_END: Final = 2000
_SUPERVISOR: Final = (sys.executable, "-m", "simulator", "supervise")


@click.command("up", cls=MakeCommand, context_settings={"show_default": True})
@click.option(
    "--rate",
    type=click.FloatRange(0, _MOST_PER_SECOND),
    default=1.0,
    help="Made-up events per second, of all streams together.",
)
@streams_option
@folder_option
def main(*, rate: float, event_types: Sequence[str], folder: LocalFolder) -> None:
    """Start the stack in an embedded AWS, with made-up events, and leave it running.

    It ends with `make down`, not with the terminal. Its schedule fires every minute, and once at
    the start.

    Exit status: 0 it is up, or was up already; 1 it failed, or another `make up` or `make down` is
    at work; 130 interrupted, and nothing is left.
    """
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    lock = folder.try_lock()
    if lock is None:
        _say_who_runs(folder, console)
    if folder.clear():
        console.print("The last local stack had crashed: what it left is removed.")
    supervisor, lines = _start(folder, lock, rate, event_types)
    try:
        with lines:
            result = _follow(lines, console)
    except KeyboardInterrupt:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait()
        _clear(folder)
        console.print(f"\nInterrupted: nothing is left but {relative(folder.log)}.")
        sys.exit(INTERRUPTED)
    if "up" not in result:
        supervisor.wait()
        _clear(folder)
        console.print(result.get("error") or _log_end(folder), markup=False)
        console.print(f"The local stack is not up. Its log is {relative(folder.log)}.")
        sys.exit(1)
    _say_what_to_try(folder, result["up"]["first_event_seconds"], console)


def _say_who_runs(folder: LocalFolder, console: Console) -> NoReturn:
    state = folder.live_state()
    if state is None or state.phase != UP:
        console.print("Another `make up` or `make down` is at work. To see it, run: make status")
        sys.exit(1)
    console.print(
        f"The local stack is already up (process {state.supervisor.pid}), with made-up events of"
        f" {', '.join(state.stack['streams'])}, {state.stack['rate']:g} per second."
        "\nTo look at it, run: make status. To start it with other options, run first: make down."
    )
    sys.exit(0)


def _start(
    folder: LocalFolder, lock: int, rate: float, event_types: Sequence[str]
) -> tuple[subprocess.Popen[bytes], TextIO]:
    """Start the supervisor, which inherits the lock, and return the lines that it reports."""
    folder.temporary.mkdir()
    reading, writing = os.pipe()
    with folder.log.open("wb") as log:
        supervisor = subprocess.Popen(
            [
                *_SUPERVISOR,
                *("--folder", folder.path, "--rate", str(rate)),
                *("--streams", ",".join(event_types)),
                *("--lock", str(lock), "--progress", str(writing)),
            ],
            cwd=PROJECT_FOLDER,
            env={**os.environ, "TMPDIR": str(folder.temporary)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(lock, writing),
            start_new_session=True,  # it outlives the terminal
        )
    os.close(writing)
    os.close(lock)
    return supervisor, os.fdopen(reading)


def _follow(lines: TextIO, console: Console) -> dict[str, Any]:
    """Show the steps, and return the last line: empty if the supervisor ended without one."""
    with console.status("Starting") as status:
        for text in lines:
            line: dict[str, Any] = json.loads(text)
            if "phase" not in line:
                return line
            status.update(line["phase"])
            console.print(line["phase"])
    return {}


def _clear(folder: LocalFolder) -> None:
    """Remove what the supervisor has left, unless another process has started by now."""
    if (lock := folder.try_lock()) is not None:
        folder.clear()
        os.close(lock)


def _log_end(folder: LocalFolder) -> str:
    try:
        return folder.log.read_text(errors="replace")[-_LOG_END:]
    except FileNotFoundError:
        return "It was ended by `make down`."


def _say_what_to_try(folder: LocalFolder, seconds: float | None, console: Console) -> None:
    first = "" if seconds is None else f" The first event was in S3 after {seconds:g} s."
    console.print(
        f"[green]The local stack is up.[/]{first} Next, try:\n"
        f"  . {relative(folder.environment_file)}\n"
        "  make status WATCH=1\n"
        '  aws s3 ls --recursive "s3://$BUCKET/events/"\n'
        '  aws sqs receive-message --queue-url "$QUEUE_URL" --endpoint-url "$AWS_ENDPOINT_URL"\n'
        '  make doctor STACK="$STACK"\n'
        "To end it, run: make down. More in docs/local.md."
    )
