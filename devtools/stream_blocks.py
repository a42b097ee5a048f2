"""Writes the blocks of template.yaml that name every stream, from the engine's table of streams.

CloudFormation's loop (``Fn::ForEach``) is no replacement: in a loop, a resource can't refer to one
whose name contains an underscore, and the SAM CLI supports loops only behind a flag.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from devtools.blocks import with_block
from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPLATE: Final = Path(__file__).parents[1] / "template.yaml"

_PARAMETER: Final = """\
  EventTypes:
    Type: String
    Default: {default}
    AllowedPattern: ^({any_of})(,({any_of}))*$
    ConstraintDescription: >-
      One or more of {names}, separated by commas without spaces.
    Description: >-
      The streams to drain, with commas between them. Each has its own schedule, runs, archive
      prefix, metrics and alarms. Removing a stream also deletes its own queue.
"""

# CloudFormation has no function "is in the list". Removing a name changes only a text that has it.
_CONDITION: Final = """\
  Drains{name}: !Not [!Equals [!Join ["", !Split [{event_type}, !Ref EventTypes]], !Ref EventTypes]]
  Has{name}Queue: !And [!Condition Drains{name}, !Condition HasQueuePerStream]
"""

_STACK: Final = """\
  {name}Stream:
    Type: AWS::CloudFormation::Stack
    Condition: Drains{name}
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      TemplateURL: stacks/stream.yaml
      Parameters:
        EventType: {event_type}
        ServiceName: !Ref AWS::StackName
        FunctionArn: !GetAtt DrainEventsFunction.Arn
        FunctionRoleName: !Ref DrainEventsRole
        ReplayRoleName: !Ref ReplayEventsRole
        ScheduleRoleArn: !GetAtt ScheduleRole.Arn
        ScheduleDeadLetterQueueArn: !GetAtt ScheduleDeadLetterQueue.Arn
        ScheduleExpression: !Ref ScheduleExpression
        ScheduleState: !Ref ScheduleState
        AlarmTopicArn: !If [HasAlarmTopic, !Ref AlarmTopicArn, !Ref AlarmTopic]
        NotDrainedMinutes: !FindInMap [ByWindow, !Ref WindowSeconds, NotDrainedMinutes]
        OwnQueueName: !If
          - Has{name}Queue
          - !Sub
            - outbox-{event_type}-${{Id}}${{Suffix}}
            - Id: !Select [2, !Split ["/", !Ref AWS::StackId]]
              Suffix: !If [IsFifo, .fifo, ""]
          - ""
        FifoQueue: !Ref FifoQueue
        OutboxRetentionSeconds: !Ref OutboxRetentionSeconds
        VisibilityTimeoutSeconds: !Ref VisibilityTimeoutSeconds
        MaxReceiveCount: !Ref MaxReceiveCount
        OutboxDeadLetterQueueArn: !GetAtt OutboxDeadLetterQueue.Arn
        KmsKeyArn: !If [HasKmsKey, !GetAtt EncryptionKey.Outputs.KeyArn, ""]
        CompactionStateMachineArn: !If
          - HasCatalogue
          - !GetAtt Compaction.Outputs.CompactionStateMachineArn
          - ""
        CompactionScheduleRoleArn: !If
          - HasCatalogue
          - !GetAtt Compaction.Outputs.CompactionScheduleRoleArn
          - ""
        CompactionSchedule: !Ref CompactionSchedule
        CompactionState: !Ref CompactionState
"""

_ALARMS: Final = """\
        {name}Alarms: !If [Drains{name}, !GetAtt {name}Stream.Outputs.AlarmArns, ""]
"""

_OUTPUT: Final = """\
  {name}QueueUrl:
    Condition: Has{name}Queue
    Description: The queue of the events of {event_type}
    Value: !GetAtt {name}Stream.Outputs.OutboxQueueUrl
  {name}QueueArn:
    Condition: Has{name}Queue
    Description: The same queue, for policies and event source mappings
    Value: !GetAtt {name}Stream.Outputs.OutboxQueueArn
"""


def with_blocks(template: str, event_types: Sequence[str], default: str) -> str:
    """Return the template with its blocks generated again.

    Args:
        template: The template's text, with a pair of marks for each block.
        event_types: The streams.
        default: The default of EventTypes.

    Raises:
        ValueError: A mark is missing, or a stream's name is a part of another's, which the
            template's conditions can't distinguish.
    """
    for name in event_types:
        if any(name in other for other in event_types if other != name):
            raise ValueError(
                f"{name!r} is a part of another stream's name. To fix this, rename it."
            )
    parameter = _PARAMETER.format(
        default=default, any_of="|".join(event_types), names=", ".join(event_types)
    )
    for title, block in (
        ("the names of the streams", parameter),
        ("which streams are drained", _for_each(_CONDITION, event_types)),
        ("the alarms of each stream", _for_each(_ALARMS, event_types)),
        ("a stack for each stream", _for_each(_STACK, event_types)),
        ("the streams' own queues", _for_each(_OUTPUT, event_types)),
    ):
        template = with_block(template, title, block)
    return template


def _for_each(block: str, event_types: Sequence[str]) -> str:
    return "".join(
        block.format(event_type=event_type, name=event_type.title().replace("_", ""))
        for event_type in event_types
    )


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 1 if something would change.")
def main(*, check: bool) -> None:
    """Write the generated blocks of template.yaml."""
    before = TEMPLATE.read_text()
    after = with_blocks(before, tuple(STREAMS), DEFAULT_EVENT_TYPE)
    if check and after != before:
        click.echo(
            "template.yaml differs from what `make template` generates from the table of streams"
        )
        sys.exit(1)
    if not check:
        TEMPLATE.write_text(after)


if __name__ == "__main__":
    main()
