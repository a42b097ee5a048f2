"""What starts the stack's functions, and how these are. Each call only reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from drainctl.doctor.answers import calling
from drainctl.doctor.ask_stack import output
from drainctl.doctor.facts_of_running import Schedule
from drainctl.doctor.facts_of_stack import Function

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

    from drainctl.doctor.facts_of_stack import Resource, Stack

_DRAIN: Final = "DrainEventsFunctionName"
_FUNCTIONS: Final = {"drain": _DRAIN, "replay": "ReplayEventsFunctionName"}


def find_schedules(
    client: EventBridgeSchedulerClient, stack: Stack, resources: Iterable[Resource]
) -> tuple[Schedule, ...]:
    """Ask for the schedules that start the function that drains."""
    function = output(stack, _DRAIN)
    schedules = []
    for each in resources:
        if each.kind != "AWS::Scheduler::Schedule":
            continue
        name = each.physical_id.rpartition("|")[2].rpartition("/")[2]
        with calling("scheduler:GetSchedule", f"the schedule {name}"):
            found = client.get_schedule(Name=name)
        target = found["Target"]
        if target["Arn"].rpartition(":")[2] != function:
            continue
        told = json.loads(target.get("Input", "{}"))
        is_enabled = found["State"] == "ENABLED"
        schedules.append(
            Schedule(name, told.get("event_type", ""), found["ScheduleExpression"], is_enabled)
        )
    return tuple(schedules)


def find_functions(client: LambdaClient, stack: Stack) -> tuple[Function, ...]:
    """Ask for the functions, and how many runs they may have at once."""
    with calling("lambda:GetAccountSettings", "the account"):
        limit = client.get_account_settings()["AccountLimit"]
    return tuple(
        _function(client, duty, output(stack, name), limit["UnreservedConcurrentExecutions"])
        for duty, name in _FUNCTIONS.items()
    )


def _function(client: LambdaClient, duty: str, name: str, account_left: int) -> Function:
    with calling("lambda:GetFunctionConfiguration", f"the function {name}"):
        found = client.get_function_configuration(FunctionName=name)
    with calling("lambda:GetFunctionConcurrency", f"the function {name}"):
        concurrency = client.get_function_concurrency(FunctionName=name)
    return Function(
        duty=duty,
        name=name,
        state=found.get("State", "Active"),
        update=found.get("LastUpdateStatus", "Successful"),
        reason=found.get("StateReason") or found.get("LastUpdateStatusReason") or "",
        layers=len(found.get("Layers", ())),
        timeout_seconds=found["Timeout"],
        reserved=concurrency.get("ReservedConcurrentExecutions"),
        account_left=account_left,
    )
