"""The findings, as lines with hints for people and as JSON for scripts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from drainctl.doctor.questions import NoAnswer, T

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from drainctl.doctor.questions import Answer


class Status(Enum):
    """The status of a finding. The values are those in the JSON document."""

    OK = "ok"
    WARNING = "warning"
    """Nothing is broken, but an operator should look at it."""
    PROBLEM = "problem"
    SKIPPED = "skipped"
    """The check was not made, because an answer that it depends on is missing."""


_MARKS: Final = {
    Status.OK: ("✓", "green"),
    Status.WARNING: ("⚠", "yellow"),
    Status.PROBLEM: ("✗", "red"),
    Status.SKIPPED: ("·", "dim"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: What was checked, such as ``last run``.
        status: The result's status.
        message: What was found, as one sentence without secrets or personal data.
        hint: How to fix it; may be empty.
        event_type: The checked stream; empty if the check is about the whole stack.
    """

    check: str
    status: Status
    message: str
    hint: str = ""
    event_type: str = ""

    @property
    def title(self) -> str:
        """The check and its stream."""
        return f"{self.check} {self.event_type}".strip()


def ok(check: str, message: str, event_type: str = "") -> Finding:
    """Return a finding without a problem."""
    return Finding(check, Status.OK, message, "", event_type)


def warning(check: str, message: str, hint: str, event_type: str = "") -> Finding:
    """Return a finding that an operator should look at."""
    return Finding(check, Status.WARNING, message, hint, event_type)


def problem(check: str, message: str, hint: str, event_type: str = "") -> Finding:
    """Return a finding about a problem."""
    return Finding(check, Status.PROBLEM, message, hint, event_type)


def assessed(
    check: str, answer: Answer[T], assess: Callable[[T], Iterable[Finding]], event_type: str = ""
) -> Iterator[Finding]:
    """Yield the findings about an answer; without an answer, one finding that says why."""
    if isinstance(answer, NoAnswer):
        status = Status.SKIPPED if answer.is_skipped else Status.PROBLEM
        yield Finding(check, status, answer.message, answer.hint, event_type)
    else:
        yield from assess(answer)


def is_well(findings: Iterable[Finding]) -> bool:
    """Return whether no finding is a problem."""
    return not any(each.status is Status.PROBLEM for each in findings)


def lines(findings: Sequence[Finding]) -> Iterator[Text]:
    """Yield the lines to print. They are not wrapped, so that commands can be copied."""
    width = max((len(each.title) for each in findings), default=0)
    for each in findings:
        skipped = "Skipped: " if each.status is Status.SKIPPED else ""
        yield Text.assemble(_MARKS[each.status], f" {each.title:<{width}}  {skipped}{each.message}")
        if each.hint:
            yield Text.assemble(f"  {'':<{width}}  ", (f"→ {each.hint}", "bold"))


def summary(findings: Sequence[Finding]) -> Text:
    """Return a text with the number of findings of each status."""
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
