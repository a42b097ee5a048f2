"""The cost of the engine in a process that never stops, in a container or on a virtual machine.

Such a process reads continuously, without runs and schedules. It needs a public IP address but no
load balancer. S3, SQS, secrets and metrics cost the same as with scheduled runs.
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
"""The mean processor use that a t4g.nano is allowed: 5 % of each of its two processors. With saved
credits it can use a whole processor for an hour."""


@dataclass(frozen=True, slots=True)
class Host:
    """A container or machine for one process.

    Attributes:
        name: The name of the machine type or size.
        month: Dollars a month, including an IP address and a disk.
        cores: The cores that the process can use at the peak.
        mean_cores: The cores that the process can use all day.
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
    """The processes for a demand.

    Attributes:
        host: The host of each process.
        count: The number of processes.
        dollars: Dollars a month in total, including S3 and SQS.
    """

    host: Host
    count: int
    dollars: float


def always_on(demand: Demand, hosts: tuple[Host, ...]) -> AlwaysOn:
    """Return the processes on the cheapest of the hosts, with the same headroom as a plan."""
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
