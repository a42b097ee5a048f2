"""Run ``python -m simulator`` from the project's folder; nothing has to be installed or set."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import click

from drainctl import LazyGroup

_MODULES: Final = {
    "run": "simulator.run",
    "up": "simulator.local.up",
    "status": "simulator.local.status",
    "down": "simulator.local.down",
    "supervise": "simulator.local.supervisor",
}


@click.group(
    "simulator", cls=LazyGroup, modules=_MODULES, context_settings={"max_content_width": 100}
)
def simulator() -> None:
    """Run the whole product on this machine, with made-up events."""


if __name__ == "__main__":
    layers = Path(__file__).parents[1] / "layers"
    sys.path[:0] = [str(layers / name) for name in ("wgtwo", "eventdrain")]
    # The Makefile sets this, so that usage lines and errors show what was typed.
    simulator(prog_name=os.environ.get("SIMULATOR_NAME", "python -m simulator"))
