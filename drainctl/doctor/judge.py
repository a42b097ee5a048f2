"""Facts in, findings out: pure code, in the order in which an operator would look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drainctl.doctor import judge_access, judge_running, judge_stack

if TYPE_CHECKING:
    from drainctl.doctor.facts import Facts
    from drainctl.doctor.finding import Finding


def judge(facts: Facts) -> list[Finding]:
    """Judge all that was asked."""
    return [
        *judge_stack.findings(facts),
        *judge_access.findings(facts),
        *judge_running.findings(facts),
    ]
