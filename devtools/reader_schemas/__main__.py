"""Writes the readers' schemas: ``make template``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from devtools.reader_schemas.writers import WRITERS
from eventdrain.events import STREAMS

_FOLDER: Final = Path(__file__).parents[2] / "schemas" / "readers"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 1 if a file would change.")
def main(*, check: bool) -> None:
    """Write the files of schemas/readers."""
    changed = False
    for name, write in WRITERS.items():
        path, text = _FOLDER / name, write(STREAMS)
        if path.exists() and path.read_text() == text:
            continue
        changed = True
        if check:
            click.echo(f"{name} differs from protos/. To fix this, run `make template`.")
        else:
            path.write_text(text)
    sys.exit(bool(check and changed))


if __name__ == "__main__":
    main()
