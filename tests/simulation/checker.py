"""The checker: what every run must have done, and what must hold in the end.

The numbers are those of the promises in ``docs/guarantees.md``.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from eventdrain.drain import EndReason, LeftReason
from eventdrain.errors import FailureKind
from tests.simulation.faults import SLOW_API
from tests.simulation.world import ACK_SECONDS, NO_TOKEN, Point

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eventdrain.drain import Report, Start
    from eventdrain.settings import Settings
    from tests.simulation.cloud import Cloud
    from tests.simulation.world import Run, World

LEAK: Final = re.compile(r"made-up-(secret|token)-|9990{9}|madeup:eu:")
"""What is in no log line and no report: the schedules' secrets, tokens, numbers, subscriptions."""
_ACK_ATTEMPTS: Final = 5
_ENDING_SECONDS: Final = 0.7
"""How long leaving the streams takes at most, with what comes before."""
_PATIENCE_SECONDS: Final = 6.0
_RECENT_SECONDS: Final = 10
_BACKLOG_SECONDS: Final = 55.0
_SHORT_SECONDS: Final = 2.0
_OLD_SECONDS: Final = 65.0
_LAST_SECONDS: Final = 4.0
_AGE_SECONDS: Final = 1.0
"""The tolerance for the age of an event, whose time is taken without its fraction."""
_LONGEST_RETRY_SECONDS: Final = 7.6
"""The longest wait between two attempts, with jitter."""
_LONGEST_REJECTED_SECONDS: Final = 15.0
"""The longest wait before a stream is opened with a new token."""


def check_run(
    cloud: Cloud, run: Run, report: Report, metrics: Mapping[str, float], *starts: Start
) -> None:
    """Check a run at its end.

    Args:
        cloud: The account.
        run: The run.
        report: Its report.
        metrics: Those of its metrics that alarms evaluate.
        starts: How it was started, and then how it has started others.
    """
    is_idle = report.end_reason is EndReason.IDLE
    text = json.dumps(report.as_json())
    if LEAK.search(text):
        cloud.world.leaks.append(text)
    for problem in (
        *_counts(run, report),
        *_end(cloud.world, run),
        *_reason(cloud.world, run, report),
        *(_silence(cloud.world, run, report) if is_idle else _work(cloud.world, run, report)),
        *_access(cloud, run, report),
        *_alarms(run, report, metrics),
        *_retries(cloud.settings, run, report),
        *_starts(cloud.settings, run, report, *starts),
    ):
        cloud.world.violate(f"{run.name} {problem}: {text}")


def _counts(run: Run, report: Report) -> Iterator[str]:
    """Promise 4: the report reconciles, and equals what the world has counted."""
    left, untaken = report.left, report.left[LeftReason.NOT_TAKEN]
    for problem, is_met in {
        "does not reconcile": report.received != report.acked + left.total(),
        "does not reconcile its acks": report.committed != report.acked + left[LeftReason.ACK],
        "does not count each failure": report.failures.total() != left.total() - untaken,
        "counts a failure by its text": any(" " in cause for cause in report.failures),
        "has an end that does not match its error": report.has_failed != bool(report.error),
        "has met a bug": left[LeftReason.UNEXPECTED] or "report this bug" in (report.error or ""),
    }.items():
        if is_met:
            yield problem
    for name, count, missed in (
        ("received", run.kinds.total(), 0),
        ("heartbeats", run.heartbeats, 0),
        ("acked", run.acks_confirmed, 0),
        ("connections", run.connections, 0),
        ("redelivered", run.redelivered, untaken),
        ("quarantined", run.kinds["unreadable"], untaken),
        ("oversize", run.kinds["oversize"], untaken),
    ):
        if not 0 <= count - getattr(report, name) <= missed:
            yield f"reports {getattr(report, name)} {name}, and there were {count}"
    failed = Counter(sink for (sink, _), (each, _) in run.last_writes.items() if each is not None)
    if any(report.failed[sink] < count for sink, count in failed.items()):
        yield f"does not report all failed writes, of which there were {dict(failed)}"
    oldest = max((age for _, age, _ in run.ages), default=0.0)
    if not untaken and abs(report.oldest_event_age_seconds - max(0.0, oldest)) > _AGE_SECONDS:
        yield f"does not report the oldest event, whose age was {oldest:.3f} s"


def _end(world: World, run: Run) -> Iterator[str]:
    """Promise 5."""
    if run.open_connections:
        yield f"leaves {run.open_connections} streams open"
    if run.open_clients:
        yield "leaves a client for acks open"
    if run.to_store and not run.was_frozen:
        yield "does not cache its new token"
    if 0 < run.connections < world.settings.parallel_streams:
        yield "has not opened all of its streams"
    began_at, ended_at = run.draining
    if ended_at > max(run.commit_until, began_at) + _ENDING_SECONDS and not run.was_frozen:
        yield "commits after its window"
    longest = run.commit_until + 2 * _ENDING_SECONDS + run.waited_seconds
    if world.time > longest and not run.was_frozen:
        yield "takes too long"


def _reason(world: World, run: Run, report: Report) -> Iterator[str]:
    """The reason for the end."""
    settings = world.settings
    if report.committed > settings.max_events:
        yield "has committed more events than its limit"
    if report.end_reason is EndReason.LIMIT and report.committed < settings.max_events:
        yield "ends at a limit that it has not reached"
    heard_seconds = run.heard_until - run.heard_since
    is_quiet = report.end_reason is EndReason.WINDOW and not (report.received or run.was_frozen)
    if is_quiet and run.connections and heard_seconds < 0.4 * (run.read_until - run.draining[0]):
        yield "completes though it has hardly heard the event API"
    causes = run.has_met_fatal, run.rejected, run.needs, run.slow_calls, run.was_frozen
    has_hardly_listened = run.read_until - run.draining[0] < _SHORT_SECONDS
    silences = run.strikes, world.oddities(run.opened_at), has_hardly_listened
    if report.has_failed and not any(causes if report.received else (*causes, *silences)):
        yield "fails though nothing was fatal"
    idle_seconds = run.draining[1] - run.last_activity
    if run.has_met_fatal and idle_seconds > _ENDING_SECONDS and not run.was_frozen:
        yield "goes on after a failure that was fatal"
    if run.has_met_fatal and not report.has_failed:
        yield "completes though a failure was fatal"


def _silence(world: World, run: Run, report: Report) -> Iterator[str]:
    """An unproven silence never ends as idle."""
    _, ended_at = run.draining
    last_arrival = 0.0 if report.left[LeftReason.NOT_TAKEN] else run.last_arrival
    quiet_seconds = ended_at - max(run.quiet_since, last_arrival)
    # It has decided to end after the last commit began, or just before it left its streams.
    decided_at = ended_at - _ENDING_SECONDS
    if run.last_activity > decided_at:
        decided_at = max(run.committing_since.values(), default=0.0)
    if quiet_seconds < world.settings.idle.total_seconds() and run.unproven_at < decided_at:
        yield "ends as idle without a proof of silence"
    if run.open_since == math.inf and max(run.ends, default=0.0) < decided_at:
        yield "ends as idle while no stream is open"
    if run.oldest_unread < decided_at - _ENDING_SECONDS:
        yield "ends as idle though messages have arrived"
    was_slow = world.oddities(run.opened_at) == {"is_slow"} and any(
        fault.name == SLOW_API and fault.at < run.opened_at and fault.until > ended_at
        for fault in world.schedule.faults
    )
    if run.left_in_transit and was_slow and not (run.ends or report.received):
        yield "ends as idle before a slow API has sent what waits"
    if run.left_waiting and not report.left.total():
        yield f"ends as idle while {run.left_waiting} events wait"


def _work(world: World, run: Run, report: Report) -> Iterator[str]:
    """A run neither stops too early nor waits for nothing."""
    settings = world.settings
    _, ended_at = run.draining
    is_window_over = ended_at >= run.read_until
    is_stopped = run.has_met_fatal or (run.rejected and report.has_failed) or not run.connections
    if report.committed >= settings.max_events or is_stopped:
        return
    is_open = run.open_since < math.inf
    if not (is_window_over or _was_idle(world, run)):
        if report.left[LeftReason.NOT_TAKEN]:
            yield "drops what has arrived"
        quiet_seconds = ended_at - max(run.last_arrival, run.quiet_since)
        if is_open and quiet_seconds < settings.idle.total_seconds():
            yield "ends though a stream is open"
    elif is_window_over and not run.was_frozen:
        patience = max(settings.idle.total_seconds(), _PATIENCE_SECONDS) + _ENDING_SECONDS
        quiet_seconds = ended_at - max(run.last_arrival, run.last_activity, run.proven_at)
        if is_open and quiet_seconds > patience + settings.linger.total_seconds():
            yield "waits for nothing"
        longest_wait = _ENDING_SECONDS + max(
            _LONGEST_REJECTED_SECONDS if run.rejected else 0.0, 0.75 * 2 ** len(run.ends)
        )
        is_late = run.read_until - max(*run.ends, run.last_activity, 0.0) > longest_wait
        if is_late and not (run.left_streams or report.has_failed):
            yield "opens no further stream"


def _was_idle(world: World, run: Run) -> bool:
    """Return whether the run was ending as idle with its last commit, before a refusal."""
    began = max(run.committing_since.values(), default=0.0)
    before = max((at for at, *_ in run.ages if at <= began), default=began)
    return began - before >= world.settings.idle.total_seconds()


def _starts(
    settings: Settings, run: Run, report: Report, start: Start, *started: Start
) -> Iterator[str]:
    """A run starts all other streams' runs, and the next one for a backlog that it can drain."""
    chained = [other for other in started if other.backlog_run > start.backlog_run]
    others = settings.concurrent_runs - 1 if start.is_first and run.connections else 0
    if run.connections and len(started) - len(chained) != others:
        yield f"starts {len(started) - len(chained)} other runs, not {others}"
    is_at_window = report.end_reason is EndReason.WINDOW
    # The new events, each with the seconds from its taking to the end of the window, and its age.
    new = [(run.read_until - at, age) for at, age, is_redelivered in run.ages if not is_redelivered]
    if chained:
        if not report.acked:
            yield "starts another run, though it has acked nothing"
        ages = [age for before, age in new if before < _RECENT_SECONDS]
        if is_at_window and max(ages, default=0.0) < _BACKLOG_SECONDS:
            yield "starts another run, though there is no backlog"
    elif report.acked and start.backlog_run < settings.backlog_runs:
        if report.end_reason is EndReason.LIMIT:
            yield "starts no further run, though it has reached its limit"
        recent = [(before, age) for before, age in new if before < _RECENT_SECONDS]
        has_last = any(_ENDING_SECONDS < before < _LAST_SECONDS for before, _ in recent)
        is_sure = not (report.left[LeftReason.NOT_TAKEN] or run.was_frozen)
        is_behind = has_last and all(age > _OLD_SECONDS for _, age in recent)
        if is_at_window and is_sure and is_behind and not run.kinds["unreadable"]:
            yield "starts no further run, though it has a backlog"


def _access(cloud: Cloud, run: Run, report: Report) -> Iterator[str]:
    """A run does not fail for its token while it has a good one."""
    if not report.is_access_refused or "a stream is refused" in run.needs:
        return
    if run.connections and "the call about" in (report.error or ""):
        yield "fails for a secret that it does not need"
    good = cloud.good_token(run)
    if run.rejected and not run.slow_calls and good not in {None, *run.rejected}:
        yield "fails for its token though the secret has a good one"
    token = run.minted[-1] if run.minted else None
    if run.rejected and token not in {None, *run.rejected} and cloud.tokens.accepts(token):
        yield "fails for its token though it has a good one"


def _alarms(run: Run, report: Report, metrics: Mapping[str, float]) -> Iterator[str]:
    """Every fault that needs a person ends in an alarm's metric."""
    if metrics["Completed"] == report.has_failed:
        yield "has a metric that does not match its end"
    if (report.failed.total() or report.ack_failed) and "NotAcked" not in metrics:
        yield "does not report that events were not acked"
    if run.kinds["unreadable"] > report.left[LeftReason.NOT_TAKEN] and "Warnings" not in metrics:
        yield "does not report unreadable events"
    is_known = run.has_met_fatal or report.is_access_refused or "a stream is refused" in run.needs
    was_refused = report.has_failed and len(run.rejected) > 1 and run.tokens[-1] in run.rejected
    if was_refused and not (is_known or "gateway" in (report.error or "")):
        yield "does not report that its access was refused"
    signs = {*metrics, "a failure"} if report.has_failed else {*metrics}
    if report.end_reason is EndReason.LIMIT:
        signs.add(NO_TOKEN[0])  # it ends without waiting for a new token
    for fault, names in run.needs.items():
        if not (run.was_frozen or signs & {*names}):
            yield f"ends without {' or '.join(names)}, though {fault}"


def _retries(settings: Settings, run: Run, report: Report) -> Iterator[str]:
    """What may succeed later is tried again, while there is time."""
    if report.has_failed or run.was_frozen:
        return
    for (sink, handle), (failed, at) in run.last_writes.items():
        has_time = at + _LONGEST_RETRY_SECONDS + ACK_SECONDS < run.commit_until
        if failed is not None and failed.kind is FailureKind.RETRYABLE and has_time:
            yield f"gives up writing {handle} to the {sink}"
    for handle in () if run.was_throttled else run.committing_since:
        sinks = all(run.has_written(sink, handle) for sink in report.sinks)
        if handle and sinks and not run.ack_tries[handle]:
            yield f"never acks {handle}, which is in both sinks"
    for handle, (answer, at) in run.last_answers.items():
        since = run.committing_since.get(handle, 0.0)  # it is another delivery's that was written
        ack_until = min(since + settings.ack_timeout.total_seconds(), run.commit_until)
        last = run.last_activity if run.was_throttled else at
        if answer is None or last + _LONGEST_RETRY_SECONDS >= ack_until:
            continue
        if answer.kind is FailureKind.THROTTLED:
            yield f"gives up the throttled {handle}"
        elif answer.kind is FailureKind.RETRYABLE and run.ack_failures[handle] < _ACK_ATTEMPTS:
            yield f"gives up {handle} after {run.ack_failures[handle]} failures"


def check_end(cloud: Cloud) -> None:
    """Check the world after everything has settled."""
    world = cloud.world
    left_over = {run.name: run.left_over for run in world.runs if run.left_over}
    for problem in (
        *_lost(cloud),
        *_copies(cloud),
        *(f"personal data or a secret is in {text}" for text in world.leaks[:1]),
        *(f"{name} has left work behind: {steps} steps" for name, steps in left_over.items()),
        *(f"an error that nobody has handled: {bug}" for bug in world.machine.bugs),
    ):
        world.violate(problem)


def _lost(cloud: Cloud) -> Iterator[str]:
    """Promise 2: everything is acked, in the archive, and in the queue or with a consumer."""
    waiting = {event_id for message in cloud.queue.messages for event_id in message.event_ids}
    places = {"archive": cloud.archive.ever.keys(), "queue": waiting | cloud.queue.consumed}
    for event in cloud.server.events:
        if event.acked_at is None:
            yield f"event {event.number} is not acked after {len(cloud.world.runs)} runs"
            continue
        for sink, ids in places.items():
            if event.event_id not in ids:
                yield f"event {event.number} is not in the {sink}"


def _copies(cloud: Cloud) -> Iterator[str]:
    """Promise 3: what is in the sinks has the id of an event, and each copy has a cause."""
    events = {event.event_id: event for event in cloud.server.events}
    if len(events) < len(cloud.server.events):
        yield "two events have the same id"
    world = cloud.world
    is_calm = not (world.struck.total() or any(run.rejected for run in world.runs))
    for sink, counts, lost_answers in (
        ("archive", cloud.archive.ever, cloud.archive.erasures),  # retries have the same key
        ("queue", cloud.queue.ever, world.struck_at[Point.SEND]),
    ):
        for event_id, count in counts.items():
            if event_id not in events:
                yield f"the {sink} has {event_id}, which is not the id of an event"
            elif count > (1 if is_calm else events[event_id].sent + lost_answers):
                yield f"the {sink} has {count} copies of event {events[event_id].number}"
