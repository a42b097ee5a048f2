"""How the stack was deployed: its status, version, parameters, functions, key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from drainctl.doctor.facts import HISTORY_MINUTES
from drainctl.doctor.findings import assessed, ok, problem, warning
from drainctl.doctor.schedule_gap import longest_gap
from drainctl.plan import TIMEOUT_MARGIN_SECONDS, Parameters
from drainctl.shell import deploy_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drainctl.doctor.facts import Facts, Function, Key
    from drainctl.doctor.findings import Finding
    from drainctl.stack import Stack

_ROLLED_BACK: Final = frozenset({"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})
_MISSING: Final = frozenset({"ROLLBACK_COMPLETE", "DELETE_COMPLETE", "REVIEW_IN_PROGRESS"})
"""The statuses of a stack without resources."""
_DEPLOY: Final = "deploy the stack again: sam deploy"
_ALARM_MINUTES: Final = 5
"""The longest gap between starts at which the NotDrained alarm does not fire."""


def findings(facts: Facts) -> Iterator[Finding]:
    """Yield the findings."""
    stack = facts.stack
    yield _status(stack)
    yield _version(stack, facts.version)
    troubles = [*_schedule(stack), *_parameters(stack)]
    yield from troubles or [ok("parameters", "no parameter is risky or contradicts another")]
    yield from assessed("functions", facts.functions, partial(_functions, stack))
    yield from assessed("key", facts.key, partial(_key, stack))


def _status(stack: Stack) -> Finding:
    check, message = "stack", f"{stack.name} is {stack.status}"
    if stack.reason:
        message += f" ({stack.reason})"
    events = stack.aws("cloudformation describe-stack-events", "--stack-name", stack.name)
    if stack.status in _MISSING:
        return problem(check, message, "delete it and deploy it again: sam delete, sam deploy")
    if stack.status in _ROLLED_BACK:
        return warning(check, message, f"find out why the last change was rolled back: {events}")
    if stack.status.endswith("_IN_PROGRESS"):
        return warning(check, message, "wait until CloudFormation has finished, and check again")
    if not stack.status.endswith("_COMPLETE"):
        return problem(check, message, f"find out why: {events}")
    return ok(check, f"{message} since {stack.since:%Y-%m-%d %H:%M} UTC")


def _version(stack: Stack, here: str) -> Finding:
    deployed = stack.outputs.get("Version", "")
    if deployed == here:
        return ok("version", f"{deployed}, the version of this checkout")
    message = f"{deployed} is deployed" if deployed else "the stack has no output Version"
    return warning(
        "version", f"{message}; this checkout is {here}", "see CHANGELOG.md for the differences"
    )


def _schedule(stack: Stack) -> Iterator[Finding]:
    check, expression = "parameters", stack.parameters.get("ScheduleExpression", "")
    hint = deploy_command({"ScheduleExpression": "rate(1 minute)"})
    gap = longest_gap(expression)
    if gap is None:
        yield warning(
            check,
            f"the gaps between starts by {expression} are unknown",
            f"make sure that they stay well below {HISTORY_MINUTES} minutes, or: {hint}",
        )
        return
    minutes = gap.total_seconds() / 60
    if minutes >= HISTORY_MINUTES:
        yield problem(
            check,
            f"{expression} leaves gaps of {minutes:g} minutes, but the event server keeps events"
            f" for {HISTORY_MINUTES} minutes only: events are lost",
            hint,
        )
    elif minutes > _ALARM_MINUTES:
        yield warning(
            check,
            f"{expression} leaves gaps of {minutes:g} minutes: above {_ALARM_MINUTES} the alarm"
            " for a stream that is not drained fires",
            hint,
        )
    need = _concurrency(stack, minutes)
    reserved = stack.number("ReservedConcurrency")
    if reserved and reserved < need:
        yield warning(
            check,
            f"ReservedConcurrency is {reserved}, but a backlog needs {need} concurrent runs:"
            " scheduled starts can be dropped",
            f"{deploy_command({'ReservedConcurrency': str(need)})}, or lower Pullers and"
            " BacklogRuns",
        )


def _parameters(stack: Stack) -> Iterator[Finding]:
    check = "parameters"
    if stack.parameters.get("StartPosition") == "new":
        yield warning(
            check,
            "StartPosition is new: after an outage of more than half an hour the stack skips all"
            " events that the server still has",
            deploy_command({"StartPosition": "oldest_possible"}),
        )
    if "sandbox" in stack.parameters.get("ApiEndpoint", ""):
        production = {"ApiEndpoint": "https://api.wgtwo.com:443", "Authentication": "secret"}
        yield warning(
            check,
            "ApiEndpoint is the vendor's sandbox, whose events are made up",
            deploy_command(production),
        )
    if stack.number("OldestEventAgeSeconds") >= HISTORY_MINUTES * 60:
        yield warning(
            check,
            f"OldestEventAgeSeconds is {HISTORY_MINUTES} minutes or more: its alarm fires only when"
            " events are already lost",
            deploy_command({"OldestEventAgeSeconds": "900"}),
        )
    if stack.number("IdleSeconds") >= stack.number("WindowSeconds") > 0:
        yield warning(
            check,
            "IdleSeconds is not below WindowSeconds, so every run lasts for the whole window",
            deploy_command({"IdleSeconds": "1"}),
        )


def _concurrency(stack: Stack, gap_minutes: float) -> int:
    """Return the maximum number of concurrent runs of all streams during a backlog."""
    parameters = Parameters(
        interval_minutes=max(1, int(gap_minutes)),
        window=stack.number("WindowSeconds"),
        idle=stack.number("IdleSeconds"),
        concurrent_runs=stack.number("Pullers") or 1,
        backlog_runs=stack.number("BacklogRuns"),
    )
    return parameters.most_runs_at_once * len(stack.event_types)


def _functions(stack: Stack, functions: tuple[Function, ...]) -> Iterator[Finding]:
    troubles = [trouble for each in functions for trouble in _states(each)]
    troubles += _limits(stack, functions[0])
    yield from troubles or [ok("functions", "; ".join(_state(each) for each in functions))]


def _state(function: Function) -> str:
    return f"{function.duty} is {function.state}, with {function.layers} layers"


def _states(function: Function) -> Iterator[Finding]:
    why = f" ({function.reason})" if function.reason else ""
    if function.state not in {"Active", "Inactive"}:
        yield problem("functions", _state(function) + why, _DEPLOY)
    if function.update == "Failed":
        yield problem("functions", f"the last update of {function.duty} failed{why}", _DEPLOY)


def _limits(stack: Stack, drain: Function) -> Iterator[Finding]:
    check, window = "functions", stack.number("WindowSeconds")
    named = ("--function-name", drain.name)
    wanted = stack.parameters.get("ReservedConcurrency", "none")
    if drain.reserved == 0:
        yield problem(
            check,
            f"{drain.duty} has a reserved concurrency of 0, so no run can start",
            stack.aws("lambda delete-function-concurrency", *named),
        )
    elif drain.reserved is None and wanted != "none":
        yield warning(
            check,
            f"{drain.duty} has no reserved concurrency, but ReservedConcurrency is {wanted}",
            stack.aws(
                "lambda put-function-concurrency",
                *named,
                *("--reserved-concurrent-executions", wanted),
            ),
        )
    gap = longest_gap(stack.parameters.get("ScheduleExpression", ""))
    need = 0 if gap is None else _concurrency(stack, gap.total_seconds() / 60)
    if drain.reserved is None and drain.account_left < need:
        yield warning(
            check,
            f"the account has a concurrency of {drain.account_left} for all functions, but a"
            f" backlog needs {need} concurrent runs: scheduled starts can be dropped",
            "request more concurrent executions from AWS, or lower Pullers and BacklogRuns",
        )
    if drain.timeout_seconds < window + TIMEOUT_MARGIN_SECONDS:
        yield problem(
            check,
            f"{drain.duty} times out after {drain.timeout_seconds} s, which is too short for its"
            f" window of {window} s: somebody has changed it",
            stack.aws(
                "lambda update-function-configuration",
                *named,
                *("--timeout", str(window + TIMEOUT_MARGIN_SECONDS)),
            ),
        )


def _key(stack: Stack, key: Key | None) -> Iterator[Finding]:
    if key is None:
        yield ok("key", "AWS's own keys encrypt, so there is no key to maintain")
    elif key.state != "Enabled":
        cancel = stack.aws("kms cancel-key-deletion", "--key-id", key.arn)
        enable = stack.aws("kms enable-key", "--key-id", key.arn)
        yield problem(
            "key",
            f"the key is {key.state}: nothing can be written or read",
            f"{cancel}; {enable}" if key.state == "PendingDeletion" else enable,
        )
    elif not key.is_rotated:
        yield warning(
            "key",
            "the key is enabled, but KMS does not rotate it",
            stack.aws("kms enable-key-rotation", "--key-id", key.arn),
        )
    else:
        yield ok("key", "the key is enabled, and KMS rotates it every year")
