"""Writes the JSON Schemas and the AsyncAPI document: ``make template``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from devtools.json_schemas.files import schemas
from devtools.written_files import write_or_check

_FOLDER: Final = Path(__file__).parents[2] / "schemas"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 1 if a file would change.")
def main(*, check: bool) -> None:
    """Write the files of schemas/json, and schemas/asyncapi.json."""
    files = {
        _FOLDER / name: json.dumps(schema, indent=2, sort_keys=True) + "\n"
        for name, schema in schemas().items()
    }
    write_or_check(files, check=check)


if __name__ == "__main__":
    main()
