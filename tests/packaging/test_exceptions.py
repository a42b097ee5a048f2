"""Every exception from a rule of Checkov or cfn-lint has a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.packaging.expanded_template import all_templates, written_template

if TYPE_CHECKING:
    from collections.abc import Iterator


def exceptions(metadata: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield each rule that a resource is exempt from, and the reason."""
    lint = metadata.get("cfn-lint", {})
    for rule in lint.get("config", {}).get("ignore_checks", []):
        yield rule, lint.get("reasons", {}).get(rule)
    for skip in metadata.get("checkov", {}).get("skip", []):
        yield skip["id"], skip.get("comment")


def test_every_exception_has_a_reason() -> None:
    """No rule is skipped without a reason."""
    reasons = {
        f"{file} {name} {rule}": reason
        for file, template in (all_templates() | {"template.yaml": written_template()}).items()
        for name, resource in template["Resources"].items()
        for rule, reason in exceptions(resource.get("Metadata", {}))
    }

    assert reasons
    assert not [exception for exception, reason in reasons.items() if not reason]
