"""Compute the stack's parameters for an event rate, with lag and cost; see docs/scale.md.

============== =====================================================================================
``command``    the options
``output``     tables, and the JSON document
``demand``     the event rate and its conditions
``choose``     the search for the cheapest parameters
``parameters`` the template's parameters that depend on the rate
``cycle``      the runs of one stream at one rate, from ``flow``, ``pauses`` and ``throughput``
``lag``        the median and the worst lag
``bill``       billed quantities and dollars a month, from ``prices``
``always_on``  the cost of a process that never stops, for comparison
``measured``   measurements and assumptions
``rules``      limits of the template, the engine and AWS
============== =====================================================================================

tests/plan_simulation checks the formulas against a simulation with the engine's own decisions.
"""

from __future__ import annotations

from drainctl.plan import prices
from drainctl.plan.always_on import EC2, FARGATE, Host, always_on
from drainctl.plan.choose import Plan, choose
from drainctl.plan.command import main
from drainctl.plan.demand import DAY, PEAK_FACTOR, Demand, DemandError
from drainctl.plan.lag import median_lag, worst_lag
from drainctl.plan.parameters import Parameters
from drainctl.plan.rules import TIMEOUT_MARGIN_SECONDS

__all__ = [
    "DAY",
    "EC2",
    "FARGATE",
    "PEAK_FACTOR",
    "TIMEOUT_MARGIN_SECONDS",
    "Demand",
    "DemandError",
    "Host",
    "Parameters",
    "Plan",
    "always_on",
    "choose",
    "main",
    "median_lag",
    "prices",
    "worst_lag",
]
