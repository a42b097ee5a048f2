"""What the deployed stack says of itself: the outputs that name its catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainctl.described_stack import StackUnusable, described_stack, outputs_of

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config

_DATABASE: Final = "DatabaseName"
_WORK_GROUP: Final = "WorkGroupName"
_COMPACTION: Final = "CompactionStateMachineArn"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Where a stack's catalogue is.

    Attributes:
        database: The Glue database.
        work_group: The Athena workgroup.
        compaction_arn: The state machine that compacts a day.
    """

    database: str
    work_group: str
    compaction_arn: str


def find_catalogue(session: Session, stack_name: str, config: Config) -> Catalogue:
    """Ask CloudFormation for a stack's catalogue; see ``described_stack``.

    Raises:
        StackUnusable: There is no such stack, or it has no catalogue, or it can't be asked.
    """
    outputs = outputs_of(described_stack(session, stack_name, config))
    missing = [name for name in (_DATABASE, _WORK_GROUP, _COMPACTION) if name not in outputs]
    if missing:
        raise StackUnusable(
            f"The stack {stack_name} has no output {', '.join(missing)}: it was deployed without"
            " a catalogue, or not to its end. Deploy it again from this version."
        )
    return Catalogue(outputs[_DATABASE], outputs[_WORK_GROUP], outputs[_COMPACTION])
