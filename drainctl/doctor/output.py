"""What the operator sees: a line for each check, and below it the hint; or JSON for scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from rich.text import Text

from drainctl.doctor.finding import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drainctl.doctor.finding import Finding

_MARKS: Final = {
    Status.GOOD: ("✓", "green"),
    Status.LOOK: ("⚠", "yellow"),
    Status.BAD: ("✗", "red"),
    Status.SKIPPED: ("·", "dim"),
}
_WORDS: Final = {
    Status.LOOK: "to look at",
    Status.BAD: "wrong",
    Status.SKIPPED: "skipped",
}


def lines(findings: Sequence[Finding]) -> Iterator[Text]:
    """Show the findings, each in a line, and its hint in the next.

    They are printed without breaks, so that a command can be copied.
    """
    width = max((len(each.title) for each in findings), default=0)
    for each in findings:
        says = f"skipped: {each.says}" if each.status is Status.SKIPPED else each.says
        yield Text.assemble(_MARKS[each.status], f" {each.title:<{width}}  {says}")
        if each.hint:
            yield Text.assemble(f"  {'':<{width}}  ", (f"→ {each.hint}", "bold"))


def summary(findings: Sequence[Finding]) -> Text:
    """Say how many findings there are of which kind."""
    counts = {status: sum(each.status is status for each in findings) for status in Status}
    told = [
        f"{counts[Status.GOOD]} well",
        *(f"{counts[v]} {word}" for v, word in _WORDS.items() if counts[v]),
    ]
    style = "red" if counts[Status.BAD] else "yellow" if counts[Status.LOOK] else "green"
    return Text(", ".join(told), style)


def as_json(stack_name: str, findings: Sequence[Finding]) -> str:
    """Give the findings to scripts."""
    return json.dumps(
        {
            "stack": stack_name,
            "is_well": not any(each.status is Status.BAD for each in findings),
            "checks": [
                {
                    "check": each.check,
                    "event_type": each.event_type or None,
                    "status": each.status.value,
                    "says": each.says,
                    "hint": each.hint or None,
                }
                for each in findings
            ],
        },
        indent=2,
    )
