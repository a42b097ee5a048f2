"""The checker: what every run must have done, and what must hold in the end.

The numbers are those of the promises in ``docs/guarantees.md``.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final

from eventdrain.drain import EndReason, LeftReason
from eventdrain.errors import FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventdrain.drain import Report
    from eventdrain.settings import Settings
    from tests.simulation.cloud import Cloud
    from tests.simulation.world import Run, World

_ACK_ATTEMPTS: Final = 5
_ACK_SECONDS: Final = 2.0
"""The time that is kept for acks."""
_LONGEST_RETRY_SECONDS: Final = 7.6
"""The longest wait between two attempts, with jitter."""


def check_run(
    world: World, settings: Settings, run: Run, report: Report, metrics: set[str]
) -> None:
    """Check a run at its end."""
    for problem in (
        *_counts(run, report),
        *_end(world, settings, run, report),
        *(_silence(world, settings, run, report) if report.end_reason is EndReason.IDLE else ()),
        *_alarms(run, report, metrics),
        *_retries(settings, run, report),
    ):
        world.violate(f"{run.name} {problem}: {json.dumps(report.as_json())}")


def _counts(run: Run, report: Report) -> Iterator[str]:
    """Promise 4: the report reconciles, and equals what the world has counted."""
    if report.received != report.acked + report.left.total():
        yield "does not reconcile"
    if report.left[LeftReason.UNEXPECTED] or "report this bug" in (report.error or ""):
        yield "has met a bug"
    if any(" " in cause for cause in report.failures):
        yield "counts a failure by its text"
    if report.has_failed != (report.error is not None):
        yield "has an end reason that does not match its error"
    counted = {
        "received": run.arrived,
        "heartbeats": run.heartbeats,
        "acked": run.acks_confirmed,
        "connections": run.connections,
    }
    for name, count in counted.items():
        if getattr(report, name) != count:
            yield f"reports {getattr(report, name)} {name}, and there were {count}"


def _end(world: World, settings: Settings, run: Run, report: Report) -> Iterator[str]:
    """Promise 5, and the reason for the end."""
    if run.open_connections:
        yield f"leaves {run.open_connections} streams open"
    if report.committed > settings.max_events:
        yield "has committed more events than its limit"
    if report.end_reason is EndReason.LIMIT and report.committed < settings.max_events:
        yield "ends at a limit that it has not reached"
    if report.end_reason is EndReason.WINDOW and run.heard_since is None and run.connections:
        yield "completes though it has not heard the event API"
    if run.has_met_fatal and not report.has_failed:
        yield "completes though a failure was fatal"
    is_over = (
        report.committed >= settings.max_events
        or world.time >= run.opened_at + settings.window.total_seconds()
        or report.end_reason is EndReason.IDLE
    )
    if report.left[LeftReason.NOT_TAKEN] and not (is_over or run.has_met_fatal or run.rejected):
        yield "drops what has arrived"


def _silence(world: World, settings: Settings, run: Run, report: Report) -> Iterator[str]:
    """An unproven silence never ends as idle."""
    # A stream that was open all the time, or one that took over from another that was heard.
    heard_since = math.inf if run.heard_since is None else run.heard_since
    quiet_since = min(run.open_since, max(heard_since, run.unproven_at))
    if not report.left[LeftReason.NOT_TAKEN]:
        quiet_since = max(quiet_since, run.last_arrival)
    if world.time - quiet_since < settings.idle.total_seconds():
        yield "ends as idle without a proof of silence"

    if run.left_waiting and not report.left.total():
        yield f"ends as idle while {run.left_waiting} events wait"


def _alarms(run: Run, report: Report, metrics: set[str]) -> Iterator[str]:
    """Every fault that needs a person ends in an alarm's metric."""
    for fault, names in run.needs.items():
        if names == ("failed",):
            if not report.has_failed:
                yield f"has not failed, though {fault}"
        elif not metrics & {*names}:
            yield f"emits none of {', '.join(names)}, though {fault}"


def _retries(settings: Settings, run: Run, report: Report) -> Iterator[str]:
    """What may succeed later is tried again, while there is time."""
    if report.has_failed or report.end_reason is EndReason.WINDOW or run.was_frozen:
        return
    ends_at = run.opened_at + (settings.window + settings.reserve).total_seconds()
    for (sink, handle), (failed, at) in run.last_writes.items():
        has_time = at + _LONGEST_RETRY_SECONDS + _ACK_SECONDS < ends_at
        if failed is not None and failed.kind is FailureKind.RETRYABLE and has_time:
            yield f"gives up writing {handle} to the {sink}"
    for handle in run.committing_since:
        sinks = all(run.has_written(sink, handle) for sink in report.sinks)
        if handle and sinks and not run.ack_tries[handle]:
            yield f"never acks {handle}, which is in both sinks"
    for handle, (answer, at) in run.last_answers.items():
        since = run.committing_since.get(handle, 0.0)  # it is another delivery's that was written
        ack_until = min(since + settings.ack_timeout.total_seconds(), ends_at)
        if answer is None or at + _LONGEST_RETRY_SECONDS >= ack_until:
            continue
        if answer.kind is FailureKind.THROTTLED:
            yield f"gives up the throttled {handle}"
        elif answer.kind is FailureKind.RETRYABLE and run.ack_tries[handle] < _ACK_ATTEMPTS:
            yield f"gives up {handle} after {run.ack_tries[handle]} attempts"


def check_end(cloud: Cloud) -> None:
    """Check the world after everything has settled."""
    world = cloud.world
    for problem in (*_lost(cloud), *_copies(cloud)):
        world.violate(problem)
    for run in world.runs:
        if run.left_over:
            world.violate(f"{run.name} has left work behind: {run.left_over} steps")
    for bug in world.machine.bugs:
        world.violate(f"an error that nobody has handled: {bug}")


def _lost(cloud: Cloud) -> Iterator[str]:
    """Promise 2: everything is acked, and in both sinks."""
    for event in cloud.server.events:
        if event.is_discarded:
            continue
        if event.acked_at is None:
            yield f"event {event.number} is not acked after {len(cloud.world.runs)} runs"
            continue
        for sink, counts in (("archive", cloud.archive.ever), ("queue", cloud.queue.ever)):
            if not counts[event.event_id]:
                yield f"event {event.number} is not in the {sink}"


def _copies(cloud: Cloud) -> Iterator[str]:
    """Promise 3: what is in the sinks has the id of an event."""
    ids = {event.event_id for event in cloud.server.events}
    for sink, counts in (("archive", cloud.archive.ever), ("queue", cloud.queue.ever)):
        for event_id in counts.keys() - ids:
            yield f"the {sink} has {event_id}, which is not the id of an event"
