"""The size of each role's policies is within IAM's limit, which an emulator doesn't check."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from eventdrain.events import STREAMS
from tests.packaging.expanded_template import VPC, ExpandedTemplate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.packaging.expanded_template import ResolvedTemplate

MOST: Final = 10_240
"""Characters of all inline policies of a role, without white space ("IAM and AWS STS quotas")."""
LONG_PREFIX: Final = 100
ARN_OF_LONGEST_NAME: Final = "x" * 150
"""The length of a secret's ARN with a name from CloudFormation, the longest ARN."""
LONGEST: Final = {
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "ap-southeast-2",
    "AWS::AccountId": "0" * 12,
    "ArchiveBucketName": "x" * 63,
    "QueryResultsBucketName": "x" * 63,
}
EVERYTHING: Final = {
    "EventTypes": ",".join(STREAMS),
    "QueuePerStream": "true",
    "FifoQueue": "true",
    "Pseudonymise": "true",
    "ObjectLockDays": "1",
    "LinesRetentionDays": "1",
    "Tracing": "Active",
    **VPC,
    "DatabaseName": "d" * 100,  # the most that its pattern allows
    "ArchivePrefix": "a" * LONG_PREFIX,
    "QuarantinePrefix": "q" * LONG_PREFIX,
    "TablesPrefix": "t" * LONG_PREFIX,
}


def test_policies_fit_into_their_roles() -> None:
    """With all options and long names, each role is below IAM's limit."""
    template = ExpandedTemplate(**EVERYTHING)
    sizes: dict[str, int] = defaultdict(int)
    for part in (template, *template.nested.values()):
        for role, document in documents(part):
            sizes[role] += len(json.dumps(written_out(document, part), separators=(",", ":")))

    assert sizes.keys() >= {"DrainEventsRole", "ReplayEventsRole", "CompactionRole"}
    assert {role: size for role, size in sizes.items() if size > MOST} == {}


def documents(part: ResolvedTemplate) -> Iterator[tuple[str, Any]]:
    """Yield each policy of each role, also policies that are separate resources."""
    for role, properties in part.of_type("AWS::IAM::Role").items():
        for policy in properties["Policies"]:
            yield role, policy["PolicyDocument"]
    for properties in part.of_type("AWS::IAM::Policy").values():
        for role in properties["Roles"]:
            yield role["Ref"], properties["PolicyDocument"]


def written_out(value: Any, part: ResolvedTemplate) -> Any:
    """Replace values of a deployment by texts of the maximum length."""
    match value:
        case {"Fn::Sub": text}:
            pattern, own = text if isinstance(text, list) else (text, {})
            return re.sub(
                r"\$\{([^}]+)\}",
                lambda found: longest(found[1], {**part.parameters, **own}),
                pattern,
            )
        case {"Ref": _} | {"Fn::GetAtt": _}:
            return ARN_OF_LONGEST_NAME
        case dict():
            return {key: written_out(each, part) for key, each in value.items()}
        case list():
            return [written_out(each, part) for each in value]
    return value


def longest(name: str, known: dict[str, Any]) -> str:
    """Return the value of a reference: a parameter's value, or a text of the maximum length."""
    given = known.get(name)
    return given if isinstance(given, str) else LONGEST.get(name, ARN_OF_LONGEST_NAME)
