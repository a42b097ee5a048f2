"""Writes the generated blocks of the catalogue's templates: ``make template``."""

from __future__ import annotations

import sys

import click

from devtools.catalogue.template import CATALOGUE, COMPACTION, catalogue, compaction


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 1 if something would change.")
def main(*, check: bool) -> None:
    """Write the generated blocks of stacks/catalog.yaml and stacks/compaction.yaml."""
    before = {path: path.read_text() for path in (CATALOGUE, COMPACTION)}
    after = {
        CATALOGUE: catalogue(before[CATALOGUE]),
        COMPACTION: compaction(before[COMPACTION]),
    }
    changed = [path for path in before if before[path] != after[path]]
    for path in changed:
        if not check:
            path.write_text(after[path])
            continue
        click.echo(
            f"stacks/{path.name} differs from what `make template` generates from protos/,"
            " stacks/sql/ and the tables of streams and of released columns"
        )
    sys.exit(bool(check and changed))


if __name__ == "__main__":
    main()
