"""The bill: quantities times list prices."""

from __future__ import annotations

import pytest

from drainctl.plan import bill, prices, rules
from drainctl.plan.bill import Usage, sqs_requests
from drainctl.plan.demand import Demand

_DAYS = prices.DAYS_A_MONTH


def dollars(lines: list[bill.Line], service: str) -> float:
    """Add a service's lines up."""
    return sum(line.dollars for line in lines if line.service == service)


def test_a_quiet_day_costs_what_the_document_says() -> None:
    """1,440 runs of 1.1 seconds at 512 MB cost as much as in docs/speed.md."""
    runs = 1_440 * _DAYS
    used = Usage(ticks=runs, runs=runs, run_seconds=runs * 1.1)
    lines = bill.bill(Demand(events_per_day=1e-9), used, 512)
    assert dollars(lines, "Lambda") / _DAYS == pytest.approx(0.011, abs=0.0005)
    assert dollars(lines, "Secrets Manager") / _DAYS == pytest.approx(0.028, abs=0.0005)
    assert dollars(lines, "KMS") / _DAYS == pytest.approx(0.035, abs=0.0005)
    assert dollars(lines, "S3") + dollars(lines, "SQS") == 0


def test_a_million_events_cost_what_the_document_says() -> None:
    """6,000 PUTs and 100,000 batches: the figures of the table in docs/speed.md.

    A consumer makes two requests for ten messages, also if each has ten events.
    """
    demand = Demand(events_per_day=1e6)
    used = Usage(events=1e6, objects=6_000, sqs_requests=100_000)
    lines = bill.sinks(demand, used)
    assert lines[0].dollars == pytest.approx(0.030)
    assert dollars(lines, "SQS") == pytest.approx(0.040)
    assert bill.consumers(demand, used).dollars == pytest.approx(0.08)
    packed = Demand(events_per_day=1e6, events_per_message=10)
    assert bill.consumers(packed, used).dollars == pytest.approx(0.008)


def test_a_queue_is_billed_by_64_kilobytes() -> None:
    """Ten small messages are one request; ten that hold a hundred events each are eight."""
    assert sqs_requests(10, 1, calls=1) == 1
    assert sqs_requests(1_000, 100, calls=1) == 7
    assert sqs_requests(100, 10, calls=1) == 1


def test_streams_and_a_key_are_billed() -> None:
    """Metrics and alarms are billed for each stream; a customer key adds a dollar and calls."""
    used = Usage(ticks=1, runs=1)
    one = bill.bill(Demand(events_per_day=1e5), used, 512)
    two = bill.bill(Demand(events_per_day=1e5, streams=2), used, 512)
    shared = rules.ALARM_METRICS_PER_STACK * prices.ALARM_MONTH
    assert dollars(two, "CloudWatch") - shared == pytest.approx(
        2 * (dollars(one, "CloudWatch") - shared), rel=0.001
    )
    keyless = bill.bill(Demand(events_per_day=1e5, has_kms_key=False), used, 512)
    assert 1.0 <= dollars(one, "KMS") < 1.2
    assert dollars(keyless, "KMS") == 0


def test_a_fifo_queue_and_x86_are_dearer() -> None:
    """Each by its own list price."""
    used = Usage(sqs_requests=1e6, run_seconds=1e6)
    plain = bill.bill(Demand(events_per_day=1), used, 1024)
    other = bill.bill(Demand(events_per_day=1, is_fifo=True, architecture="x86_64"), used, 1024)
    assert dollars(plain, "SQS") == pytest.approx(0.40)
    assert dollars(other, "SQS") == pytest.approx(0.50)
    assert dollars(other, "Lambda") - dollars(plain, "Lambda") == pytest.approx(3.3333)


def test_secrets_are_read_by_processes_and_not_by_runs() -> None:
    """A warm process reads them 11 times an hour; rare runs read them each time."""

    def calls(minutes: int, streams: int = 1) -> float:
        runs = streams * _DAYS * 1_440 / minutes
        demand = Demand(events_per_day=1, streams=streams)
        lines = bill.bill(demand, Usage(ticks=runs, runs=runs), 512)
        secrets = dollars(lines, "Secrets Manager") - 2 * prices.SECRET_MONTH
        return secrets / prices.SECRET_CALL - 24 * _DAYS

    assert calls(1) == pytest.approx(11 * 24 * _DAYS)
    assert calls(15) == pytest.approx(2 * 4 * 24 * _DAYS)
    assert calls(1, streams=5) == pytest.approx(5 * calls(1))
