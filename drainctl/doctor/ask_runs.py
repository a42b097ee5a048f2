"""What the function's log says: the last runs of each stream, and why the last one failed.

A run's metrics are read, and not its report, for they are there at every log level. What a run that
failed says of the cause comes from its report, which every level has too.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from drainctl.doctor.answers import calling
from drainctl.doctor.ask_stack import output
from drainctl.doctor.facts_of_running import RUN_SPANS, Run
from eventdrain.json_shape import json_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_logs import CloudWatchLogsClient

    from drainctl.doctor.facts_of_stack import Stack

_PATTERN: Final = '{ ($.event_type = "*") || ($.level = "ERROR") }'
"""Lines with metrics, and errors ("Filter pattern syntax", JSON log events)."""
_ENDED_BY: Final = "EndedBy"
_REFUSED: Final = {"ArchiveFailed": "S3", "OutboxFailed": "SQS", "AckFailed": "the server's acks"}
"""Who did not take events, by the metric that counts them."""


def find_runs(
    client: CloudWatchLogsClient, stack: Stack, now: datetime
) -> Mapping[str, tuple[Run, ...]]:
    """Give the last runs of each stream that the stack drains, oldest first.

    Raises:
        Unanswered: The log can't be read.
    """
    group = output(stack, "DrainEventsLogGroupName")
    runs: Mapping[str, tuple[Run, ...]] = {}
    for span in RUN_SPANS:
        with calling("logs:FilterLogEvents", f"the log group {group}"):
            pages = client.get_paginator("filter_log_events").paginate(
                logGroupName=group,
                startTime=int((now - span).timestamp() * 1000),
                filterPattern=_PATTERN,
            )
            lines = [each.get("message", "") for page in pages for each in page["events"]]
        runs = read_runs(lines)
        if all(event_type in runs for event_type in stack.event_types):
            break
    return runs


def read_runs(lines: list[str]) -> Mapping[str, tuple[Run, ...]]:
    """Give the runs that these lines of the log tell of, oldest first, by event type."""
    runs: defaultdict[str, list[Run]] = defaultdict(list)
    errors: dict[str, str] = {}
    for record in _records(lines):
        report = record.get("report")
        if isinstance(report, dict) and report.get("error"):
            errors[str(report.get("event_type"))] = str(report["error"])
        elif "_aws" in record and (reason := _end_reason(record)):
            event_type = str(record.get("event_type"))
            error = errors.pop(event_type, "") if reason == "failed" else ""
            runs[event_type].append(_run(record, reason, error))
    return {
        event_type: tuple(sorted(each, key=lambda run: run.ended))
        for event_type, each in runs.items()
    }


def _records(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        record = json_object(line)
        if record is not None:  # otherwise it is cut off, or somebody else's
            yield record


def _end_reason(record: Mapping[str, Any]) -> str:
    names = (name for name in record if name.startswith(_ENDED_BY))
    return next(names, "").removeprefix(_ENDED_BY).lower()


def _run(record: Mapping[str, Any], reason: str, error: str) -> Run:
    age = _number(record, "OldestEventAge")
    return Run(
        ended=datetime.fromtimestamp(record["_aws"]["Timestamp"] / 1000, UTC),
        end_reason=reason,
        received=int(_number(record, "Received") or 0),
        acked=int(_number(record, "Acked") or 0),
        oldest_age_seconds=age,
        error=error,
        has_backlog=bool(_number(record, "Backlog")),
        refused=tuple(
            (who, int(count))
            for name, who in _REFUSED.items()
            if (count := _number(record, name) or 0)
        ),
    )


def _number(record: Mapping[str, Any], name: str) -> float | None:
    """Give a metric's value, which is written as a list of one, or as itself."""
    value = record.get(name)
    if isinstance(value, list):
        value = max(value, default=None)
    return None if value is None else float(value)
