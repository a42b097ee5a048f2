"""Findings of answers that can't be had, and the short forms of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drainctl.doctor.answers import NoAnswer, T
from drainctl.doctor.finding import Finding, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from drainctl.doctor.answers import Answer


def judged(
    check: str, answer: Answer[T], judge: Callable[[T], Iterable[Finding]], event_type: str = ""
) -> Iterator[Finding]:
    """Judge an answer; say why there is none, if there is none."""
    if isinstance(answer, NoAnswer):
        status = Status.SKIPPED if answer.is_skipped else Status.BAD
        yield Finding(check, status, answer.says, answer.hint, event_type)
    else:
        yield from judge(answer)


def good(check: str, says: str, event_type: str = "") -> Finding:
    """Say that something is well."""
    return Finding(check, Status.GOOD, says, "", event_type)


def look(check: str, says: str, hint: str, event_type: str = "") -> Finding:
    """Say that somebody should look at something."""
    return Finding(check, Status.LOOK, says, hint, event_type)


def bad(check: str, says: str, hint: str, event_type: str = "") -> Finding:
    """Say that something is wrong."""
    return Finding(check, Status.BAD, says, hint, event_type)
