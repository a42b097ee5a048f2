"""The options that name stack, region and profile, of all commands that call AWS."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from drainctl.group import drainctl
from tests.unit.account_endpoint import SUBSCRIPTION, AccountEndpoint, Asked
from tests.unit.http_aws import STACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from click.testing import Result

_CONFIG: Final = """
[profile made-up]
region = eu-central-1
aws_access_key_id = OF-THE-PROFILE
aws_secret_access_key = made-up
[profile signed-out]
sso_start_url = https://sso.example
sso_region = eu-north-1
sso_account_id = 000000000000
sso_role_name = made-up
"""
_NO_KEYS: Final = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


@dataclass(frozen=True)
class Command:
    """A command for a stack.

    Attributes:
        arguments: The command line, without options for the stack.
        services: The services that it calls.
        status: Its exit status, as not all commands succeed with the made-up stack.
    """

    arguments: Sequence[str]
    services: frozenset[str] = frozenset({"cloudformation"})
    status: int = 1

    def run(self, *options: str) -> Result:
        """Run it."""
        return CliRunner().invoke(drainctl, [*self.arguments, "--stack-name", STACK, *options])


COMMANDS: Final = {
    "verify": Command(("verify",)),
    "doctor": Command(("doctor",)),
    "replay": Command(
        ("replay", "--subscription", SUBSCRIPTION, "--yes"),
        frozenset({"cloudformation", "secretsmanager", "s3", "sqs"}),
        status=0,
    ),
    "erase": Command(
        ("erase", "--subscription", SUBSCRIPTION),
        frozenset({"cloudformation", "secretsmanager", "s3"}),
        status=0,
    ),
}


@dataclass(frozen=True)
class Trouble:
    """A reason why the stack can't be described.

    Attributes:
        message: Parts of the error.
        options: Options that cause it.
        environment: Variables that cause it; None to delete one.
        failure: CloudFormation's error code.
    """

    message: Sequence[str]
    options: Sequence[str] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict)
    failure: str = ""


TROUBLES: Final = {
    "no such stack": Trouble(
        (
            "stack other failed: it does not exist in eu-west-1",
            "--stack-name",
            "--region",
            "--profile",
        ),
        ("--stack-name", "other"),
    ),
    "not allowed": Trouble(
        (
            "stack made-up-stack failed: cloudformation:DescribeStacks returned AccessDenied",
            "--region",
            "--profile",
        ),
        failure="AccessDenied",
    ),
    "no such profile": Trouble(("profile (nobodys)", "--profile"), ("--profile", "nobodys")),
    "no such profile in the environment": Trouble(
        ("profile (nobodys)", "--profile"), environment={"AWS_PROFILE": "nobodys"}
    ),
    "no region": Trouble(
        ("specify a region", "--region", "--profile"), environment={"AWS_DEFAULT_REGION": None}
    ),
    "no such endpoint": Trouble(
        ("Invalid endpoint", "--region", "--profile"), environment={"AWS_ENDPOINT_URL": "made up"}
    ),
    "no credentials": Trouble(
        ("Unable to locate credentials", "--profile", "logged in"),
        environment=_NO_KEYS,
    ),
}

every_command: Final = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AccountEndpoint]:
    """Yield the AWS that commands call; the environment has keys and a region."""
    monkeypatch.chdir(tmp_path)  # where a replay leaves its checkpoint
    (tmp_path / "config").write_text(_CONFIG)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with AccountEndpoint() as started:
        for name, value in {
            "HOME": str(tmp_path),  # where a sign-in would have left its token
            "AWS_ENDPOINT_URL": started.url,
            "AWS_ACCESS_KEY_ID": "OF-THE-ENVIRONMENT",
            "AWS_SECRET_ACCESS_KEY": "made-up",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }.items():
            monkeypatch.setenv(name, value)
        yield started
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("options", "region", "access_key"),
    [
        ((), "eu-west-1", "OF-THE-ENVIRONMENT"),
        (("--region", "eu-north-1"), "eu-north-1", "OF-THE-ENVIRONMENT"),
        (("--profile", "made-up"), "eu-west-1", "OF-THE-PROFILE"),
        (("--profile", "made-up", "--region", "eu-north-1"), "eu-north-1", "OF-THE-PROFILE"),
    ],
    ids=["none", "region", "profile", "both"],
)
@every_command
def test_every_service_is_called_as_the_options_say(
    endpoint: AccountEndpoint,
    command: Command,
    options: Sequence[str],
    region: str,
    access_key: str,
) -> None:
    """All calls use the given region and profile.

    A given profile takes priority over keys in the environment.
    """
    result = command.run(*options)
    assert result.exit_code == command.status, result.output
    assert endpoint.asked == {Asked(each, region, access_key) for each in command.services}


@pytest.mark.usefixtures("endpoint")
def test_json_is_all_of_standard_output() -> None:
    """Replay prints its report, erase its result; all else is on standard error.

    The replay finds the subscriber's lines with and without pseudonyms.
    """
    replay, erase = (COMMANDS[name].run("--json") for name in ("replay", "erase"))
    report = json.loads(replay.stdout)
    assert (report["stack"], report["events"], report["end_reason"]) == (STACK, 2, "done")
    assert "Sent 2 events" in replay.stderr
    receipt = json.loads(erase.stdout)
    assert (receipt["stack"], receipt["is_complete"], receipt["counts"]["lines"]) == (
        STACK,
        True,
        0,
    )
    assert "No data of the subscriber was found" in erase.stderr


def test_region_is_that_of_the_profile(
    endpoint: AccountEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If neither option nor environment names a region, the profile does."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert COMMANDS["erase"].run("--profile", "made-up").exit_code == 0
    assert {each.region for each in endpoint.asked} == {"eu-central-1"}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
@every_command
def test_stack_that_can_t_be_described(
    endpoint: AccountEndpoint, monkeypatch: pytest.MonkeyPatch, command: Command, trouble: Trouble
) -> None:
    """One line has the reason and the options to check, and nothing about the caller."""
    endpoint.failure = trouble.failure
    change(monkeypatch, trouble.environment)
    result = command.run("--json", *trouble.options)
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    [line] = result.stderr.splitlines()
    for each in trouble.message:
        assert each in line
    assert "somebody" not in line


@pytest.mark.parametrize(
    "command",
    [
        *COMMANDS.values(),
        Command(("delete", "--yes")),
        Command(("credentials",)),
        Command(
            (
                *("deploy", "--answers", "none.toml", "--region", "eu-west-1"),
                *("--sandbox", "--stream", "handset_change", "--alarm-email", ""),
            )
        ),
    ],
    ids=lambda command: command.arguments[0],
)
def test_stack_of_another_product(
    endpoint: AccountEndpoint, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    """Every command refuses it: deploy would replace its resources, delete would delete them."""
    monkeypatch.setattr("drainctl.deploy.command.build_and_deploy", pytest.fail)
    endpoint.parameters = {"MadeUp": "parameter"}
    result = command.run()
    assert result.exit_code == 1, result.output
    assert f"the stack {STACK} in eu-west-1 is not an event drain" in result.output
    assert {each.service for each in endpoint.asked} <= {"cloudformation", "sts"}


@every_command
@pytest.mark.parametrize("option", ["--region", "--profile", "--stack-name"])
def test_empty_value_is_rejected(option: str, command: Command) -> None:
    """An empty value, as of a script's unset variable, is rejected, so no other account is used."""
    result = command.run(option, "")
    assert result.exit_code == 2
    assert "it is empty" in result.output


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_DEFAULT_REGION": None}, ("You must specify a region", "check --profile")),
        (_NO_KEYS, ("no AWS credentials", "check --profile")),
        ({"AWS_PROFILE": "nobodys"}, ("profile (nobodys) could not be found", "check --profile")),
        ({}, ("Invalid bucket name", "check --profile")),
        ({**_NO_KEYS, "AWS_PROFILE": "signed-out"}, ("cannot be loaded", "check --profile")),
        ({"AWS_CA_BUNDLE": "/made-up.pem"}, ("/made-up.pem", "AWS_CA_BUNDLE")),
    ],
    ids=["region", "credentials", "profile", "bucket", "signed out", "certificates"],
)
def test_replay_without_a_stack_says_what_is_not_set_up(
    endpoint: AccountEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    environment: Mapping[str, str | None],
    message: Sequence[str],
) -> None:
    """The error says what to set, without a traceback."""
    assert endpoint.url.startswith("http://"), "so that only the engine reads the bundle"
    change(monkeypatch, environment)
    places = ["--bucket", "made up", "--queue-url", "https://sqs.example/q"]
    result = CliRunner().invoke(drainctl, ["replay", *places, "--yes"])
    output = " ".join(result.output.split())
    assert result.exit_code == 1, output
    for each in message:
        assert each in output
    assert "to continue" not in output


def change(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str | None]) -> None:
    """Set variables, and delete those that are None."""
    for name, value in environment.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
