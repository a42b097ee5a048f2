"""The last runs of each stream: when, how they ended, and how far behind they are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from drainctl.doctor.facts_of_running import RUN_SPANS
from drainctl.doctor.facts_of_stack import HISTORY_MINUTES
from drainctl.doctor.judging import bad, good, look
from drainctl.doctor.schedule_rule import longest_gap
from drainctl.plan.rules import TIMEOUT_MARGIN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from drainctl.doctor.facts_of_running import Run
    from drainctl.doctor.facts_of_stack import Stack
    from drainctl.doctor.finding import Finding

_CHECK: Final = "last run"
_LAG: Final = "lag"
_BACKLOG_RUNS: Final = 3
_HISTORY: Final = timedelta(minutes=HISTORY_MINUTES)
_FORGETS: Final = f"the event server forgets events after {HISTORY_MINUTES} minutes"


def findings(stack: Stack, now: datetime, runs: Mapping[str, tuple[Run, ...]]) -> Iterator[Finding]:
    """Judge the last runs of each stream, oldest first."""
    for event_type in stack.event_types:
        own = runs.get(event_type, ())
        if not own:
            yield _never(stack, now, event_type)
            continue
        yield _last(stack, now, event_type, own[-1])
        yield _lag(stack, event_type, own)


def _never(stack: Stack, now: datetime, event_type: str) -> Finding:
    if now - stack.since < _due(stack):
        return good(_CHECK, "none was due yet", event_type)
    hours = RUN_SPANS[-1].total_seconds() / 3600
    says = f"no run has told of its end in {hours:g} hours"
    return bad(_CHECK, f"{says}: {_FORGETS}", _why_none(stack), event_type)


def _last(stack: Stack, now: datetime, event_type: str, run: Run) -> Finding:
    ago = now - run.ended
    says = f"ended as {run.end_reason} {_spoken(ago)} ago, {run.acked:,} of {run.received:,} acked"
    if run.end_reason == "failed":
        return bad(
            _CHECK, f"{says}: {run.error}" if run.error else says, _hint(stack, run), event_type
        )
    if ago >= _HISTORY:
        says += f": events older than {HISTORY_MINUTES} minutes are lost"
        return bad(_CHECK, says, _why_none(stack), event_type)
    if ago > _due(stack):
        says += f", and another was due: {_FORGETS}"
        return bad(_CHECK, says, _why_none(stack), event_type)
    if run.refused:
        who = ", ".join(f"{count:,} not taken by {name}" for name, count in run.refused)
        judge = look if run.acked else bad
        return judge(
            _CHECK,
            f"{says}, {who}: these events come again",
            "the saved query `what was left and why` has the codes; or see the log: " + _log(stack),
            event_type,
        )
    return good(_CHECK, says, event_type)


def _lag(stack: Stack, event_type: str, runs: tuple[Run, ...]) -> Finding:
    limit = stack.number("OldestEventAgeSeconds") or HISTORY_MINUTES * 30
    age = runs[-1].oldest_age_seconds or 0.0
    more = "raise Pullers, ParallelStreams or MemorySize, as docs/scale.md says"
    says = f"the oldest event of the last run was {_spoken(timedelta(seconds=age))} old"
    if age >= _HISTORY.total_seconds():
        return bad(_LAG, f"{says}: older ones may be lost", more, event_type)
    if age > limit:
        return look(_LAG, f"{says}, and {limit} s is the limit", more, event_type)
    last = runs[-_BACKLOG_RUNS:]
    if len(last) == _BACKLOG_RUNS and all(each.has_backlog for each in last):
        return look(
            _LAG,
            f"the last {_BACKLOG_RUNS} runs ended as {last[-1].end_reason}, with more waiting",
            more,
            event_type,
        )
    return good(_LAG, says if runs[-1].received else "nothing waited for the last run", event_type)


def _due(stack: Stack) -> timedelta:
    """Give after how long another run must have ended: two starts, and the run itself."""
    gap = longest_gap(stack.parameters.get("ScheduleExpression", "")) or _HISTORY / 2
    run = timedelta(seconds=stack.number("WindowSeconds") + TIMEOUT_MARGIN_SECONDS)
    return 2 * gap + run


def _hint(stack: Stack, run: Run) -> str:
    return "what to do is in the error" if run.error else "the log says why: " + _log(stack)


def _why_none(stack: Stack) -> str:
    return "see whether its schedule is enabled, and what the log says: " + _log(stack)


def _log(stack: Stack) -> str:
    group = stack.outputs.get("DrainEventsLogGroupName", "")
    return stack.command("logs tail", group, "--since", "1h")


def _spoken(span: timedelta) -> str:
    seconds = max(0.0, span.total_seconds())
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds:.0f} s"
    if seconds < 7200:  # noqa: PLR2004 - two hours
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
