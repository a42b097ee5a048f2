"""Findings of answers that can't be had, and the short forms of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drainctl.doctor.answers import NoAnswer, T
from drainctl.doctor.finding import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from drainctl.doctor.answers import Answer


def judged(
    check: str, answer: Answer[T], judge: Callable[[T], Iterable[Finding]], event_type: str = ""
) -> Iterator[Finding]:
    """Judge an answer; say why there is none, if there is none."""
    if isinstance(answer, NoAnswer):
        verdict = Verdict.SKIPPED if answer.is_skipped else Verdict.BAD
        yield Finding(check, verdict, answer.says, answer.cure, event_type)
    else:
        yield from judge(answer)


def good(check: str, says: str, event_type: str = "") -> Finding:
    """Say that something is well."""
    return Finding(check, Verdict.GOOD, says, "", event_type)


def look(check: str, says: str, cure: str, event_type: str = "") -> Finding:
    """Say that somebody should look at something."""
    return Finding(check, Verdict.LOOK, says, cure, event_type)


def bad(check: str, says: str, cure: str, event_type: str = "") -> Finding:
    """Say that something is wrong."""
    return Finding(check, Verdict.BAD, says, cure, event_type)
