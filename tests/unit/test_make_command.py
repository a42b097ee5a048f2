"""Commands that are started with make: usage, errors, and invalid values."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from drainctl import MakeCommand
from tests.faults import mutants, soak


@click.command("measure", cls=MakeCommand)
@click.argument("parts", nargs=-1)
@click.option("--rate", type=float)
def measure(parts: tuple[str, ...], rate: float | None) -> None:
    """Measure."""
    if rate == 0:
        raise click.UsageError(f"nothing to do for {parts}")


@pytest.mark.parametrize("arguments", [["--bogus"], ["--rate", "0"], ["--rate", "nan"]])
def test_wrong_usage_names_what_can_be_typed(arguments: list[str]) -> None:
    """An error of usage ends with 2 and names the command that shows the options."""
    result = CliRunner().invoke(measure, arguments)

    assert result.exit_code == 2
    assert result.output.endswith("To see the options, run: make measure ARGS=--help\n")


def test_help_shows_how_options_are_given() -> None:
    """The usage line is valid in a shell."""
    result = CliRunner().invoke(measure, ["--help"])

    assert result.exit_code == 0
    assert 'Usage: make measure ARGS="[OPTIONS] [PARTS]..."' in result.output


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (soak.main, ["--minutes", "-1"]),
        (soak.main, ["--minutes", "0"]),
        (soak.main, ["--minutes", "nan"]),
        (soak.main, ["--schedules", "0"]),
        (mutants.main, ["--only", "no mutant has this name"]),
    ],
)
def test_nothing_tried_is_no_success(command: click.Command, arguments: list[str]) -> None:
    """A soak or a mutation test that would try nothing is wrong usage."""
    assert CliRunner().invoke(command, arguments).exit_code == 2
