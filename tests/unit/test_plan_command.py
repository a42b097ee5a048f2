"""The command ``make plan``."""

from __future__ import annotations

import json
import shlex

import pytest
from click.testing import CliRunner

from drainctl.group import drainctl


def test_plan_and_the_command_that_deploys_it() -> None:
    """Tables of parameters, lags and dollars; the last line is quoted for a shell; JSON agrees."""
    arguments = ["plan", "--events-per-day", "1,000,000", "--peak-per-second", "50"]
    output = CliRunner().invoke(drainctl, arguments, prog_name="make").output
    for word in ("ScheduleExpression", "WindowSeconds", "lag, worst", "Secrets Manager", "Total"):
        assert word in output
    command = shlex.split(output.splitlines()[-1])
    assert command[:3] == ["sam", "deploy", "--parameter-overrides"]
    given = dict(each.split("=") for each in command[3:])

    plan = json.loads(CliRunner().invoke(drainctl, [*arguments, "--json"]).output)
    assert {name: value.strip('"') for name, value in given.items()} == plan["parameters"]
    assert plan["parameters"]["EventsPerMessage"] == "1"
    assert plan["demand"]["events_per_day"] == 1_000_000
    assert plan["lag_seconds"]["peak"]["worst"] <= 330
    lines = sum(line["dollars"] for line in plan["dollars_per_month"])
    assert lines == pytest.approx(plan["dollars_per_month_together"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--events-per-day", "0"], "--events-per-day must be a number above 0"),
        (["--events-per-day", "1e12"], "supports at most 100,000"),
        (["--events-per-day", "1,5"], "not a valid float"),
        (["--events-per-day", "1000", "--max-lag", "nan"], "--max-lag"),
        (["--events-per-day", "many"], "run: make plan ARGS=--help"),
        (["--events-per-day", "1000", "--memory", "1"], "--memory"),
        ([], "--events-per-day"),
    ],
)
def test_invalid_options_are_rejected_in_one_line(arguments: list[str], expected: str) -> None:
    """An invalid option is an error that names it, without a traceback."""
    result = CliRunner().invoke(drainctl, ["plan", *arguments], prog_name="make")
    assert result.exit_code != 0
    assert expected in result.output
    assert "Traceback" not in result.output
