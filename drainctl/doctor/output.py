"""What the operator sees: a line for each check, and below it what to do; or JSON for scripts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from drainctl.doctor.findings import Status, is_well

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drainctl.doctor.findings import Finding

_MARKS: Final = {
    Status.OK: ("✓", "green"),
    Status.WARNING: ("⚠", "yellow"),
    Status.PROBLEM: ("✗", "red"),
    Status.SKIPPED: ("·", "dim"),
}


def lines(findings: Sequence[Finding]) -> Iterator[Text]:
    """Yield the lines to print, without wrapping them, so that a command can be copied."""
    width = max((len(each.title) for each in findings), default=0)
    for each in findings:
        skipped = "Skipped: " if each.status is Status.SKIPPED else ""
        yield Text.assemble(_MARKS[each.status], f" {each.title:<{width}}  {skipped}{each.message}")
        if each.hint:
            yield Text.assemble(f"  {'':<{width}}  ", (f"→ {each.hint}", "bold"))


def summary(findings: Sequence[Finding]) -> Text:
    """Return how many findings there are of each status."""
    counts = Counter(each.status for each in findings)
    plurals = {Status.WARNING: "warnings", Status.PROBLEM: "problems"}
    shown = [
        f"{count} {status.value if count == 1 else plurals.get(status, status.value)}"
        for status in Status
        if (count := counts[status])
    ]
    worst = next((s for s in (Status.PROBLEM, Status.WARNING) if counts[s]), Status.OK)
    return Text(", ".join(shown), _MARKS[worst][1])


def as_json(stack_name: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the JSON document."""
    return {
        "stack": stack_name,
        "is_well": is_well(findings),
        "checks": [
            {
                "check": each.check,
                "event_type": each.event_type or None,
                "status": each.status.value,
                "message": each.message,
                "hint": each.hint or None,
            }
            for each in findings
        ],
    }
