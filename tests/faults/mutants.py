"""Break the engine in many ways, and check that the tests detect each.

``make mutants``. Each mutant of ``mutants.yaml`` is one replacement in one module of a copy of the
tree; the tests named with it must fail there, or, with ``--by-simulation``, the simulation must
find a violation. Exits with 1 if a mutant survives, or if its text is no longer in the module.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import yaml
from rich.console import Console

from drainctl import MakeCommand
from simulator.aws import PROJECT_FOLDER
from simulator.child_process import run_child

if TYPE_CHECKING:
    from collections.abc import Sequence
    from subprocess import CompletedProcess

ENGINE: Final = Path("layers/eventdrain/eventdrain")
_COPIED: Final = (
    *("functions", "layers", "drainctl", "devtools", "simulator", "benchmarks", "tests"),
    *("protos", "schemas", "events", "stacks", "docs"),
    *("pyproject.toml", "README.md", "Makefile", "template.yaml"),
)
_LONGEST_SECONDS: Final = 300
_SIMULATION: Final = ("tests.simulation", "--schedules", "3000", "--seed", "1")
_SIMULATED: Final = (
    *("drain/", "auth/", "replay/"),
    *("events/reader.py", "events/archive.py", "ports.py", "run.py"),
)
"""What the paths of the modules that the simulation runs begin with."""
_VIOLATION: Final = re.compile(r"violation in schedule (\d+) of")
_LIST: Final = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to break the engine.

    Attributes:
        name: What is broken.
        module: Path below the engine's folder.
        old: The text that is replaced; it occurs once in the module.
        new: The replacement.
        tests: Tests that must fail, separated by spaces.
        why_not_simulated: Why the simulation does not detect it; empty if it should.
    """

    name: str
    module: str
    old: str
    new: str
    tests: str
    why_not_simulated: str = ""

    @property
    def is_in_simulated_module(self) -> bool:
        """Whether the simulation runs the module."""
        return self.module.startswith(_SIMULATED)


MUTANTS: Final = tuple(
    Mutant(name, module, old, new, tests, *why_not_simulated)
    for module, groups in yaml.safe_load(_LIST.read_text()).items()
    for tests, mutants in groups.items()
    for name, (old, new, *why_not_simulated) in mutants.items()
)


@click.command("mutants", cls=MakeCommand, help=__doc__)
@click.option("--only", default="", help="Only mutants whose name contains this.")
@click.option("--by-simulation", is_flag=True, help="Run the simulation instead of the tests.")
def main(only: str, *, by_simulation: bool) -> None:
    """Check that each mutant is detected."""
    console = Console(highlight=False)
    mutants = [mutant for mutant in MUTANTS if only in mutant.name]
    if by_simulation:
        mutants = [mutant for mutant in mutants if mutant.is_in_simulated_module]
        for mutant in mutants:
            if mutant.why_not_simulated:
                console.print(f"not simulated  {mutant.name}: {mutant.why_not_simulated}")
        mutants = [mutant for mutant in mutants if not mutant.why_not_simulated]
    if not mutants:
        raise click.BadParameter(f"no mutant has {only!r} in its name", param_hint="--only")
    detect = _detect_by_simulation if by_simulation else _detect_by_tests
    if detect(_unchanged(mutants)) is not None:
        console.print("The unchanged engine fails. To fix this, make its tests pass first.")
        sys.exit(1)
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        survivors = 0
        for mutant, detail in zip(mutants, threads.map(detect, mutants), strict=True):
            survivors += detail is None
            result = "SURVIVED" if detail is None else "killed  "
            console.print(f"{result}  {mutant.name}{detail or ''}")
    console.print(f"{len(mutants) - survivors} of {len(mutants)} mutants were killed.")
    sys.exit(bool(survivors))


def _unchanged(mutants: Sequence[Mutant]) -> Mutant:
    """Return a mutant that changes nothing, with the tests of all the others."""
    tests = dict.fromkeys(name for mutant in mutants for name in mutant.tests.split())
    return Mutant("nothing", "__init__.py", "Drains a", "Drains a", " ".join(tests))


def _detect_by_tests(mutant: Mutant) -> str | None:
    """Run a mutant's tests; return an empty text if one failed, otherwise None."""
    tests = ("pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests.split())
    return None if _run(mutant, *tests).returncode == 0 else ""


def _detect_by_simulation(mutant: Mutant) -> str | None:
    """Simulate a mutant; return which schedule violates a promise, None if none does.

    Raises:
        ValueError: See ``_run``, or the simulation names no schedule.
    """
    simulation = _run(mutant, *_SIMULATION)
    if simulation.returncode == 0:
        return None
    violation = _VIOLATION.search(simulation.stdout)
    if violation is None:
        raise ValueError(f"{mutant.name}: no violation is named:\n{simulation.stdout}")
    return f" (schedule {violation[1]})"


def _run(mutant: Mutant, *module: str) -> CompletedProcess[str]:
    """Run a Python module, with its arguments, in a copy of the tree that has the mutant.

    Returns:
        The process, which ended with 0, or with 1 if the mutant was detected.

    Raises:
        ValueError: The mutant's text does not occur exactly once, or the module itself failed.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        for name in _COPIED:
            source = PROJECT_FOLDER / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / name)
        for environment in PROJECT_FOLDER.glob(".venv*"):
            (copy / environment.name).symlink_to(environment)
        mutated = copy / ENGINE / mutant.module
        text = mutated.read_text()
        if text.count(mutant.old) != 1:
            raise ValueError(f"{mutant.name}: its text occurs {text.count(mutant.old)} times")
        mutated.write_text(text.replace(mutant.old, mutant.new))
        layers = (str(copy / "layers" / name) for name in ("wgtwo", "eventdrain"))
        process = run_child(
            [sys.executable, "-m", *module],
            folder=copy,
            environment=os.environ | {"PYTHONPATH": os.pathsep.join(layers)},
            seconds=_LONGEST_SECONDS,
            is_merged=True,
        )
    if process.returncode not in {0, 1}:
        ended = f"{module[0]} ended with {process.returncode}"
        raise ValueError(f"{mutant.name}: {ended}:\n{process.stdout}")
    return process


if __name__ == "__main__":
    main()
