"""The locks: every installed package is pinned, and its digest is checked."""

from __future__ import annotations

import re
from typing import Final

import pytest
from packaging.requirements import Requirement

from simulator.aws import PROJECT_FOLDER

LOCKS: Final = sorted(
    path.relative_to(PROJECT_FOLDER).as_posix()
    for pattern in ("requirements/*.txt", "layers/vendor/*.txt", "examples/*/requirements.txt")
    for path in PROJECT_FOLDER.glob(pattern)
)
MAKEFILE: Final = (PROJECT_FOLDER / "Makefile").read_text()


def entries(lock: str) -> list[str]:
    """Return the requirements of a lock, each with its digests in one line."""
    text = (PROJECT_FOLDER / lock).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_its_digests(lock: str) -> None:
    """Each requirement of a lock is one version, with the SHA-256 of each of its archives."""
    assert entries(lock)
    for entry in entries(lock):
        requirement = Requirement(entry.split(" --hash=")[0].strip())
        digests = re.findall(r"--hash=sha256:[0-9a-f]{64}(?= |$)", entry)

        assert [it.operator for it in requirement.specifier] == ["=="], requirement.name
        assert digests, f"{lock}: {requirement.name} has no digest: make lock"
        assert entry.count("--hash=") == len(digests), requirement.name


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_is_compiled_by_make_lock(lock: str) -> None:
    """`make lock` compiles each lock from the list of the same name."""
    source = lock.removesuffix(".txt") + ".in"

    assert (PROJECT_FOLDER / source).exists()
    assert re.search(rf"^\t\$\(COMPILE\) .*{source} -o {lock}$", MAKEFILE, re.MULTILINE)


def test_every_installation_checks_digests() -> None:
    """Every recipe that installs packages checks their digests."""
    recipes = [
        path.read_text().replace("\\\n", " ")
        for pattern in ("Makefile", "layers/*/Makefile", "examples/*/Makefile")
        for path in PROJECT_FOLDER.glob(pattern)
    ]
    installing = [
        line
        for recipe in recipes
        for line in recipe.splitlines()
        if line.startswith("\t") and re.search(r"pip (install|sync)", line)
    ]

    assert len(installing) > 1
    assert not [line for line in installing if "--require-hashes" not in line]


def test_layer_and_tests_have_the_same_versions() -> None:
    """`make run`, the tests and the example use the versions in the vendor layer."""
    locks = ("layers/vendor/requirements.txt", "requirements/run.txt", "requirements/dev.txt")
    shipped, run, tested = ({entry.split(" ")[0] for entry in entries(lock)} for lock in locks)
    example = {entry.split(" ")[0] for entry in entries("examples/python-lambda/requirements.txt")}

    assert example <= shipped <= run <= tested
