"""The command: ``python -m devtools.sbom``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from devtools.sbom.bom import bill
from devtools.sbom.built import OWN, PROJECT, VENDOR, build, build_vendor, content_digest
from devtools.sbom.licences import document
from devtools.sbom.packages import LicenceError, packages

_LICENCES = PROJECT / "docs" / "licences.md"


@click.command()
@click.option("--architecture", type=click.Choice(sorted(VENDOR)), default="arm64")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--licences", is_flag=True, help="Write docs/licences.md as well.")
def main(architecture: str, output: Path | None, *, licences: bool) -> None:
    """Build what is deployed, and write its bill of materials."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        archives = build_vendor(architecture, _made(folder / "vendor"))
        own = {}
        for name, (source, logical_id) in OWN.items():
            build(source, logical_id, _made(folder / name))
            own[name] = content_digest(folder / name)
        try:
            found = packages(folder / "vendor" / "python")
            text = document(found)
        except LicenceError as error:
            click.echo(error, err=True)
            sys.exit(1)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(bill(found, archives, own, architecture))
        click.echo(
            f"{output}: {len(found)} packages for {architecture}, {len(own)} parts of our own"
        )
    if licences:
        _LICENCES.write_text(text)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
