"""The command: ``python -m devtools.policies``."""

from __future__ import annotations

import sys
from typing import Final

import click

from devtools.policies.checkov import check
from devtools.policies.templates import PROJECT, expand, templates

_EXPANDED: Final = PROJECT / "build" / "expanded"


@click.command()
def main() -> None:
    """Check all templates with Checkov; end with 1 if there is something to mend.

    Policies that SAM writes itself are only in the expanded form, so that is checked as well.
    """
    written = templates()
    expanded = [
        expand(path, _EXPANDED)
        for path in written
        if "\nTransform: AWS::Serverless" in path.read_text()
    ]
    outcome = check([*written, *expanded])
    for finding in outcome.findings:
        click.echo(finding)
    click.echo(
        f"checkov: {outcome.passed} passed, {outcome.skipped} skipped with a reason, "
        f"{len(outcome.findings)} to mend, in {len(written)} templates and SAM's expansion"
    )
    sys.exit(bool(outcome.findings))


if __name__ == "__main__":
    main()
