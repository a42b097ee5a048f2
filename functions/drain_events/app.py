"""The function that the schedules fire: settings, one drain, its report as log, metrics, answer.

It also starts what runs beside it and after it: the other pullers, and the next run of a backlog.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit

from eventdrain.drain import Start
from eventdrain.errors import DrainFailed, StartFailed, note_unexpected
from eventdrain.settings import Settings
from eventdrain.wiring import SINKS, run_drain, start_run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from eventdrain.drain import Report

logger = Logger()
metrics = Metrics()
logging.getLogger("eventdrain")  # the engine's: it logs as the function does
copy_config_to_registered_loggers(source_logger=logger, include={"eventdrain"})


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run one drain.

    Args:
        event: Names the stream, as ``{"event_type": "handset_change"}``; see ``drain.Start``.
            All else, and to where to drain, is in the environment.
        context: Tells how much time is left, and which function this is.

    Returns:
        The report; see ``eventdrain.drain.Report``.

    Raises:
        ConfigurationError: A setting is missing or can't work, or the stream isn't the stack's.
        DrainFailed: The drain ended as failed, after committing what it had.
    """
    logger.append_keys(run_id=context.aws_request_id)
    start = Start.of(event)
    settings = Settings.from_env(os.environ, event_type=start.event_type)
    logger.append_keys(event_type=settings.event_type, window=_window(settings, start))
    # Not a default dimension: the next run in this environment may be over another stream.
    metrics.add_dimension(name="event_type", value=settings.event_type)
    # A Lambda that does not answer must not hold up the drain: others start beside it.
    with ThreadPoolExecutor(thread_name_prefix="start") as threads:
        starting: list[tuple[Start, Future[None]]] = []

        def start_others(others: Iterable[Start]) -> None:
            function = context.invoked_function_arn
            starting.extend(
                (other, threads.submit(start_run, other, function=function)) for other in others
            )

        report = run_drain(
            settings,
            remaining=timedelta(milliseconds=context.get_remaining_time_in_millis()),
            # Not before: they'd all mint one, or all fail for the same reason.
            on_token=lambda: start_others(start.others(settings.concurrent_runs)),
        )
        _measure(report)
        start_others(start.next(report, backlog_runs=settings.backlog_runs))
    told = report.as_json()
    if report.has_failed:
        logger.error("drain failed", report=told)
    else:
        logger.info("drained", report=told)
    for other, started in starting:
        _tell(other, started)
    if report.has_failed:
        raise DrainFailed(report.error or "the drain failed")
    return told


def _window(settings: Settings, start: Start) -> dict[str, Any]:
    """Tell which window this is: every line of the log has it."""
    return {
        "opened_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "seconds": settings.window.total_seconds(),
        "puller": start.puller,
        "backlog_run": start.backlog_run,
    }


def _tell(other: Start, started: Future[None]) -> None:
    """Tell whether another run was started. That it wasn't is no reason to fail this one."""
    try:
        started.result()
    except Exception as error:  # noqa: BLE001 - not even a bug
        known = error if isinstance(error, StartFailed) else note_unexpected(error, "a start")
        logger.error("another run can't be started", reason=str(known))  # noqa: TRY400 - no traceback
        metrics.add_metric("StartsFailed", MetricUnit.Count, 1)
    else:
        logger.info("another run is started", start=other.as_event())
        metrics.add_metric("Started", MetricUnit.Count, 1)


def _measure(report: Report) -> None:
    counts = {
        "Received": report.received,
        "Redelivered": report.redelivered,
        "Committed": report.committed,
        "Acked": report.acked,
        "Left": report.left.total(),
        **{row.failed_metric: report.failed[row.name] for row in SINKS},
        "AckFailed": report.ack_failed,
        "Quarantined": report.quarantined,
        "Oversize": report.oversize,
        "Completed": int(not report.has_failed),
        f"EndedBy{report.end_reason.value.title()}": 1,
    }
    # Only where it is so: a metric is paid for by the hours in which it has values.
    if report.batches:
        counts["Batches"] = report.batches
    if report.heartbeats:
        counts["Heartbeats"] = report.heartbeats
    if report.is_behind:
        counts["Backlog"] = 1
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.add_metric("RunTime", MetricUnit.Seconds, report.run_seconds)
    if report.received:
        metrics.add_metric(
            "OldestEventAge", MetricUnit.Seconds, max(0.0, report.oldest_event_age_seconds)
        )
    # The token is the whole stack's: these three are not a stream's.
    if report.is_access_refused:
        _count_for_the_stack("AuthenticationFailed", 1)
    if report.token_renewals_failed:
        _count_for_the_stack("TokenRenewalFailed", report.token_renewals_failed)
    if report.tokens_too_short:
        _count_for_the_stack("TokenTooShort", report.tokens_too_short)


def _count_for_the_stack(name: str, count: int) -> None:
    """Emit a metric whose only dimension is the stack, in a line of its own."""
    with single_metric(name, MetricUnit.Count, count):
        pass
