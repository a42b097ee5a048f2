"""Writes the readers' schemas: ``make template``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from devtools.reader_schemas.writers import WRITERS
from devtools.written_files import write_or_check
from eventdrain.events import STREAMS

_FOLDER: Final = Path(__file__).parents[2] / "schemas" / "readers"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 1 if a file would change.")
def main(*, check: bool) -> None:
    """Write the files of schemas/readers."""
    files = {_FOLDER / name: write(STREAMS) for name, write in WRITERS.items()}
    write_or_check(files, check=check)


if __name__ == "__main__":
    main()
