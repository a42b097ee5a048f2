"""Break the engine in many ways, and check that the tests detect each.

``make mutants``. Each mutant of ``mutants.yaml`` is one replacement in one module of a copy of the
tree; the tests named with it must fail there. Exits with 1 if a mutant survives, or if its text is
no longer in the module.
"""

from __future__ import annotations

import os
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

ENGINE: Final = Path("layers/eventdrain/eventdrain")
_COPIED: Final = (
    *("functions", "layers", "drainctl", "devtools", "simulator", "benchmarks", "tests"),
    *("protos", "schemas", "events", "stacks", "docs"),
    *("pyproject.toml", "README.md", "Makefile", "template.yaml"),
)
_LONGEST_SECONDS: Final = 300
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
    """

    name: str
    module: str
    old: str
    new: str
    tests: str


MUTANTS: Final = tuple(
    Mutant(name, module, old, new, tests)
    for module, groups in yaml.safe_load(_LIST.read_text()).items()
    for tests, mutants in groups.items()
    for name, (old, new) in mutants.items()
)


@click.command("mutants", cls=MakeCommand, help=__doc__)
@click.option("--only", default="", help="Only mutants whose name contains this.")
def main(only: str) -> None:
    """Run the tests of each mutant."""
    console = Console(highlight=False)
    mutants = [mutant for mutant in MUTANTS if only in mutant.name]
    if not mutants:
        raise click.BadParameter(f"no mutant has {only!r} in its name", param_hint="--only")
    if _is_killed(_unchanged(mutants)):
        console.print("The tests fail on the unchanged engine. To fix this, make them pass first.")
        sys.exit(1)
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        results = zip(mutants, threads.map(_is_killed, mutants), strict=True)
        survivors = []
        for mutant, is_killed in results:
            console.print(f"{'killed  ' if is_killed else 'SURVIVED'}  {mutant.name}")
            if not is_killed:
                survivors.append(mutant)
    console.print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants were killed.")
    sys.exit(bool(survivors))


def _unchanged(mutants: Sequence[Mutant]) -> Mutant:
    """Return a mutant that changes nothing, with the tests of all the others."""
    tests = dict.fromkeys(name for mutant in mutants for name in mutant.tests.split())
    return Mutant("nothing", "__init__.py", "Drains a", "Drains a", " ".join(tests))


def _is_killed(mutant: Mutant) -> bool:
    """Run a mutant's tests in a copy of the tree, and return whether one failed.

    Raises:
        ValueError: Its text does not occur exactly once, or pytest itself failed.
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
        module = copy / ENGINE / mutant.module
        text = module.read_text()
        if text.count(mutant.old) != 1:
            raise ValueError(f"{mutant.name}: its text occurs {text.count(mutant.old)} times")
        module.write_text(text.replace(mutant.old, mutant.new))
        tests = run_child(
            [
                *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"),
                *mutant.tests.split(),
            ],
            folder=copy,
            seconds=_LONGEST_SECONDS,
            is_merged=True,
        )
    # 1: tests failed. Any other status is an error: nothing was collected, or pytest failed.
    if tests.returncode not in {0, 1}:
        raise ValueError(f"{mutant.name}: pytest ended with {tests.returncode}:\n{tests.stdout}")
    return tests.returncode == 1


if __name__ == "__main__":
    main()
