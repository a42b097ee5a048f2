"""The plan: the cheapest parameters that keep the maximum lag, with their results."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Final

from drainctl.plan import rules, throughput
from drainctl.plan.bill import Line, Usage, bill, month, total, usage_of_interval
from drainctl.plan.cycle import Cycle
from drainctl.plan.demand import Demand, DemandError
from drainctl.plan.lag import worst_lag
from drainctl.plan.parameters import Parameters

_IDLE: Final = (1, 2, 5)
_NEVER_IDLE: Final = 60
_LINGER: Final = (0.25, 1.0, 5.0)
_PARALLEL: Final = (1, 2, 4, 8)
_MEMORY: Final = (512, 1024, rules.WHOLE_CORE_MB)
_BACKLOG_RUNS: Final = (4, rules.MOST_BACKLOG_RUNS)
_AS_CHEAP: Final = 1.01
_LEAST_MAX_EVENTS: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan for a demand.

    Attributes:
        demand: The demand.
        parameters: The parameters to set.
        quiet: The runs outside of the peak.
        busy: The runs at the peak.
        month: The usage of a month.
        bill: The bill for a month.
    """

    demand: Demand
    parameters: Parameters
    quiet: Cycle
    busy: Cycle
    month: Usage
    bill: list[Line]

    @classmethod
    def of(cls, demand: Demand, parameters: Parameters) -> Plan:
        """Return a plan with these parameters."""
        quiet = Cycle.at(demand.quiet.per_second, parameters, demand.latencies)
        busy = Cycle.at(demand.busy.per_second, parameters, demand.latencies)
        used = month(
            demand,
            [
                (usage_of_interval(cycle).times(1 / parameters.interval), phase.seconds)
                for cycle, phase in ((quiet, demand.quiet), (busy, demand.busy))
            ],
        )
        return cls(
            demand=demand,
            parameters=parameters,
            quiet=quiet,
            busy=busy,
            month=used,
            bill=bill(demand, used, parameters.memory_mb),
        )

    def with_ack_timeout(self, seconds: int) -> Plan:
        """Return a plan with another ack time-out, which only changes the worst lag."""
        parameters = replace(self.parameters, ack_timeout=seconds)
        quiet, busy = (
            replace(cycle, flow=replace(cycle.flow, parameters=parameters))
            for cycle in (self.quiet, self.busy)
        )
        return replace(self, parameters=parameters, quiet=quiet, busy=busy)

    @property
    def dollars(self) -> float:
        """The cost in dollars a month."""
        return total(self.bill)

    @property
    def worst_lag(self) -> float:
        """The greatest lag on a day without failures, in seconds."""
        return max(worst_lag(self.quiet), worst_lag(self.busy))

    @property
    def runs_at_once(self) -> int:
        """The usual number of concurrent runs of all streams at the peak."""
        parameters = self.parameters
        overlap = math.ceil(self.busy.flow.readers / parameters.concurrent_runs)
        return self.demand.streams * parameters.concurrent_runs * overlap

    @property
    def most_runs_at_once(self) -> int:
        """The maximum number of concurrent runs of all streams, including backlog runs."""
        return self.demand.streams * self.parameters.most_runs_at_once


def choose(demand: Demand) -> Plan:
    """Return the best plan.

    The best plan is the cheapest one that drains the peak with headroom and keeps the maximum lag.
    Among plans whose cost differs by at most 1 %, it has the fewest connections, and among these
    the smallest lag.

    Raises:
        DemandError: No parameters keep the maximum lag.
    """
    able = _able(replace(demand, max_lag=math.inf))
    if not able:
        raise DemandError(
            f"planning failed: no parameters can drain {demand.busy.per_second:,.0f} events per"
            " second of one stream",
            "see docs/scale.md, Where the design ends",
        )
    plans = [_within_lag(replace(plan, demand=demand)) for plan in able]
    fitting = [plan for plan in plans if plan.worst_lag <= demand.max_lag]
    if not fitting:
        least = min(plan.worst_lag for plan in plans)
        raise DemandError(
            f"planning failed: no parameters keep the lag below {demand.max_lag:g} s, the smallest"
            f" possible lag is {least:.0f} s",
            "specify a larger --max-lag",
        )
    return _best(fitting)


@lru_cache(maxsize=4)
def _able(demand: Demand) -> list[Plan]:
    """Return all plans that keep up. Cached, because it is slow and used for several lags."""
    able = _that_keep_up(demand, may_overlap=False) or _that_keep_up(demand, may_overlap=True)
    return [Plan.of(demand, parameters) for parameters in able]


def _within_lag(plan: Plan) -> Plan:
    """Return the plan with the longest ack time-out that keeps the maximum lag, or the shortest."""
    for seconds in rules.ACK_TIMEOUTS_SECONDS:
        timed = plan.with_ack_timeout(seconds)
        if timed.worst_lag <= plan.demand.max_lag:
            break
    return timed


def _best(plans: list[Plan]) -> Plan:
    cheapest = min(plan.dollars for plan in plans)
    chosen = min((plan for plan in plans if plan.dollars <= cheapest * _AS_CHEAP), key=_complexity)
    return Plan.of(chosen.demand, replace(chosen.parameters, max_events=_max_events(chosen)))


def _that_keep_up(demand: Demand, *, may_overlap: bool) -> list[Parameters]:
    """Return the parameters that drain the peak. Windows overlap only if needed: it costs more."""
    found = []
    memories = _MEMORY if demand.memory_mb is None else (demand.memory_mb,)
    for interval, window, parallel, memory in product(
        rules.INTERVALS_MINUTES, rules.WINDOWS, _PARALLEL, memories
    ):
        if window > interval * 60 and not may_overlap:
            continue
        base = Parameters(
            interval_minutes=interval,
            window=window,
            idle=1,
            parallel_streams=parallel,
            events_per_message=demand.events_per_message,
            memory_mb=memory,
        )
        enough = _with_enough_runs(base, demand)
        if enough is not None:
            idle = (*_IDLE, _NEVER_IDLE) if window >= interval * 60 else _IDLE
            found += [replace(enough, idle=i, linger=li) for i, li in product(idle, _LINGER)]
    return found


def _with_enough_runs(base: Parameters, demand: Demand) -> Parameters | None:
    """Return the parameters with the fewest runs that drain the peak with headroom."""
    rate = demand.busy.per_second
    one = throughput.per_second(base, demand.latencies) * max(1.0, base.window / base.interval)
    least = max(1, math.ceil(rate / rules.HEADROOM / one))
    for concurrent_runs, backlog_runs in product(
        range(least, rules.MOST_CONCURRENT_RUNS + 1), _BACKLOG_RUNS
    ):
        wider = replace(base, concurrent_runs=concurrent_runs, backlog_runs=backlog_runs)
        if all(
            Cycle.at(each, wider, demand.latencies).keeps_up
            for each in (rate / rules.HEADROOM, rate)
        ):
            return wider
    return None


def _complexity(plan: Plan) -> tuple[float, ...]:
    parameters = plan.parameters
    return (
        math.ceil(plan.busy.flow.readers) * parameters.parallel_streams,
        parameters.memory_mb,
        parameters.backlog_runs,
        round(plan.worst_lag),
        parameters.linger,
        parameters.window,
        parameters.idle,
    )


def _max_events(plan: Plan) -> int:
    """Return a MaxEvents that no run reaches in its window, because reaching it starts a run."""
    one = plan.busy.flow.capacity / plan.busy.flow.readers
    most = one * plan.parameters.window * 1.5
    digits: int = 10 ** math.floor(math.log10(max(most, _LEAST_MAX_EVENTS)))
    return min(rules.MOST_EVENTS, max(_LEAST_MAX_EVENTS, math.ceil(most / digits) * digits))
