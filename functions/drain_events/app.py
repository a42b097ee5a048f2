"""The drain function, invoked by the schedules: runs one drain and logs and returns its report.

It also starts the other concurrent runs and, if there is a backlog, the next run.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit

from eventdrain.drain import EndReason, Start, measurements
from eventdrain.errors import DrainFailed
from eventdrain.run import run_and_start_others
from eventdrain.settings import Settings
from eventdrain.wiring import SINKS, run_drain, start_run

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from eventdrain.drain import Report
    from eventdrain.run import StartedRun

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
    report, started_runs = run_and_start_others(
        start,
        settings,
        run=lambda on_token: run_drain(
            settings,
            remaining=timedelta(milliseconds=context.get_remaining_time_in_millis()),
            on_token=on_token,
        ),
        start_run=lambda other: start_run(other, function=context.invoked_function_arn),
        on_report=lambda report: _measure(report, settings),
    )
    result = report.as_json()
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
    for started in started_runs:
        _log_start(started)
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


def _log_start(started: StartedRun) -> None:
    """Log whether another run was started. Failing to start it does not fail this run."""
    if started.error is None:
        logger.info("started another run", start=started.start.to_event())
    else:
        logger.error("cannot start another run", reason=str(started.error))
        metrics.add_metric("StartsFailed", MetricUnit.Count, 1)


def _measure(report: Report, settings: Settings) -> None:
    """Emit the run's metrics; those of the whole stack in log lines of their own."""
    failed_metrics = {row.name: row.failed_metric for row in SINKS}
    for name, value, is_of_stack in measurements(
        report, failed_metrics, old_event_age=settings.old_event_age
    ):
        unit = MetricUnit.Seconds if name == "OldestEventAge" else MetricUnit.Count
        if is_of_stack:
            with single_metric(name, unit, value):
                pass
        else:
            metrics.add_metric(name, unit, value)
    # Fields of the same line, which the doctor reads: unlike the report, it is always logged.
    metrics.add_metadata("end_reason", report.end_reason.value)
    metrics.add_metadata("acked", report.acked)
    metrics.add_metadata("oldest_event_age_seconds", round(report.oldest_event_age_seconds, 3))
