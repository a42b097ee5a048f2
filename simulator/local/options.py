"""The common options of the commands for a local stack."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from simulator.aws import PROJECT_FOLDER
from simulator.local.folder import LocalFolder

folder_option: Final = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=PROJECT_FOLDER / "build" / "local",
    show_default="build/local",
    callback=lambda _context, _option, value: LocalFolder(value),
    help="The stack's folder. Another folder is another stack.",
)


def relative(path: Path) -> str:
    """Return a path relative to the working directory, if possible."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
