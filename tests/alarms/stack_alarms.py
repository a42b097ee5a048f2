"""Every alarm of every template, with names like those of a deployment."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from tests.packaging.expanded_template import ExpandedTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.packaging.expanded_template import ResolvedTemplate

SERVICE: Final = "made-up-stack"
FUNCTION: Final = "made-up-function"
QUEUE_DEAD_LETTERS: Final = "made-up-queue-dead-letters"
SCHEDULE_DEAD_LETTERS: Final = "made-up-schedule-dead-letters"
STATE_MACHINE: Final = "made-up-state-machine"

_NAMES: Final[dict[str, str]] = {
    json.dumps(reference): name
    for reference, name in (
        ({"Ref": "AWS::StackName"}, SERVICE),
        ({"Ref": "DrainEventsFunction"}, FUNCTION),
        ({"Fn::GetAtt": ["OutboxDeadLetterQueue", "QueueName"]}, QUEUE_DEAD_LETTERS),
        ({"Fn::GetAtt": ["ScheduleDeadLetterQueue", "QueueName"]}, SCHEDULE_DEAD_LETTERS),
        ({"Ref": "Compaction"}, STATE_MACHINE),
        ({"Ref": "AlarmTopic"}, "made-up-topic"),
        ({"Ref": "DrainEventsLogGroup"}, "made-up-log-group"),
    )
}


def alarm_definitions(**parameters: str) -> dict[str, dict[str, Any]]:
    """Return the alarms' properties by ``<logical id of the nested stack>.<logical id>``.

    Args:
        parameters: The stack's parameters that differ from their defaults.
    """
    template = ExpandedTemplate(**parameters)
    parts: dict[str, ResolvedTemplate] = {"": template, **template.nested}
    return {
        f"{stack}.{name}": named(part, properties)
        for stack, part in parts.items()
        for name, properties in part.of_type("AWS::CloudWatch::Alarm").items()
    }


def named(part: ResolvedTemplate, value: Any, more: Mapping[str, str] = {}) -> Any:
    """Resolve references to names and the stack's parameters, as a deployment does.

    Args:
        part: The template of the value.
        value: Any part of a resource.
        more: More values that its strings refer to.
    """
    if isinstance(value, list):
        return [named(part, each, more) for each in value]
    if not isinstance(value, dict):
        return value
    if (name := _NAMES.get(json.dumps(value))) is not None:
        return name
    result: Any
    match value:
        case {"Fn::GetAtt": [str(stack), "Outputs.AlarmArns"]}:
            result = f',"arn:made-up:{stack}"'
        case {"Fn::Sub": [str(text), dict(own)]}:
            resolved = {key: named(part, each, more) for key, each in own.items()}
            result = _substituted(part, text, {**more, **resolved})
        case {"Fn::Sub": str(text)}:
            result = _substituted(part, text, more)
        case _:
            result = {key: named(part, each, more) for key, each in value.items()}
    return result


def _substituted(part: ResolvedTemplate, text: str, more: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name.startswith("!"):
            return f"${{{name.removeprefix('!')}}}"
        if name in more:
            return more[name]
        if name in part.parameters:
            return str(named(part, part.parameters[name], more))
        return {"AWS::Region": "eu-north-1"}.get(name, f"arn:made-up:{name}")

    return re.sub(r"\$\{([^}]+)\}", value, text)
