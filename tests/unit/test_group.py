"""The command line: help, usage errors, exit statuses, and Ctrl-C."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import click
import pytest
from click.testing import CliRunner

from drainctl import target
from drainctl.group import COMMANDS, drainctl
from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence

ASKING: Final = ("deploy", "credentials", "doctor", "verify", "tail", "replay", "erase", "delete")


def commands() -> dict[str, click.Command]:
    """Return the commands by name."""
    context = click.Context(drainctl)
    return {name: command for name in COMMANDS if (command := drainctl.get_command(context, name))}


def test_it_runs_from_the_project_without_any_setting() -> None:
    """A fresh process needs no PYTHONPATH, and its help names commands and exit statuses."""
    done = subprocess.run(
        [sys.executable, "-m", "drainctl", "--help"],
        cwd=PROJECT_FOLDER,
        env={"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    )
    for each in (*COMMANDS, "Exit status: 0", "2 wrong usage", "130 interrupted", "python -m"):
        assert each in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_documents_every_option(name: str) -> None:
    """The help of a command has its exit statuses, and each option with what it does."""
    text = " ".join(CliRunner().invoke(drainctl, [name, "--help"]).output.split())
    assert "Exit status: 0 " in text
    assert "2 wrong usage" in text
    for option in commands()[name].params:
        assert option.opts[0] in text
        assert getattr(option, "help", None), option.name


@pytest.mark.parametrize("option", ["--stack-name", "--region", "--profile", "--json"])
def test_commands_that_ask_aws_have_the_same_options(option: str) -> None:
    """Shared options have the same name, help and default; plan, without AWS, has only `--json`."""
    found = {
        name: (each.help, each.default)
        for name, command in commands().items()
        for each in command.params
        if isinstance(each, click.Option) and option in each.opts
    }
    assert set(found) == (set(COMMANDS) if option == "--json" else set(ASKING))
    assert len(set(found.values())) == 1


@pytest.mark.parametrize(
    ("arguments", "prog_name", "hint"),
    [
        (["plan", "--bogus"], "python -m drainctl", "Try 'python -m drainctl plan --help'"),
        (["replay"], "python -m drainctl", "Try 'python -m drainctl replay --help'"),
        (["plan", "--bogus"], "make", "run: make plan ARGS=--help"),
        (["replay"], "make", "run: make replay ARGS=--help"),
        (["doctor"], "make", "run: make doctor ARGS=--help"),
        (["verify", "--stack-name", ""], "make", "'--stack-name': it is empty"),
        (["forget"], "python -m drainctl", "No such command 'forget'"),
    ],
)
def test_wrong_usage(arguments: Sequence[str], prog_name: str, hint: str) -> None:
    """An error of usage ends with 2, and names the help as it can be typed."""
    result = CliRunner().invoke(drainctl, arguments, prog_name=prog_name)
    assert result.exit_code == 2
    assert hint in result.output


@pytest.mark.parametrize(
    ("prog_name", "usage"),
    [
        ("python -m drainctl", "Usage: python -m drainctl plan [OPTIONS]"),
        ("make", 'Usage: make plan ARGS="[OPTIONS]"'),
    ],
)
def test_usage_line(prog_name: str, usage: str) -> None:
    """The usage line shows the command as typed, for make with options in ARGS."""
    result = CliRunner().invoke(drainctl, ["plan", "--help"], prog_name=prog_name)
    assert usage in result.output


def test_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends any command with 130."""

    def interrupt(_target: target.Target) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(target.Target, "session", interrupt)
    result = CliRunner().invoke(drainctl, ["doctor", "--stack-name", "made-up"])
    assert (result.exit_code, result.stdout) == (130, "")
    assert "Interrupted" in result.stderr
