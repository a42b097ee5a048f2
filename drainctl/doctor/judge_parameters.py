"""Parameters of the stack that contradict one another, or are risky."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drainctl.doctor.facts_of_stack import HISTORY_MINUTES
from drainctl.doctor.judging import bad, good, look
from drainctl.doctor.schedule_rule import longest_gap
from drainctl.plan.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drainctl.doctor.facts_of_stack import Stack
    from drainctl.doctor.finding import Finding

_ALARM_MINUTES: Final = 5
"""A schedule with longer gaps sets off the alarm of a stream that isn't drained."""


def findings(stack: Stack) -> Iterator[Finding]:
    """Judge the parameters."""
    troubles = [*_schedule(stack), *_others(stack)]
    yield from troubles or [good("parameters", "none contradicts another, none is risky")]


def _schedule(stack: Stack) -> Iterator[Finding]:
    check, expression = "parameters", stack.parameters.get("ScheduleExpression", "")
    hint = stack.deploy(ScheduleExpression="rate(5 minutes)")
    gap = longest_gap(expression)
    if gap is None:
        yield look(
            check,
            f"how long the gaps of {expression} are can't be told",
            f"see that they stay well below {HISTORY_MINUTES} minutes, or: {hint}",
        )
        return
    minutes = gap.total_seconds() / 60
    if minutes >= HISTORY_MINUTES:
        yield bad(
            check,
            f"{expression} leaves gaps of {minutes:g} minutes, and the event server forgets what is"
            f" older than {HISTORY_MINUTES}: events are lost",
            hint,
        )
    elif minutes > _ALARM_MINUTES:
        yield look(
            check,
            f"{expression} leaves gaps of {minutes:g} minutes: the alarm of a stream that isn't"
            f" drained wants {_ALARM_MINUTES} or less",
            hint,
        )
    need = runs_at_once(stack, minutes)
    reserved = stack.number("ReservedConcurrency")
    if reserved and reserved < need:
        yield look(
            check,
            f"ReservedConcurrency {reserved} is less than the {need} runs that a backlog takes:"
            " ticks of the schedule can be dropped",
            stack.deploy(ReservedConcurrency=str(need)) + ", or fewer Pullers and BacklogRuns",
        )


def _others(stack: Stack) -> Iterator[Finding]:
    check = "parameters"
    if stack.parameters.get("StartPosition") == "new":
        yield look(
            check,
            "StartPosition new skips what waits where the server doesn't know the queue: after an"
            " outage of more than half an hour, all that it still has",
            stack.deploy(StartPosition="oldest_possible"),
        )
    if "sandbox" in stack.parameters.get("ApiEndpoint", ""):
        yield look(
            check,
            "ApiEndpoint is the vendor's sandbox: its events are made up",
            stack.deploy(ApiEndpoint="https://api.wgtwo.com:443", Authentication="secret"),
        )
    if stack.number("OldestEventAgeSeconds") >= HISTORY_MINUTES * 60:
        yield look(
            check,
            "OldestEventAgeSeconds is beyond what the event server keeps: its alarm comes when"
            " events are lost",
            stack.deploy(OldestEventAgeSeconds="900"),
        )
    if stack.number("IdleSeconds") >= stack.number("WindowSeconds") > 0:
        yield look(
            check,
            "IdleSeconds is not below WindowSeconds: every run lasts the whole window",
            stack.deploy(IdleSeconds="5"),
        )


def runs_at_once(stack: Stack, gap_minutes: float) -> int:
    """Give how many runs of all streams a backlog may take at once."""
    parameters = Parameters(
        interval_minutes=max(1, int(gap_minutes)),
        window=stack.number("WindowSeconds"),
        idle=stack.number("IdleSeconds"),
        pullers=stack.number("Pullers") or 1,
        backlog_runs=stack.number("BacklogRuns"),
    )
    return parameters.most_runs_at_once * len(stack.event_types)
