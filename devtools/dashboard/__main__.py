"""Writes the generated blocks of ``stacks/operations.yaml``: ``make template``."""

from __future__ import annotations

import sys

import click

from devtools.dashboard.template import OPERATIONS, operations
from eventdrain.events import STREAMS


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 1 if something would change.")
def main(*, check: bool) -> None:
    """Write the generated blocks of stacks/operations.yaml."""
    before = OPERATIONS.read_text()
    after = operations(before, tuple(STREAMS))
    if check and after != before:
        click.echo(
            "stacks/operations.yaml differs from what `make template` generates from"
            " devtools/dashboard and the table of streams"
        )
        sys.exit(1)
    if not check:
        OPERATIONS.write_text(after)


if __name__ == "__main__":
    main()
