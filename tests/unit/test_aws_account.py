"""The options --region and --profile of the commands that ask AWS about a deployed stack."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from drainctl.doctor.__main__ import main as doctor
from drainctl.erase.__main__ import main as forget
from drainctl.replay.__main__ import main as replay
from drainctl.verify.__main__ import main as verify
from tests.unit.account_endpoint import SUBSCRIPTION, AccountEndpoint, Asked
from tests.unit.http_aws import STACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import click

_CONFIG: Final = """
[profile made-up]
region = eu-central-1
aws_access_key_id = OF-THE-PROFILE
aws_secret_access_key = made-up
"""


@dataclass(frozen=True)
class Command:
    """A command that asks about a stack.

    Attributes:
        main: Itself.
        arguments: Beside the stack's name.
        services: That it asks of the stack that there is here.
        status: It ends with that then: it is no stack that all of them can work with.
        status_unasked: It ends with that if it can't ask about the stack.
    """

    main: click.Command
    arguments: Sequence[str] = ()
    services: frozenset[str] = frozenset({"cloudformation"})
    status: int = 1
    status_unasked: int = 1


COMMANDS: Final = {
    "verify": Command(verify),
    "doctor": Command(doctor, status=2, status_unasked=2),
    "replay": Command(
        replay,
        ("--subscription", SUBSCRIPTION, "--yes"),
        frozenset({"cloudformation", "secretsmanager", "s3", "sqs"}),
        status=0,
    ),
    "forget": Command(
        forget,
        ("--subscription", SUBSCRIPTION),
        frozenset({"cloudformation", "secretsmanager", "s3"}),
        status=0,
    ),
}


@dataclass(frozen=True)
class Trouble:
    """Why AWS can't be asked about the stack.

    Attributes:
        told: What the error must tell of it and of its hint.
        arguments: That bring it about.
        environment: Likewise; None for a variable that is not set.
        failure: Of CloudFormation.
    """

    told: Sequence[str]
    arguments: Sequence[str] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict)
    failure: str = ""


TROUBLES: Final = {
    "no such stack": Trouble(
        ("no stack other in eu-west-1", "--stack-name", "--region", "--profile"),
        ("--stack-name", "other"),
    ),
    "not allowed": Trouble(
        ("cloudformation:DescribeStacks of made-up-stack", "AccessDenied", "--region", "--profile"),
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
        environment={"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
    ),
}

every_command: Final = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AccountEndpoint]:
    """What the commands find in place of AWS; the environment has keys and a region of its own."""
    monkeypatch.chdir(tmp_path)  # where a replay leaves its checkpoint
    (tmp_path / "config").write_text(_CONFIG)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with AccountEndpoint() as started:
        for name, value in {
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
def test_every_service_is_asked_as_the_options_say(
    endpoint: AccountEndpoint,
    command: Command,
    options: Sequence[str],
    region: str,
    access_key: str,
) -> None:
    """Nothing is asked in another region, or as somebody else, as far as this stack goes.

    It has no catalogue, without which verify and doctor ask no further. A profile that is given is
    who asks, even where the environment has keys.
    """
    result = CliRunner().invoke(command.main, ["--stack-name", STACK, *command.arguments, *options])
    assert result.exit_code == command.status, result.output
    assert endpoint.asked == {Asked(each, region, access_key) for each in command.services}


@every_command
def test_region_is_that_of_the_profile(
    endpoint: AccountEndpoint, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    """Where neither option nor environment names a region, the profile does."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    options = ["--stack-name", STACK, *command.arguments, "--profile", "made-up"]
    result = CliRunner().invoke(command.main, options)
    assert result.exit_code == command.status, result.output
    assert {each.region for each in endpoint.asked} == {"eu-central-1"}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
@every_command
def test_what_can_t_be_asked_is_one_line(
    endpoint: AccountEndpoint, monkeypatch: pytest.MonkeyPatch, command: Command, trouble: Trouble
) -> None:
    """It tells what is wrong and the option that helps, and nothing of who asked."""
    endpoint.failure = trouble.failure
    for name, value in trouble.environment.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    result = CliRunner().invoke(
        command.main, ["--stack-name", STACK, *command.arguments, *trouble.arguments]
    )
    assert result.exit_code == command.status_unasked, result.output
    [line] = result.stderr.splitlines()
    for each in trouble.told:
        assert each in line
    assert "somebody" not in line


@pytest.mark.parametrize("option", ["--region", "--profile"])
def test_help_is_one(option: str) -> None:
    """The commands say the same of the options."""
    told = {
        each.get_help_record(command.main.make_context("made-up", [], resilient_parsing=True))
        for command in COMMANDS.values()
        for each in command.main.params
        if option in each.opts
    }
    assert len(told) == 1


@every_command
@pytest.mark.parametrize("option", ["--region", "--profile"])
def test_empty_value_is_refused(option: str, command: Command) -> None:
    """A variable of a script that isn't set asks nobody: not another account than was meant."""
    told = CliRunner().invoke(command.main, ["--stack-name", STACK, *command.arguments, option, ""])
    assert told.exit_code == 2
    assert "it is empty" in told.output


def test_certificates_that_are_not_there_are_named(
    endpoint: AccountEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle that can't be read ends a command with its name and the setting, not a traceback."""
    assert endpoint.url.startswith("http://"), "so that nothing but the engine reads the bundle"
    monkeypatch.setenv("AWS_CA_BUNDLE", "/made-up.pem")
    told = CliRunner().invoke(replay, ["--bucket", "made-up", "--dry-run"])
    assert told.exit_code == 1
    assert "/made-up.pem" in told.output
    assert "AWS_CA_BUNDLE" in told.output
