"""Asks whether a locked package has a known vulnerability: ``python -m devtools.audit``.

pip-audit asks the package index's advisory database, so this needs a network; without one, or where
the index in use has no advisories, it is skipped: see ``devtools.gate``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import click

from devtools.gate import skip

_PROJECT: Final = Path(__file__).parents[1]
_LOCKS: Final = (
    "layers/vendor/requirements.txt",
    *sorted(f"requirements/{path.name}" for path in (_PROJECT / "requirements").glob("*.txt")),
)
_ANSWER_SECONDS: Final = 5
_ALL_SECONDS: Final = 60


class UnansweredError(Exception):
    """Nobody could be asked."""


def ask(lock: str, seconds: float) -> list[dict[str, Any]]:
    """Ask about every package of a lock.

    Args:
        lock: The lock, from the project's root.
        seconds: How long all answers may take.

    Returns:
        What pip-audit says of each package.

    Raises:
        UnansweredError: The service can't be reached, or knows none of the packages.
    """
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--requirement",
        lock,
        "--disable-pip",
        "--no-deps",
    ]
    options = ["--format", "json", "--progress-spinner", "off", "--timeout", str(_ANSWER_SECONDS)]
    try:
        completed = subprocess.run(  # noqa: S603 - no argument is anybody's
            [*command, *options],
            cwd=_PROJECT,
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        answers: list[dict[str, Any]] = json.loads(completed.stdout)["dependencies"]
    except subprocess.TimeoutExpired as error:
        raise UnansweredError(f"no answer within {seconds:.0f} seconds") from error
    except (ValueError, LookupError) as error:
        said = completed.stderr.strip().splitlines() or ["nothing"]
        raise UnansweredError(f"pip-audit said: {said[-1].split('(')[0]}") from error
    if all("skip_reason" in answer for answer in answers):
        raise UnansweredError("the package index in use has no advisories")
    return answers


def vulnerable(lock: str, answers: list[dict[str, Any]]) -> list[str]:
    """Say what is wrong with which package, and which version mends it."""
    return [
        f"{lock}: {answer['name']} {answer['version']}: {found['id']}, mended in "
        f"{', '.join(found['fix_versions']) or 'no version yet'}: raise it, and `make lock`"
        for answer in answers
        for found in answer.get("vulns", [])
    ]


@click.command()
@click.argument("locks", nargs=-1)
def main(locks: tuple[str, ...]) -> None:
    """Ask about LOCKS, all of them by default; end with 1 if a package is vulnerable.

    Where nobody can be asked it is skipped, which ends with 1 in CI.
    """
    found: list[str] = []
    status = 0
    for lock in locks or _LOCKS:
        try:
            answers = ask(lock, _ALL_SECONDS)
        except UnansweredError as error:
            status = skip("audit", f"from {lock} on: {error}")
            break
        unknown = sum("skip_reason" in answer for answer in answers)
        found += vulnerable(lock, answers)
        click.echo(f"audit: {lock}: {len(answers)} packages, {unknown} of them unknown")
    for line in found:
        click.echo(line)
    sys.exit(bool(found) or status)


if __name__ == "__main__":
    main()
