"""The command that shows a local stack: what runs, what was drained, what waits."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from drainctl import MakeCommand
from simulator.local.folder import UP
from simulator.local.options import folder_option, relative

if TYPE_CHECKING:
    from simulator.local.folder import LocalFolder, State

_REDRAW_SECONDS: Final = 1.0
_NOT_UP: Final = 1


@click.command("status", cls=MakeCommand)
@click.option("--watch", is_flag=True, help="Redraw every second, until Ctrl-C.")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document, for scripts.")
@folder_option
def main(*, watch: bool, is_json: bool, folder: LocalFolder) -> None:
    """Show what runs, what was drained and what waits.

    Exit status: 0 the stack is up; 1 it is not, or not yet.
    """
    if watch and is_json:
        raise click.UsageError("--watch and --json exclude each other")
    console = Console(highlight=False, emoji=False)
    state = folder.live_state()
    if is_json:
        click.echo(json.dumps(_presentable(state), indent=2))
    elif state is None:
        console.print(_why_not_up(folder), soft_wrap=True)
    elif watch:
        state = _watch(folder, state, console)
    else:
        console.print(_picture(state))
    sys.exit(0 if state is not None and state.phase == UP else _NOT_UP)


def _presentable(state: State | None) -> dict[str, Any]:
    if state is None:
        return {"phase": "down"}
    supervisor, *children = (
        {"pid": process.pid} for process in (state.supervisor, *state.children)
    )
    return {**asdict(state), "supervisor": supervisor, "children": children}


def _why_not_up(folder: LocalFolder) -> str:
    if folder.read_state() is not None:
        return "The local stack has crashed. To clear up, run: make down. To start anew: make up."
    if folder.log.exists():
        return f"The local stack is not up. Why the last one ended is in {relative(folder.log)}."
    return "No local stack is up. To start one, run: make up"


def _watch(folder: LocalFolder, state: State | None, console: Console) -> State | None:
    """Redraw until Ctrl-C or until the stack ends; return the last state."""
    try:
        with Live(console=console, auto_refresh=False) as live:
            while state is not None:
                live.update(_picture(state, with_processes=False), refresh=True)
                time.sleep(_REDRAW_SECONDS)
                latest = folder.live_state()
                if latest is None:
                    live.console.print(_why_not_up(folder))
                    return None
                state = latest
    except KeyboardInterrupt:
        pass
    return state


def _picture(state: State, *, with_processes: bool = True) -> Group:
    if state.phase != UP:
        return Group(f"The local stack isn't up yet: {state.phase}. Process {state.supervisor.pid}")
    started = datetime.fromisoformat(state.started)
    age = datetime.now(UTC) - started
    stack, observed = state.stack, state.observed
    return Group(
        f"[bold]Stack {stack['name']}[/] is up for {_duration(age.total_seconds())}, with made-up"
        f" events of {', '.join(stack['streams'])}, {stack['rate']:g} per second",
        *([_processes(state)] if with_processes else []),
        *([_events(observed), _runs(observed)] if observed else []),
    )


def _processes(state: State) -> Table:
    table = Table("runs", "at", "process", title="\nProcesses", title_justify="left")
    own = str(state.supervisor.pid)
    table.add_row("event server", state.stack["event_server"], own)
    table.add_row("token server", state.stack["token_server"], own)
    others = ", ".join(str(child.pid) for child in state.children)
    table.add_row("embedded AWS", state.stack["embedded_aws"], others)
    return table


def _events(observed: dict[str, Any]) -> Table:
    table = Table(title="\nEvents", title_justify="left")
    for name in ("published", "waiting", "in flight", "archived", "in the queue", "acked", "lag"):
        table.add_column(name, justify="right")
    events, archive = observed["events"], observed.get("archive")
    queues = observed.get("queues", {}).values()
    table.add_row(
        f"{events['published']:,}",
        f"{events['waiting']:,}",
        f"{events['in_flight']:,}",
        f"{archive['lines']:,}" if archive else "",
        f"{sum(queue['waiting'] + queue['received'] for queue in queues):,}",
        f"{events['acked']:,}",
        f"{events['lag_seconds']:.1f} s",
    )
    return table


def _runs(observed: dict[str, Any]) -> Table | str:
    if not observed.get("runs"):
        return "\nNo run has ended in the last 10 minutes."
    table = Table(title="\nThe last runs", title_justify="left")
    table.add_column("ended (UTC)", no_wrap=True)
    table.add_column("stream", no_wrap=True)
    for name in ("received", "acked", "batches", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("end")
    for run in observed["runs"]:
        table.add_row(
            run["ended"][11:19],
            run["event_type"],
            f"{run['received']:,}",
            f"{run['acked']:,}",
            f"{run['batches']:,}",
            f"{run['run_seconds']:,.1f}",
            run["error"] or run["end_reason"],
        )
    return table


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
