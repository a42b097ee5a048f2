"""The replay function, invoked by an operator: sends archived events to the queue again.

One run does as much as its time allows and returns what to invoke the function with next.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit

from eventdrain.replay import ReplayReport, ReplayRequest
from eventdrain.replay_wiring import run_replay

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from eventdrain.replay import Checkpoint

logger = Logger()
metrics = Metrics()
logging.getLogger("eventdrain")  # must exist: the next line gives it the function's format
copy_config_to_registered_loggers(source_logger=logger, include={"eventdrain"})


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run a replay, or the next part of one.

    Args:
        event: What to replay; see ``replay.ReplayRequest``. It is not logged.
        context: The Lambda context.

    Returns:
        The report (see ``replay.ReplayReport``) and three more keys: ``is_done``; ``next``, the
        checkpoint to pass as ``after`` with the same event to continue; and ``seconds_at_rate``,
        the time that the events take at the rate. A failed replay returns as well, because the
        caller needs ``next``.

    Raises:
        ConfigurationError: The event or a setting is invalid. Nothing was sent.
    """
    logger.append_keys(run_id=context.aws_request_id)
    request = ReplayRequest.from_event(event, os.environ, now=datetime.now(UTC))
    remaining = context.get_remaining_time_in_millis() / 1000
    latest: list[Checkpoint | None] = [request.after]

    def note(checkpoint: Checkpoint) -> None:
        latest[0] = checkpoint

    report = run_replay(
        request.job,
        ReplayReport(request.name, is_dry_run=request.job.is_dry_run),
        seconds=remaining - request.reserve.total_seconds(),
        after=request.after,
        on_checkpoint=note,
    )
    checkpoint = latest[0]
    answer = {
        **report.as_json(),
        "is_done": report.is_done,
        "next": None if report.is_done or checkpoint is None else checkpoint.as_json(),
        "seconds_at_rate": report.events / request.job.rate if request.job.rate else 0.0,
    }
    _measure(report)
    if report.error is None:
        logger.info("replayed", report=answer)
    else:
        logger.error("replay failed", report=answer)
    return answer


def _measure(report: ReplayReport) -> None:
    metrics.add_metric("Replayed", MetricUnit.Count, 0 if report.is_dry_run else report.events)
    metrics.add_metric("ReplayUnreadable", MetricUnit.Count, report.unreadable)
    metrics.add_metric("ReplayFailed", MetricUnit.Count, int(report.error is not None))
