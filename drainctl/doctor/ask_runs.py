"""The last runs of each stream and the error of the last one, from the function's log.

Runs are read from the line of their metrics, which is logged at every log level and has more fields
for this purpose. The error of a failed run is read from its report, which is also logged at every
level if the run failed.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from drainctl.doctor.facts import RUN_SPANS, Run
from drainctl.doctor.questions import calling
from eventdrain.json_shape import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_logs import CloudWatchLogsClient

    from drainctl.stack import Stack

_PATTERN: Final = '{ ($.event_type = "*") || ($.level = "ERROR") }'
"""Matches metrics and errors ("Filter pattern syntax", JSON log events)."""
_FAILED: Final = {"ArchiveFailed": "S3", "OutboxFailed": "SQS", "AckFailed": "acknowledgement"}
"""The names of the parts that may fail, by the metric that counts the failures."""


def find_runs(
    client: CloudWatchLogsClient, stack: Stack, now: datetime
) -> Mapping[str, tuple[Run, ...]]:
    """Return the last runs of each of the stack's streams, oldest first."""
    group = stack.output("DrainEventsLogGroupName")
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
    """Return the runs in these log lines by event type, oldest first."""
    runs: defaultdict[str, list[Run]] = defaultdict(list)
    errors: dict[str, str] = {}
    for record in _records(lines):
        report = record.get("report")
        if isinstance(report, dict) and report.get("error"):
            errors[str(report.get("event_type"))] = str(report["error"])
        elif "_aws" in record and "end_reason" in record:
            event_type = str(record.get("event_type"))
            error = errors.pop(event_type, "") if record["end_reason"] == "failed" else ""
            runs[event_type].append(_run(record, error))
    return {
        event_type: tuple(sorted(each, key=lambda run: run.ended))
        for event_type, each in runs.items()
    }


def _records(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        record = parse_json(line, dict[str, Any])
        if record is not None:  # otherwise truncated, or written by something else
            yield record


def _run(record: Mapping[str, Any], error: str) -> Run:
    failed = ((what, int(_number(record, name))) for name, what in _FAILED.items())
    received = int(_number(record, "Received"))
    return Run(
        ended=datetime.fromtimestamp(record["_aws"]["Timestamp"] / 1000, UTC),
        end_reason=str(record["end_reason"]),
        received=received,
        acked=int(_number(record, "acked")),
        oldest_age_seconds=_number(record, "oldest_event_age_seconds") if received else None,
        error=error,
        has_backlog=bool(_number(record, "Backlog")),
        failed=tuple((what, count) for what, count in failed if count),
    )


def _number(record: Mapping[str, Any], name: str) -> float:
    """Return a metric's value, which is logged as a list of one, or a field's; 0 if absent."""
    value = record.get(name, 0)
    return float(max(value, default=0) if isinstance(value, list) else value)
