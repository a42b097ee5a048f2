"""The metrics of a run: ``Completed``, and the others if they are not zero.

CloudWatch bills a metric for each hour in which it has values, and an alarm for each metric that it
evaluates. So the alarms of the whole stack evaluate metrics without the dimension of the stream,
which only a run with a problem emits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from eventdrain.drain.report import Report


class Measurement(NamedTuple):
    """One value of a metric.

    Attributes:
        name: The metric.
        value: A count, or an age in seconds.
        is_of_stack: Whether its only dimension is the stack. Otherwise the stream is one too.
    """

    name: str
    value: float
    is_of_stack: bool = False


def measurements(
    report: Report, failed_metrics: Mapping[str, str], *, old_event_age: timedelta
) -> Iterator[Measurement]:
    """Yield the metrics of a run.

    Args:
        report: The run's report.
        failed_metrics: For each sink, the metric that counts deliveries that it failed to write.
        old_event_age: The stream is behind if events are older than this on arrival.
    """
    age = report.oldest_event_age_seconds
    old_age = age if age > old_event_age.total_seconds() / 2 else 0.0
    redelivered = report.redelivered if report.has_many_redeliveries else 0
    failed = {metric: report.failed[sink] for sink, metric in failed_metrics.items()}
    failed["AckFailed"] = report.ack_failed
    backlog = int(report.is_behind)
    of_stream = {
        "Received": report.received,
        "Redelivered": redelivered,
        **failed,
        "Quarantined": report.quarantined,
        "Backlog": backlog,
        "OldestEventAge": old_age,
    }
    of_stack = {
        "NotAcked": sum(failed.values()) + redelivered,
        "Warnings": report.quarantined + report.token_renewals_failed,
        "Backlog": backlog,
        # All streams share the token.
        "AuthenticationFailed": int(report.is_access_refused),
        "TokenRenewalFailed": report.token_renewals_failed,
        "TokenTooShort": report.tokens_too_short,
        "OldestEventAge": old_age,
    }
    yield Measurement("Completed", int(not report.has_failed))
    for name, value in of_stream.items():
        if value:
            yield Measurement(name, value)
    for name, value in of_stack.items():
        if value:
            yield Measurement(name, value, is_of_stack=True)
