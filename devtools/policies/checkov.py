"""What Checkov finds in templates: which resource, which rule, and how to be rid of it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from devtools.policies.templates import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_CHECKOV: Final = PROJECT / ".venv-checkov" / "bin" / "checkov"
_OFFLINE: Final = ("--framework", "cloudformation", "--skip-download", "--output", "json")
_NO_REASON: Final = "No comment provided"  # what Checkov says for a skip without a comment


class CheckovError(Exception):
    """Checkov gave no answer that can be read."""


@dataclass(frozen=True)
class Finding:
    """A rule that a resource breaks.

    Attributes:
        place: The file and its line.
        resource: The resource's type and logical id.
        rule: The rule's id.
        text: What the rule asks for.
    """

    place: str
    resource: str
    rule: str
    text: str

    def __str__(self) -> str:
        """Say it with its hint."""
        return (
            f"{self.place} {self.resource}: {self.rule}: {self.text}\n"
            f"    Mend it; or, if that would be wrong here, add {{id: {self.rule}, comment: why}} "
            "to the resource's Metadata.checkov.skip."
        )


@dataclass(frozen=True)
class Outcome:
    """What Checkov said.

    Attributes:
        passed: How many checks passed.
        skipped: How many were skipped, each with its reason.
        findings: What has to be mended.
    """

    passed: int
    skipped: int
    findings: tuple[Finding, ...]


def check(files: Sequence[Path]) -> Outcome:
    """Run Checkov over templates, without a network.

    Checkov takes a template's path for one of its values, and a long one for a secret in it. It
    gets no more of the path than tells the templates apart, so that the answer is the same wherever
    the project lies.

    Raises:
        CheckovError: It broke, or could not read one of the templates.
    """
    folder = os.path.commonpath([file.parent for file in files])
    completed = subprocess.run(  # noqa: S603 - our own environment's program
        [
            _CHECKOV,
            *_OFFLINE,
            *(part for file in files for part in ("--file", file.relative_to(folder))),
        ],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    try:
        answer: dict[str, Any] = json.loads(completed.stdout)
        results: dict[str, list[dict[str, Any]]] = answer["results"]
    except (ValueError, LookupError, TypeError) as error:
        raise CheckovError(f"checkov said: {completed.stderr or completed.stdout}") from error
    if results["parsing_errors"]:
        raise CheckovError(f"checkov can't read {results['parsing_errors']}")
    return Outcome(
        passed=len(results["passed_checks"]),
        skipped=len(results["skipped_checks"]),
        findings=tuple(dict.fromkeys(_findings(results))),
    )


def _findings(results: dict[str, list[dict[str, Any]]]) -> Iterator[Finding]:
    for record in results["failed_checks"]:
        yield _finding(record, record["check_name"])
    for record in results["skipped_checks"]:
        reason = record["check_result"].get("suppress_comment")
        if not reason or reason == _NO_REASON:
            yield _finding(record, "it is skipped without a reason")


def _finding(record: dict[str, Any], text: str) -> Finding:
    place = f"{record['file_path'].lstrip('/')}:{record['file_line_range'][0]}"
    return Finding(place, record["resource"], record["check_id"], text)
