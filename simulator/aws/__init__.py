"""The embedded AWS (ministack with extensions), and a stack deployed into it."""

from simulator.aws.builds import current_build
from simulator.aws.embedded_aws import PROJECT_FOLDER, EmbeddedAws, EmbeddedAwsError
from simulator.aws.quick_build import quicken
from simulator.aws.sam import SAM, StackError, sam_build
from simulator.aws.stack import Invocation, Run, SamStack

__all__ = [
    "PROJECT_FOLDER",
    "SAM",
    "EmbeddedAws",
    "EmbeddedAwsError",
    "Invocation",
    "Run",
    "SamStack",
    "StackError",
    "current_build",
    "quicken",
    "sam_build",
]
