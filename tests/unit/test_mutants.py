"""The list of mutants matches the engine."""

from __future__ import annotations

import pytest

from simulator.aws import PROJECT_FOLDER
from tests.faults.mutants import ENGINE, MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_fits(mutant: Mutant) -> None:
    """A mutant's text occurs once in its module, and its tests exist."""
    module = PROJECT_FOLDER / ENGINE / mutant.module
    assert module.read_text().count(mutant.old) == 1
    for tests in mutant.tests.split():
        assert (PROJECT_FOLDER / tests.partition("::")[0]).exists(), tests
