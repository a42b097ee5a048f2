"""The mutants still fit the engine: one whose text is gone breaks nothing, and proves nothing."""

from __future__ import annotations

import pytest

from simulator.aws.embedded_aws import PROJECT_FOLDER
from tests.faults.mutants import ENGINE, MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_fits(mutant: Mutant) -> None:
    """What it breaks stands once in its module, and the tests that must notice are there."""
    module = PROJECT_FOLDER / ENGINE / mutant.module
    assert module.read_text().count(mutant.old) == 1
    for tests in mutant.tests.split():
        assert (PROJECT_FOLDER / tests.partition("::")[0]).exists(), tests
