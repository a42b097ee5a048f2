"""One line of the result: what was checked, how it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from drainctl.doctor.questions import NoAnswer, T

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from drainctl.doctor.questions import Answer


class Status(Enum):
    """How something is; the values are those of the JSON document."""

    OK = "ok"
    WARNING = "warning"
    """Nothing is broken, but somebody should look at it."""
    PROBLEM = "problem"
    SKIPPED = "skipped"
    """It could not be checked, because something that it depends on is unknown."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: What was checked, such as ``last run``.
        status: How it is.
        message: What was found, in one sentence without secrets and personal data.
        hint: What to do, if something should be done.
        event_type: The stream that it is about; empty for all.
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
    """Return a finding about something that is well."""
    return Finding(check, Status.OK, message, "", event_type)


def warning(check: str, message: str, hint: str, event_type: str = "") -> Finding:
    """Return a finding that somebody should look at."""
    return Finding(check, Status.WARNING, message, hint, event_type)


def problem(check: str, message: str, hint: str, event_type: str = "") -> Finding:
    """Return a finding about something that is broken."""
    return Finding(check, Status.PROBLEM, message, hint, event_type)


def assessed(
    check: str, answer: Answer[T], assess: Callable[[T], Iterable[Finding]], event_type: str = ""
) -> Iterator[Finding]:
    """Yield the findings about an answer; if there is none, one that says why."""
    if isinstance(answer, NoAnswer):
        status = Status.SKIPPED if answer.is_skipped else Status.PROBLEM
        yield Finding(check, status, answer.message, answer.hint, event_type)
    else:
        yield from assess(answer)


def is_well(findings: Iterable[Finding]) -> bool:
    """Return whether there is no problem."""
    return not any(each.status is Status.PROBLEM for each in findings)
