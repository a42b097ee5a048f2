"""Files that are generated as a whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_or_check(files: Mapping[Path, str], *, check: bool) -> None:
    """Write files; or end the process with 1 if one differs, and print which.

    Args:
        files: The text of each file.
        check: Whether to write nothing.
    """
    changed = [
        path for path, text in files.items() if not path.exists() or path.read_text() != text
    ]
    for path in changed:
        if check:
            click.echo(f"{path.name} differs from protos/. To fix this, run `make template`.")
        else:
            path.write_text(files[path])
    sys.exit(bool(check and changed))
