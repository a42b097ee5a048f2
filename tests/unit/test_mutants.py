"""The list of mutants matches the engine, and what detects them is reported."""

from __future__ import annotations

from subprocess import CompletedProcess

import pytest
from click.testing import CliRunner

from simulator.aws import PROJECT_FOLDER
from tests.faults import mutants
from tests.faults.mutants import ENGINE, MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_fits(mutant: Mutant) -> None:
    """A mutant's text occurs once in its module, its tests exist, and no exception is needless."""
    module = PROJECT_FOLDER / ENGINE / mutant.module
    assert module.read_text().count(mutant.old) == 1
    for tests in mutant.tests.split():
        assert (PROJECT_FOLDER / tests.partition("::")[0]).exists(), tests
    assert mutant.is_in_simulated_module or not mutant.why_not_simulated


@pytest.mark.parametrize(
    ("status", "output", "line"),
    [
        (1, "violation in schedule 17 of 3000: made up", "killed    gives up throttled acks"),
        (0, "", "SURVIVED  gives up throttled acks"),
        (1, "Traceback", None),
    ],
)
def test_detection_by_simulation(
    monkeypatch: pytest.MonkeyPatch, status: int, output: str, line: str | None
) -> None:
    """The simulation names the schedule that detects a mutant; without one, it has failed."""

    def run(mutant: Mutant, *module: str) -> CompletedProcess[str]:
        assert module[0] == "tests.simulation"
        is_unchanged = mutant.old == mutant.new
        return CompletedProcess(module, 0 if is_unchanged else status, output)

    monkeypatch.setattr(mutants, "_run", run)
    arguments = ["--by-simulation", "--only", "gives up throttled acks"]
    result = CliRunner().invoke(mutants.main, arguments)
    assert result.exit_code == (status == 0 or line is None)
    if line is None:
        assert isinstance(result.exception, ValueError)
    else:
        assert line in result.output
        assert ("(schedule 17)" in result.output) == (status == 1)


def test_mutants_that_are_not_simulated() -> None:
    """A mutant that the simulation can't detect is named with the reason, and not run."""
    arguments = ["--by-simulation", "--only", "shows the cached token"]
    result = CliRunner().invoke(mutants.main, arguments)
    assert "not simulated  shows the cached token: a secret's repr" in result.output
    assert result.exit_code == 2
