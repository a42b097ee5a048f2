"""The drain function, invoked by the schedules: runs one drain and logs and returns its report.

It also starts the other concurrent runs and, if there is a backlog, the next run.
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

from eventdrain.drain import EndReason, Start
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
logging.getLogger("eventdrain")  # must exist: the next line gives it the function's format
copy_config_to_registered_loggers(source_logger=logger, include={"eventdrain"})


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run one drain.

    Args:
        event: The stream, such as ``{"event_type": "handset_change"}``; see ``drain.Start``. All
            other settings are environment variables.
        context: The Lambda context.

    Returns:
        The report; see ``eventdrain.drain.Report``.

    Raises:
        ConfigurationError: A setting is missing or invalid, or the stack does not drain the stream.
        DrainFailed: The drain failed, after committing what it could.
    """
    logger.append_keys(run_id=context.aws_request_id)
    start = Start.from_event(event)
    settings = Settings.from_env(os.environ, event_type=start.event_type)
    logger.append_keys(event_type=settings.event_type, window=_window(settings, start))
    # Not a default dimension: the next run in this environment may drain another stream.
    metrics.add_dimension(name="event_type", value=settings.event_type)
    # Start other runs in threads, so that a slow response from Lambda does not delay the drain.
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
            # Start them once there is a token. Otherwise each run would request its own, or fail.
            on_token=lambda: start_others(start.others(settings.concurrent_runs)),
        )
        result = report.as_json()
        _measure(report, result, settings)
        start_others(start.next(report, backlog_runs=settings.backlog_runs))
    if report.has_failed:
        logger.error("drain failed", report=result)
    elif report.end_reason is EndReason.WAITING:
        logger.warning(
            "waiting for credentials: store them with `make credentials STACK=%s`. Without them,"
            " runs fail once the secret is a day old",
            logger.service,
            report=result,
        )
    else:
        logger.info("drained", report=result)
    for other, started in starting:
        _log_start(other, started)
    if report.has_failed:
        raise DrainFailed(report.error or "the drain failed")
    return result


def _window(settings: Settings, start: Start) -> dict[str, Any]:
    """Return the log key ``window``, which every log line of the run has."""
    return {
        "opened_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "seconds": settings.window.total_seconds(),
        "puller": start.run_number,
        "backlog_run": start.backlog_run,
    }


def _log_start(other: Start, started: Future[None]) -> None:
    """Log whether another run was started. Failing to start it does not fail this run."""
    try:
        started.result()
    except Exception as error:  # noqa: BLE001 - not even a bug fails this run
        known = error if isinstance(error, StartFailed) else note_unexpected(error, "a start")
        logger.error("cannot start another run", reason=str(known))  # noqa: TRY400 - no traceback
        metrics.add_metric("StartsFailed", MetricUnit.Count, 1)
    else:
        logger.info("started another run", start=other.to_event())


def _measure(report: Report, result: dict[str, Any], settings: Settings) -> None:
    """Emit the run's metrics: `Completed`, and the others if they are not zero.

    CloudWatch bills a metric for each hour in which it has values, and an alarm for each metric
    that it evaluates. So the alarms of the whole stack evaluate metrics without the dimension of
    the stream, which only a run with a problem emits.
    """
    age = report.oldest_event_age_seconds
    old_age = age if age > settings.old_event_age.total_seconds() / 2 else 0.0
    redelivered = report.redelivered if report.has_many_redeliveries else 0
    failed = {row.failed_metric: report.failed[row.name] for row in SINKS}
    failed["AckFailed"] = report.ack_failed
    backlog = int(report.is_behind)
    of_stream = {
        "Received": report.received,
        "Redelivered": redelivered,
        **failed,
        "Quarantined": report.quarantined,
        "Backlog": backlog,
    }
    of_stack = {
        "NotAcked": sum(failed.values()) + redelivered,
        "Warnings": report.quarantined + report.token_renewals_failed,
        "Backlog": backlog,
        # All streams share the token.
        "AuthenticationFailed": int(report.is_access_refused),
        "TokenRenewalFailed": report.token_renewals_failed,
        "TokenTooShort": report.tokens_too_short,
    }
    metrics.add_metric("Completed", MetricUnit.Count, int(not report.has_failed))
    for name, count in of_stream.items():
        if count:
            metrics.add_metric(name, MetricUnit.Count, count)
    for name, count in of_stack.items():
        if count:
            _measure_for_the_stack(name, MetricUnit.Count, count)
    if old_age:
        metrics.add_metric("OldestEventAge", MetricUnit.Seconds, old_age)
        _measure_for_the_stack("OldestEventAge", MetricUnit.Seconds, old_age)
    # Fields of the same line, which the doctor reads: unlike the report, it is always logged.
    for name in ("end_reason", "acked", "oldest_event_age_seconds"):
        metrics.add_metadata(name, result[name])


def _measure_for_the_stack(name: str, unit: MetricUnit, value: float) -> None:
    """Emit a metric whose only dimension is the stack, in a log line of its own."""
    with single_metric(name, unit, value):
        pass
