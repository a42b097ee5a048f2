"""The policy for whoever deploys suffices to deploy, update and delete a stack, and is needed.

The embedded AWS checks calls of the SAM CLI and of drainctl. Its CloudFormation calls services with
all rights, so the rights that handlers need are checked in `tests/packaging` only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from simulator.aws import PROJECT_FOLDER, StackError
from simulator.deployment import LocalDeployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.release

POLICY: Final[dict[str, Any]] = json.loads(
    (PROJECT_FOLDER / "docs" / "deployer-policy.json").read_text()
)
ROLE: Final = "deployer"
CHECKED: Final = (
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetTemplateSummary",
)
"""Actions without which an update fails here."""


class Deployer:
    """A role that has the policy only; its environment replaces root's in a deployment.

    Attributes:
        local: The deployment.
    """

    def __init__(self, local: LocalDeployment, monkeypatch: pytest.MonkeyPatch) -> None:
        self.local = local
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        self._iam = local.aws.client("iam")
        role = self._iam.create_role(
            RoleName=ROLE,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )["Role"]
        keys = local.aws.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="made-up")
        environment = local.aws.environment() | {
            "AWS_ACCESS_KEY_ID": keys["Credentials"]["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["Credentials"]["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["Credentials"]["SessionToken"],
        }
        monkeypatch.setattr(local.aws, "environment", lambda: environment)
        self.allow()

    def allow(self, *, but: str = "") -> None:
        """Give the role the policy, without an action."""
        statements = [
            {**each, "Action": actions}
            for each in POLICY["Statement"]
            if (actions := [action for action in each["Action"] if action != but])
        ]
        document = json.dumps({**POLICY, "Statement": statements})
        self._iam.put_role_policy(RoleName=ROLE, PolicyName="deploy", PolicyDocument=document)

    def deploy(self, **parameters: str) -> None:
        """Deploy with a stopped schedule."""
        self.local.deploy(ScheduleState="DISABLED", CompactionState="DISABLED", **parameters)

    def delete(self) -> subprocess.CompletedProcess[str]:
        """Delete the stack."""
        return subprocess.run(
            [sys.executable, "-m", "drainctl", "delete", "--yes", "--stack-name", "event-drain"],
            cwd=PROJECT_FOLDER,
            env={**self.local.aws.environment(), "PATH": os.environ["PATH"]},
            check=False,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def deployer(built: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployer]:
    """Return a deployer for a stack that does not exist yet."""
    with LocalDeployment(built=built) as local:
        yield Deployer(local, monkeypatch)


def test_it_suffices_and_is_needed(deployer: Deployer, subtests: pytest.Subtests) -> None:
    """A stack is deployed, updated and deleted; without an action the error names it."""
    deployer.allow(but="s3:PutObject")
    with pytest.raises(StackError, match="s3:PutObject"):
        deployer.deploy(Pseudonymise="true", AccessLogs="true")
    deployer.allow()
    deployer.deploy(Pseudonymise="true", AccessLogs="true")
    for number, action in enumerate(CHECKED):
        with subtests.test(action):
            deployer.allow(but=action)
            with pytest.raises(StackError, match=action):
                deployer.deploy(IdleSeconds=str(number + 10))
            deployer.allow()
    deployer.deploy(IdleSeconds="2", EventTypes="handset_change,consent_change")

    deployer.allow(but="cloudformation:DeleteStack")
    denied = deployer.delete()
    assert denied.returncode == 1
    assert "cloudformation:DeleteStack is not allowed" in denied.stderr
    deployer.allow()
    assert deployer.delete().returncode == 0


def test_other_stacks_are_not_reached(deployer: Deployer) -> None:
    """The deployer can neither read nor change a stack with another name."""
    deployer.local.stack.name = "other"
    with pytest.raises(StackError, match="cloudformation:DescribeStacks"):
        deployer.deploy()
