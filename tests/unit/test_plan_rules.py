"""The plan's rules agree with the template and the engine."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from drainctl.plan import rules
from drainctl.plan.parameters import Parameters
from eventdrain.drain import Batch, EndReason, Report
from eventdrain.events import STREAMS
from tests.deliveries import line_delivery
from tests.unit.written_template import parameters as template_parameters

_ALARM: Final = re.compile(r"    Type: AWS::CloudWatch::Alarm\n(?: {6}.*\n| {4}P.*\n)+")
"""One alarm's properties."""


def test_bounds_are_the_templates() -> None:
    """The plan's bounds are those of the template."""
    template = template_parameters()
    assert tuple(template["WindowSeconds"]["AllowedValues"]) == rules.WINDOWS
    bounds = {
        "MaxInFlight": rules.MOST_IN_FLIGHT,
        "ParallelStreams": rules.MOST_PARALLEL_STREAMS,
        "Pullers": rules.MOST_CONCURRENT_RUNS,
        "BacklogRuns": rules.MOST_BACKLOG_RUNS,
        "MemorySize": rules.MOST_MEMORY_MB,
        "MaxEvents": rules.MOST_EVENTS,
    }
    assert {name: template[name]["MaxValue"] for name in bounds} == bounds
    assert template["MemorySize"]["MinValue"] == rules.LEAST_MEMORY_MB
    assert template["AckTimeoutSeconds"]["MinValue"] == min(rules.ACK_TIMEOUTS_SECONDS)
    assert template["IdleSeconds"]["MinValue"] == 1
    assert len(STREAMS) == rules.MOST_STREAMS


def test_defaults_are_the_templates() -> None:
    """The plan's default parameters are those of the template."""
    chosen = Parameters(interval_minutes=1, window=20, idle=1).as_template()
    template = template_parameters()
    assert {name: str(template[name]["Default"]) for name in chosen} == chosen


def test_short_linger_is_the_engines() -> None:
    """An event that has waited at the server waits for others as long as in the plan."""
    batch = Batch(max_in_flight=200, linger=timedelta(seconds=5))
    received_at = datetime(2026, 3, 1, 12, 1, tzinfo=UTC)
    batch.add(line_delivery(event_time="2026-03-01T12:00:00Z", received_at=received_at), 0.0)
    assert batch.due_at == rules.SHORT_LINGER_SECONDS


@pytest.mark.parametrize(("seconds_more", "is_behind"), [(-1, False), (1, True)])
def test_behind_is_the_engines(seconds_more: float, *, is_behind: bool) -> None:
    """A run starts another one from the same age of its last event on as in the plan."""
    report = Report(
        "handset_change",
        end_reason=EndReason.WINDOW,
        acked=1,
        last_events_age_seconds=rules.BEHIND_SECONDS + seconds_more,
    )
    assert report.is_behind is is_behind


def test_runs_at_once_are_bounded_by_chains_and_their_life() -> None:
    """Concurrent runs are Pullers times the chains that overlap in time."""
    parameters = Parameters(
        interval_minutes=5, window=240, idle=5, concurrent_runs=2, backlog_runs=4
    )
    assert parameters.most_runs_at_once == 2 * 5  # 5 runs of 300 s: five starts' chains are alive
    alone = Parameters(interval_minutes=5, window=240, idle=5, backlog_runs=0)
    assert alone.most_runs_at_once == 1


def test_alarms_are_the_stack_s() -> None:
    """The number of billed alarm metrics is that of the templates, per stream and per stack."""
    root = Path(__file__).parents[2]
    counts = {
        path.name: len(
            re.findall(r"^      MetricName: |^            Metric:$", alarm, re.MULTILINE)
        )
        for path in (root / "template.yaml", *root.glob("stacks/*.yaml"))
        if (alarm := "".join(_ALARM.findall(path.read_text())))
    }
    assert counts.pop("stream.yaml") == rules.ALARM_METRICS_PER_STREAM
    assert sum(counts.values()) == rules.ALARM_METRICS_PER_STACK
