"""The answers of ``drainctl deploy``: from the file, from options, asked, or missing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from drainctl.deploy import command
from drainctl.deploy.answers import Answers
from drainctl.errors import CommandError
from drainctl.group import drainctl
from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

COMPLETE: Final = """\
stack_name = "made-up"
region = "eu-west-1"
sandbox = false
streams = ["handset_change", "consent_change"]
alarm_email = "made-up@example.com"

[parameters]
RetentionDays = 365
Pseudonymise = true
ArchivePrefix = "made-up"
"""


class Reached(Exception):
    """The answers are complete, and AWS would be called."""


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> list[Answers]:
    """Return a list that gets the answers, with which nothing is deployed."""
    found: list[Answers] = []
    known = command.complete_answers

    def reach(*arguments: Any, **options: Any) -> Answers:
        found.append(known(*arguments, **options))
        raise Reached

    monkeypatch.setattr(command, "complete_answers", reach)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return found


def deploy(path: Path, *arguments: str, typed: str | None = None) -> Any:
    """Run the command, at a terminal if something is typed."""
    runner = CliRunner()
    with pytest.MonkeyPatch.context() as patch:
        if typed is not None:
            patch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
        return runner.invoke(drainctl, ["deploy", "--answers", str(path), *arguments], input=typed)


def test_file_answers_everything(tmp_path: Path, deployed: list[Answers]) -> None:
    """Nothing is asked, and the file is left as it is."""
    path = tmp_path / "deploy.toml"
    path.write_text(COMPLETE)
    deploy(path)
    assert (deployed[0].stack_name, deployed[0].region) == ("made-up", "eu-west-1")
    assert deployed[0].template_parameters() == {
        "EventTypes": "handset_change,consent_change",
        "Authentication": "secret",
        "ApiEndpoint": "https://api.wgtwo.com:443",
        "AlarmEmail": "made-up@example.com",
        "RetentionDays": "365",
        "Pseudonymise": "true",
        "ArchivePrefix": "made-up",
    }
    assert path.read_text() == COMPLETE


def test_options_beat_the_file(
    tmp_path: Path, deployed: list[Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's region does not: the file names the stack's own."""
    path = tmp_path / "deploy.toml"
    path.write_text(COMPLETE)
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    deploy(path, "--sandbox", "--stream", "country_change", "--alarm-email", "")
    assert deployed[0].region == "eu-west-1"
    assert deployed[0].template_parameters()["ApiEndpoint"] == "https://sandbox.api.wgtwo.com:443"
    assert deployed[0].template_parameters()["Authentication"] == "none"
    assert (deployed[0].streams, deployed[0].alarm_email) == (["country_change"], "")
    deploy(path, "--region", "eu-south-1")
    assert deployed[1].region == "eu-south-1"


def test_answers_are_asked_once(tmp_path: Path, deployed: list[Answers]) -> None:
    """What is typed is saved and not asked again, except for a mistake. Enter takes the default."""
    path = tmp_path / "deploy.toml"
    lines = [
        *("made up", ""),
        *("eu-west1", "eu-west-1"),
        "y",
        *("made_up", "handset_change, consent_change,"),
        *("made-up", ""),
    ]
    result = deploy(path, typed="".join(f"{line}\n" for line in lines))
    assert result.output.count("Error: this is not in the form that AWS accepts") == 3
    assert "Error: unknown streams: made_up. To fix this, choose among" in result.output
    assert isinstance(result.exception, Reached), result.output
    deploy(path)
    for found in deployed:
        assert (found.stack_name, found.region, found.sandbox) == (
            "event-drain",
            "eu-west-1",
            False,
        )
        assert (found.streams, found.alarm_email) == (["handset_change", "consent_change"], "")


def test_only_what_is_missing_is_asked(tmp_path: Path, deployed: list[Answers]) -> None:
    """The file keeps its other lines, comments too."""
    path = tmp_path / "deploy.toml"
    before = "# made up\n" + COMPLETE.replace("sandbox = false\n", "")
    path.write_text(before)
    deploy(path, typed="n\n")
    assert deployed[0].sandbox is True
    assert path.read_text() == f"sandbox = true\n{before}"


def test_nobody_can_be_asked(tmp_path: Path, deployed: list[Answers]) -> None:
    """Without a terminal the error names each missing answer, and how to give it."""
    path = tmp_path / "deploy.toml"
    path.write_text('stack_name = "made-up"\nstreams = ["handset_change"]\n')
    result = deploy(path, "--alarm-email", "")
    assert (result.exit_code, deployed) == (1, [])
    assert "there is no answer for region, sandbox, and no terminal to ask" in result.output
    assert "give --region, --sandbox or --production" in result.output


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("stack_name = ", "Invalid value"),
        ("stack = 'made-up'", "unknown field `stack`"),
        ("sandbox = 'no'", "Expected `bool"),
        ("[parameters]\nRetention = 1", "parameters that the template does not: Retention"),
    ],
)
def test_wrong_file_is_named(tmp_path: Path, content: str, reason: str) -> None:
    """A mistake in the file is an error that names it."""
    path = tmp_path / "deploy.toml"
    path.write_text(content)
    with pytest.raises(CommandError, match=reason) as caught:
        Answers.read(path)
    assert str(path) in caught.value.reason


def test_wrong_stream_is_named(tmp_path: Path) -> None:
    """It is found before anything is built."""
    path = tmp_path / "deploy.toml"
    path.write_text(COMPLETE)
    result = deploy(path, "--stream", "made_up")
    assert result.exit_code == 1
    assert "unknown streams: made_up. To fix this, choose among handset_change" in result.output


def test_it_never_waits_without_a_terminal(tmp_path: Path) -> None:
    """A process whose standard input is a pipe ends with the error."""
    done = subprocess.run(
        [sys.executable, "-m", "drainctl", "deploy", "--answers", str(tmp_path / "none.toml")],
        cwd=PROJECT_FOLDER,
        env={},
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no terminal to ask" in done.stderr
