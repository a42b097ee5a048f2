"""The function that the schedule fires: settings, one drain, its report as log, metrics, answer."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit

from eventdrain.errors import DrainError
from eventdrain.settings import Settings
from eventdrain.wiring import run_drain

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from eventdrain.report import Report

logger = Logger()
metrics = Metrics()
logging.getLogger("eventdrain")  # the engine's: it logs as the function does
copy_config_to_registered_loggers(source_logger=logger, include={"eventdrain"})


class DrainFailed(DrainError):  # noqa: N818 - it says what happened
    """A drain ended as failed. Raised so that the function's error alarm tells."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Run one drain.

    Args:
        event: Not looked at: what to drain, and to where, is in the environment.
        context: Tells how much time is left.

    Returns:
        The report; see ``eventdrain.report``.

    Raises:
        ConfigurationError: A setting is missing or can't work.
        DrainFailed: The drain ended as failed, after committing what it had.
    """
    settings = Settings.from_env(os.environ)
    metrics.set_default_dimensions(event_type=settings.event_type)
    remaining = timedelta(milliseconds=context.get_remaining_time_in_millis())
    report = run_drain(settings, remaining=remaining)
    _measure(report)
    if report.has_failed:
        logger.error("drain failed", report=report.as_json())
        raise DrainFailed(report.error)
    logger.info("drained", report=report.as_json())
    return report.as_json()


def _measure(report: Report) -> None:
    counts = {
        "Received": report.received,
        "Redelivered": report.redelivered,
        "Committed": report.committed,
        "Acked": report.acked,
        "Left": report.left.total(),
        "ArchiveFailed": report.archive_refused,
        "OutboxFailed": report.outbox_refused,
        "AckFailed": report.ack_refused,
        "Quarantined": report.quarantined,
        "Oversize": report.oversize,
        f"EndedBy{report.end_reason.value.title()}": 1,
    }
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.add_metric("RunTime", MetricUnit.Seconds, report.run_seconds)
    if report.received:
        metrics.add_metric(
            "OldestEventAge", MetricUnit.Seconds, max(0.0, report.oldest_event_age_seconds)
        )
