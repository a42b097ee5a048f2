"""What the operator sees: a line for each check, and below it the cure; or JSON for scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from rich.text import Text

from drainctl.doctor.finding import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drainctl.doctor.finding import Finding

_MARKS: Final = {
    Verdict.GOOD: ("✓", "green"),
    Verdict.LOOK: ("⚠", "yellow"),
    Verdict.BAD: ("✗", "red"),
    Verdict.SKIPPED: ("·", "dim"),
}
_WORDS: Final = {
    Verdict.LOOK: "to look at",
    Verdict.BAD: "wrong",
    Verdict.SKIPPED: "skipped",
}


def lines(findings: Sequence[Finding]) -> Iterator[Text]:
    """Show the findings, each in a line, and its cure in the next.

    They are printed without breaks, so that a command can be copied.
    """
    width = max((len(each.title) for each in findings), default=0)
    for each in findings:
        says = f"skipped: {each.says}" if each.verdict is Verdict.SKIPPED else each.says
        yield Text.assemble(_MARKS[each.verdict], f" {each.title:<{width}}  {says}")
        if each.cure:
            yield Text.assemble(f"  {'':<{width}}  ", (f"→ {each.cure}", "bold"))


def summary(findings: Sequence[Finding]) -> Text:
    """Say how many findings there are of which kind."""
    counts = {verdict: sum(each.verdict is verdict for each in findings) for verdict in Verdict}
    told = [
        f"{counts[Verdict.GOOD]} well",
        *(f"{counts[v]} {word}" for v, word in _WORDS.items() if counts[v]),
    ]
    style = "red" if counts[Verdict.BAD] else "yellow" if counts[Verdict.LOOK] else "green"
    return Text(", ".join(told), style)


def as_json(stack_name: str, findings: Sequence[Finding]) -> str:
    """Give the findings to scripts."""
    return json.dumps(
        {
            "stack": stack_name,
            "is_well": not any(each.verdict is Verdict.BAD for each in findings),
            "checks": [
                {
                    "check": each.check,
                    "event_type": each.event_type or None,
                    "verdict": each.verdict.value,
                    "says": each.says,
                    "cure": each.cure or None,
                }
                for each in findings
            ],
        },
        indent=2,
    )
