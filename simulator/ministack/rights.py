"""Checks permissions as AWS does, where ministack checks others or none.

- SQS has no separate actions for batches: `SendMessageBatch` needs `sqs:SendMessage`, and so on
  (Service Authorization Reference, Amazon SQS).
- Writing an object with a retention also needs `s3:PutObjectRetention` (S3 User Guide, "Locking
  objects with Object Lock").
- EventBridge Scheduler invokes a target with the schedule's role. A denied invocation is reported
  to the schedule's dead-letter queue, if the role may send to it (EventBridge Scheduler User Guide,
  "Configuring a schedule's dead-letter queue"). There are no retries here.

Also, schedules are checked four times a second, not every ten seconds.
"""

from typing import Any, Final

from ministack.core import arn as arns
from ministack.core import iam_actions, iam_evaluator
from ministack.services import eventbridge, scheduler, sqs

_STARTS: Final = {"lambda": "lambda:InvokeFunction", "states": "states:StartExecution"}
"""The action that starts a schedule's target, by the service in its ARN."""

_LOCKS: Final = "x-amz-object-lock-mode"

_action_of = iam_actions.extract_iam_action
_more_checks = iam_actions.s3_additional_checks
_call_target = eventbridge._invoke_target


def _action_as_in_aws(*arguments: Any, **named: Any) -> str | None:
    action: str | None = _action_of(*arguments, **named)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


def _more_checks_as_in_aws(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> list[tuple[str, str]]:
    checks: list[tuple[str, str]] = _more_checks(method, path, headers, body, query)
    if method == "PUT" and not query and _LOCKS in headers:
        checks.append(("s3:PutObjectRetention", f"arn:aws:s3:::{path.strip('/')}"))
    return checks


def _call_target_as_role(
    target: dict[str, Any],
    event: dict[str, Any],
    *more: Any,
) -> None:
    action = _STARTS.get(arns.parse_arn(target["Arn"]).service)
    is_schedule = event.get("Source") == "aws.scheduler" and action is not None
    denied = _denied(target["RoleArn"], str(action), target["Arn"]) if is_schedule else ""
    queue = target.get("DeadLetterConfig", {}).get("Arn")
    if not denied:
        _call_target(target, event, *more)
    elif queue and not _denied(target["RoleArn"], "sqs:SendMessage", queue):
        _call_target({"Arn": queue, "Input": target.get("Input", "{}")}, event, *more)
        reason = {"ERROR_CODE": "AccessDeniedException", "ERROR_MESSAGE": denied}
        sqs._queue_by_arn(queue)["messages"][-1]["message_attributes"] = {
            name: {"DataType": "String", "StringValue": text} for name, text in reason.items()
        }


def _denied(role: str, action: str, resource: str) -> str:
    """Return AWS's error text if a role may not call an action on a resource; else empty."""
    of_role, of_resource = arns.parse_arn(role), arns.parse_arn(resource)
    name = role.rpartition("/")[2]
    caller = f"arn:aws:sts::{of_role.account_id}:assumed-role/{name}/scheduler"
    context = iam_evaluator.EvalContext(
        principal_arn=caller,
        principal_type="AssumedRole",
        principal_account=of_role.account_id,
        action=action,
        resource_arn=resource,
        region=of_resource.region,
    )
    policies = iam_evaluator._gather_role_policies(name, of_role.account_id)
    if iam_evaluator.evaluate(context, policies).decision == "Allow":
        return ""
    return str(iam_actions.identity_denial_message(action, caller, resource, explicit_deny=False))


def apply() -> None:
    """Replace the checks."""
    iam_actions.extract_iam_action = _action_as_in_aws
    iam_actions.s3_additional_checks = _more_checks_as_in_aws
    eventbridge._invoke_target = _call_target_as_role
    scheduler._SCHEDULE_TICK_INTERVAL = 0.25
