"""The command: ``python -m devtools.secret_scan``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from devtools.gate import skip
from devtools.secret_scan.allowed import ALLOWED, allowed, harmless
from devtools.secret_scan.scan import NoGitError, files, suspects

_PROJECT: Final = Path(__file__).parents[2]
_LIST: Final = ALLOWED.relative_to(_PROJECT)


@click.command()
def main() -> None:
    """Search all files of the project for secrets; end with 1 if one is found.

    Without git it is skipped, which ends with 1 in CI.
    """
    try:
        names = files(_PROJECT)
    except NoGitError as error:
        sys.exit(skip("secrets", str(error)))
    text = ALLOWED.read_text()
    known = allowed(text)
    searched = [name for name in names if name != str(_LIST)]
    found = suspects(_PROJECT, searched, harmless(text))
    new = {suspect: line for suspect, line in found.items() if suspect not in known}
    gone = [suspect for suspect in known if suspect not in found]
    for suspect, line in new.items():
        click.echo(
            f"{suspect.file}:{line}: {suspect.kind}. A secret has to be replaced where it is used, "
            "and taken out of git's history. Made-up ones begin with made-up. "
            f"If it is none, add to {_LIST}:\n"
            f'[[allowed]]\nfile = "{suspect.file}"\nkind = "{suspect.kind}"\n'
            f'digests = ["{suspect.digest}"]\nreason = "..."'
        )
    for suspect in gone:
        click.echo(
            f"{suspect.file}: {suspect.kind} {suspect.digest} isn't there any longer: "
            f"take it out of {_LIST}."
        )
    click.echo(f"secrets: {len(names)} files, {len(found) - len(new)} known to be no secrets")
    sys.exit(bool(new or gone))


if __name__ == "__main__":
    main()
