"""Writes the generated blocks of ``operations.yaml``: ``make template``."""

from __future__ import annotations

import sys

import click

from devtools.dashboard.template import OPERATIONS, operations
from eventdrain.events import STREAMS


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 1 if something would change.")
def main(*, check: bool) -> None:
    """Write the blocks of operations.yaml that know the streams and the dashboard."""
    before = OPERATIONS.read_text()
    after = operations(before, tuple(STREAMS))
    if check and after != before:
        click.echo(
            "operations.yaml is not what `make template` makes of devtools/dashboard and of the"
            " table of streams"
        )
        sys.exit(1)
    if not check:
        OPERATIONS.write_text(after)


if __name__ == "__main__":
    main()
