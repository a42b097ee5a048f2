"""What the same engine costs in a process that always runs: in a container, or on a small machine.

It reads all the time, so there are no gaps, runs and schedules. It needs a public address but no
load balancer. What it writes, its secrets and its metrics cost the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainctl.plan import bill, prices, rules, throughput
from drainctl.plan.cycle import Cycle
from drainctl.plan.parameters import Parameters

if TYPE_CHECKING:
    from drainctl.plan.demand import Demand

_LINGER: Final = 5.0
_DISK_GB: Final = 8
_CREDITS_CORES: Final = 0.1
"""What a t4g.nano may use on average: 5 % of each of its two processors. From its saved credits it
may use a whole one for an hour."""


@dataclass(frozen=True, slots=True)
class Host:
    """A container or machine for one process.

    Attributes:
        name: Its name.
        month: Dollars a month, with an address and a disk.
        cores: The cores that the process can use at the peak.
        mean_cores: The cores that it can use all day.
    """

    name: str
    month: float
    cores: float
    mean_cores: float


def _fargate(cores: float, gigabytes: float) -> Host:
    hour = cores * prices.FARGATE_VCPU_HOUR + gigabytes * prices.FARGATE_GB_HOUR
    dollars = (hour + prices.PUBLIC_IPV4_HOUR) * prices.HOURS_A_MONTH
    return Host(f"Fargate, {cores:g} vCPU on ARM", dollars, cores, cores)


def _machine(name: str, hour: float, mean_cores: float) -> Host:
    dollars = (hour + prices.PUBLIC_IPV4_HOUR) * prices.HOURS_A_MONTH
    return Host(name, dollars + _DISK_GB * prices.GP3_GB_MONTH, 1.0, mean_cores)


FARGATE: Final = (_fargate(0.25, 0.5), _fargate(0.5, 1.0), _fargate(1.0, 2.0))
EC2: Final = (
    _machine("t4g.nano", prices.T4G_NANO_HOUR, _CREDITS_CORES),
    _machine("c7g.medium", prices.C7G_MEDIUM_HOUR, 1.0),
)


@dataclass(frozen=True, slots=True)
class AlwaysOn:
    """Processes that always run, for a demand.

    Attributes:
        host: What one runs on.
        count: How many there are.
        dollars: Dollars a month, with everything that they write.
    """

    host: Host
    count: int
    dollars: float


def always_on(demand: Demand, hosts: tuple[Host, ...]) -> AlwaysOn:
    """Return the cheapest of some hosts for a demand, with the headroom of a plan."""
    counted = [(host, _count(demand, host)) for host in hosts]
    host, count = min(counted, key=lambda each: each[0].month * each[1])
    written = bill.month(
        demand,
        [
            (bill.usage_of_interval(_live(phase.per_second, demand)).times(1 / 60), phase.seconds)
            for phase in (demand.quiet, demand.busy)
        ],
    )
    others = bill.total(
        [*bill.sinks(demand, written), *bill.fixed(demand, 0.0, has_many_runs=False)]
    )
    return AlwaysOn(host, count, host.month * count + others)


def _parameters(demand: Demand, cores: float) -> Parameters:
    return Parameters(
        interval_minutes=1,
        window=60,
        idle=60,
        linger=_LINGER,
        parallel_streams=rules.MOST_PARALLEL_STREAMS,
        events_per_message=demand.events_per_message,
        memory_mb=round(cores * rules.WHOLE_CORE_MB),
    )


def _count(demand: Demand, host: Host) -> int:
    one = throughput.per_second(_parameters(demand, host.cores), demand.latencies)
    busy = demand.peak / rules.HEADROOM / one
    cpu = demand.mean * throughput.cpu_per_event(demand.events_per_message)
    return max(1, math.ceil(busy), math.ceil(cpu / rules.HEADROOM / host.mean_cores))


def _live(per_second: float, demand: Demand) -> Cycle:
    return Cycle.without_gap(per_second, _parameters(demand, 1.0), demand.latencies)
