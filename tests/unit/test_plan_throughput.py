"""How fast a run drains, by the plan, and what was measured."""

from __future__ import annotations

import pytest

from drainctl.plan import throughput
from drainctl.plan.measured import CPU_SECONDS_PER_EVENT, Latencies
from drainctl.plan.parameters import Parameters

_MEASURED_PER_SECOND = 1_943
"""docs/speed.md: with latencies, MaxInFlight 200, one stream, a core and more."""


def per_second(latencies: Latencies | None = None, **values: int) -> float:
    """Give the plan's events per second of one run."""
    parameters = Parameters(**({"interval_minutes": 5, "window": 240, "idle": 5} | values))
    return throughput.per_second(parameters, latencies or Latencies())


def test_it_is_what_was_measured() -> None:
    """With a whole core and the bench's latencies it is within a twentieth of the measured one."""
    assert per_second(memory_mb=1_769) == pytest.approx(_MEASURED_PER_SECOND, rel=0.05)


def test_the_processor_bounds_it() -> None:
    """Many streams bring it near what the processor can do, and never beyond."""
    most = 1 / CPU_SECONDS_PER_EVENT
    assert 0.95 * most < per_second(memory_mb=1_769, parallel_streams=8) <= most
    assert per_second(memory_mb=10_240, parallel_streams=8) <= most


def test_in_flight_and_latency_bound_it() -> None:
    """With nothing to compute in the way, it is what is in flight by how long it waits."""
    slow = Latencies(s3=5.0, sqs=0.02, ack=1.0)
    assert per_second(slow, memory_mb=1_769) == pytest.approx(200 / 6.0, rel=0.01)
    assert per_second(slow, memory_mb=1_769, parallel_streams=4) == pytest.approx(800 / 6, rel=0.02)


def test_packing_saves_calls() -> None:
    """A tenth of the calls to SQS takes as much CPU time off as they cost; never more than all."""
    one, ten, all_of_it = (throughput.cpu_per_event(n) for n in (1, 10, 100))
    assert one == CPU_SECONDS_PER_EVENT
    assert one - ten == pytest.approx(13.5e-6)
    assert one - all_of_it < 15e-6
