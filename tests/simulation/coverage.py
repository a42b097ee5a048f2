"""Which branches of the engine the schedules reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coverage import Coverage

from simulator.aws import PROJECT_FOLDER
from tests.simulation.schedule import draw
from tests.simulation.simulate import simulate, virtual

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENGINE: Final = PROJECT_FOLDER / "layers/eventdrain/eventdrain"
_SIMULATED: Final = ("drain/*", "auth/*", "replay/*", "run.py")


def print_missing_branches(seeds: Iterable[int]) -> None:
    """Simulate schedules; print coverage.py's report on the modules that they run."""
    covered = Coverage(
        data_file=None,
        branch=True,
        concurrency="greenlet",
        include=[f"{_ENGINE / name}" for name in _SIMULATED],
    )
    with covered.collect(), virtual():
        for seed in seeds:
            simulate(draw(seed))
    covered.report(show_missing=True, skip_covered=True)
