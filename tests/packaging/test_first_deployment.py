"""A first deployment with a long stack name, and one that fails and must leave nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.packaging.expanded_template import all_templates

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_STACK_NAME: Final = 128  # "CreateStack" in CloudFormation's API reference
LONGEST_REGION: Final = len("ap-southeast-2")
RANDOM_PART: Final = f"-EncryptionKey-{'X' * 12}"
"""The suffix that CloudFormation adds to a stack's name for a nested one."""
LIMITS: Final = {
    ("AWS::CloudWatch::Dashboard", "DashboardName"): 255,
    ("AWS::KMS::Alias", "AliasName"): 256,
    ("AWS::Lambda::LayerVersion", "LayerName"): 140,
    ("AWS::Logs::QueryDefinition", "Name"): 255,
}
"""The longest names that the services allow, by their API references. CloudFormation generates all
other names, and truncates them."""
STACK_NAME: Final = re.compile(r"\$\{(AWS::StackName|ServiceName)\}")
RETAINED: Final = {
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
}


def resources() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every resource of every template, with its file and its logical id."""
    for file, template in all_templates().items():
        for name, resource in template["Resources"].items():
            yield file, name, resource


def names_made_of_the_stacks() -> dict[tuple[str, str], list[str]]:
    """Return the properties whose value contains the stack's name."""
    found: dict[tuple[str, str], list[str]] = {}
    for _, _, resource in resources():
        for name, value in resource.get("Properties", {}).items():
            match value:
                case {"Fn::Sub": str(text)} if STACK_NAME.search(text):
                    found.setdefault((resource["Type"], name), []).append(text)
    return found


def test_longest_stack_name_fits() -> None:
    """With the longest stack name, every name that contains it is valid."""
    made = names_made_of_the_stacks()

    assert made.keys() == LIMITS.keys(), "look up the limit of a name that is made of the stack's"
    for key, texts in made.items():
        for text in texts:
            longest = len(
                text.replace("${AWS::StackName}", "s" * LONGEST_STACK_NAME + RANDOM_PART)
                if key == ("AWS::KMS::Alias", "AliasName")  # its stack is a nested one
                else text.replace("${AWS::StackName}", "s" * LONGEST_STACK_NAME)
                .replace("${ServiceName}", "s" * LONGEST_STACK_NAME)
                .replace("${AWS::Region}", "r" * LONGEST_REGION)
            )
            assert longest <= LIMITS[key], text


@pytest.mark.parametrize("kind", sorted(RETAINED))
def test_what_is_kept_is_not_kept_of_a_first_deployment_that_fails(kind: str) -> None:
    """It outlives the stack and its replacement, but not a first deployment that fails."""
    kept = [resource for _, _, resource in resources() if resource["Type"] == kind]

    assert kept
    for resource in kept:
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resource["UpdateReplacePolicy"] == "Retain"


def test_nothing_else_is_kept() -> None:
    """No other resource is retained; plain `Retain` would leave it after a failed deployment."""
    policies = {
        (resource["Type"], resource["DeletionPolicy"])
        for _, _, resource in resources()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }

    assert policies == {(kind, "RetainExceptOnCreate") for kind in RETAINED}
