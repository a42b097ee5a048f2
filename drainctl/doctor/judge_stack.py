"""How the stack was deployed: its status, version, parameters, functions, key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from drainctl.doctor import judge_parameters
from drainctl.doctor.judge_parameters import runs_at_once
from drainctl.doctor.judging import bad, good, judged, look
from drainctl.doctor.schedule_rule import longest_gap
from drainctl.plan.rules import TIMEOUT_MARGIN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drainctl.doctor.facts import Facts
    from drainctl.doctor.facts_of_stack import Function, Key, Stack
    from drainctl.doctor.finding import Finding

_UNDONE: Final = frozenset({"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})
"""The stack is there as it was before a change that failed."""
_NEVER: Final = frozenset({"ROLLBACK_COMPLETE", "DELETE_COMPLETE", "REVIEW_IN_PROGRESS"})
"""There is no stack but its name."""


def findings(facts: Facts) -> Iterator[Finding]:
    """Judge how it was deployed."""
    stack = facts.stack
    yield _status(stack)
    yield _version(stack, facts.version)
    yield from judge_parameters.findings(stack)
    yield from judged("functions", facts.functions, partial(_functions, stack))
    yield from judged("key", facts.key, partial(_key, stack))


def _status(stack: Stack) -> Finding:
    check, says = "stack", f"{stack.name} is {stack.status}"
    if stack.reason:
        says += f" ({stack.reason})"
    events = stack.command("cloudformation describe-stack-events", "--stack-name", stack.name)
    if stack.status in _NEVER:
        return bad(check, says, "delete it and deploy it anew: sam delete, sam deploy")
    if stack.status in _UNDONE:
        return look(check, says, f"the last change failed and was undone; see why: {events}")
    if stack.status.endswith("_IN_PROGRESS"):
        return look(check, says, "wait until CloudFormation is done, and look again")
    if not stack.status.endswith("_COMPLETE"):
        return bad(check, says, f"see why: {events}")
    return good(check, f"{says} since {stack.since:%Y-%m-%d %H:%M} UTC")


def _version(stack: Stack, here: str) -> Finding:
    deployed = stack.outputs.get("Version", "")
    if deployed == here:
        return good("version", f"{deployed}, as this checkout")
    says = f"{deployed} is deployed" if deployed else "what is deployed doesn't tell its version"
    return look("version", f"{says}; this checkout is {here}", "CHANGELOG.md says what differs")


def _functions(stack: Stack, functions: tuple[Function, ...]) -> Iterator[Finding]:
    troubles = [trouble for each in functions for trouble in _states(each)]
    troubles += _room(stack, functions[0])
    yield from troubles or [good("functions", "; ".join(_state(each) for each in functions))]


def _state(function: Function) -> str:
    return f"{function.duty} is {function.state}, with {function.layers} layers"


def _states(function: Function) -> Iterator[Finding]:
    why = f" ({function.reason})" if function.reason else ""
    if function.state not in {"Active", "Inactive"}:
        yield bad("functions", _state(function) + why, "deploy the stack again: sam deploy")
    if function.update == "Failed":
        yield bad(
            "functions",
            f"the last update of {function.duty} failed{why}",
            "deploy the stack again: sam deploy",
        )


def _room(stack: Stack, drain: Function) -> Iterator[Finding]:
    check, window = "functions", stack.number("WindowSeconds")
    free = stack.command("lambda delete-function-concurrency", "--function-name", drain.name)
    if drain.reserved == 0:
        yield bad(check, f"{drain.duty} is reserved 0 runs at once: none can start", free)
    elif drain.reserved is None and stack.parameters.get("ReservedConcurrency") not in {
        None,
        "none",
    }:
        yield look(
            check,
            f"{drain.duty} has not the reservation that ReservedConcurrency asks for",
            stack.command(
                "lambda put-function-concurrency",
                "--function-name",
                drain.name,
                "--reserved-concurrent-executions",
                stack.parameters["ReservedConcurrency"],
            ),
        )
    gap = longest_gap(stack.parameters.get("ScheduleExpression", ""))
    need = 0 if gap is None else runs_at_once(stack, gap.total_seconds() / 60)
    if drain.reserved is None and drain.account_left < need:
        yield look(
            check,
            f"the account leaves {drain.account_left} runs at once to all functions, and a backlog"
            f" takes {need}: ticks of the schedule can be dropped",
            "ask AWS for more concurrent executions, or lower Pullers and BacklogRuns",
        )
    if drain.timeout_seconds < window + TIMEOUT_MARGIN_SECONDS:
        yield bad(
            check,
            f"{drain.duty} times out after {drain.timeout_seconds} s, and its window alone takes"
            f" {window}: somebody has changed it by hand",
            stack.command(
                "lambda update-function-configuration",
                "--function-name",
                drain.name,
                "--timeout",
                str(window + TIMEOUT_MARGIN_SECONDS),
            ),
        )


def _key(stack: Stack, key: Key | None) -> Iterator[Finding]:
    if key is None:
        yield good("key", "AWS's own keys encrypt: there is none to look after")
    elif key.state != "Enabled":
        cancel = stack.command("kms cancel-key-deletion", "--key-id", key.arn)
        enable = stack.command("kms enable-key", "--key-id", key.arn)
        yield bad(
            "key",
            f"the key is {key.state}: nothing can be written, and nothing can be read",
            f"{cancel}; {enable}" if key.state == "PendingDeletion" else enable,
        )
    elif not key.is_rotated:
        yield look(
            "key",
            "the key is Enabled, but not rotated",
            stack.command("kms enable-key-rotation", "--key-id", key.arn),
        )
    else:
        yield good("key", "the key is Enabled and rotated every year")
