"""The command line: the group of commands."""

from __future__ import annotations

from typing import Final

import click

from drainctl.lazy_group import LazyGroup

COMMANDS: Final = (
    *("deploy", "credentials", "doctor", "plan", "verify", "tail", "replay", "erase", "delete"),
)
_MODULES: Final = {name: f"drainctl.{name}" for name in COMMANDS}


@click.group(
    "drainctl", cls=LazyGroup, modules=_MODULES, context_settings={"max_content_width": 100}
)
def drainctl() -> None:
    """Deploy a stack and operate it: check, size and watch it; verify, replay and erase events.

    Exit status: 0 done, and nothing is wrong; 1 the command found a problem, failed, or you
    declined; 2 wrong usage; 130 interrupted (tail: 0).

    With --json a command prints one JSON document to standard output (tail: one per line), and
    everything else to standard error. If it fails before it has a result, standard output is empty.

    `make doctor`, `make plan` and so on are short forms. make turns every failure into exit status
    2, so scripts should call `python -m drainctl`.
    """
