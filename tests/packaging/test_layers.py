"""The built layers: complete, for the right platform and Python, sufficient for the function."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from packaging.requirements import Requirement

from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

LAYERS: Final = PROJECT_FOLDER / "layers"
LOCK: Final = (LAYERS / "vendor" / "requirements.txt").read_text()
MACHINES: Final = {"VendorLayerArm64": "aarch64", "VendorLayerX8664": "x86_64"}
ELF_MACHINES: Final = {62: "x86_64", 183: "aarch64"}  # e_machine in elf.h
LAYERS_LIMIT_MB: Final = 250  # of function and layers together, unzipped (Lambda quotas)
AMAZON_LINUX_2023_GLIBC: Final = (2, 34)
OWN: Final = {
    "WgtwoLayer": "layers/wgtwo",
    "EventdrainLayer": "layers/eventdrain",
    "DrainEventsFunction": "functions/drain_events",
    "ReplayEventsFunction": "functions/replay_events",
}
"""This project's own layers and functions: folder by logical id."""
_NOT_INHERITED: Final = ("MAKE", "MFLAGS", "PYTHON", "LAYER_TARGET")


def build(logical_id: str, folder: Path, **variables: str) -> Path:
    """Build a layer or function as `sam build` does, from a copy of its folder.

    Args:
        logical_id: Its name in the template.
        folder: The target, which is replaced.
        variables: Environment variables for its Makefile, such as `PYTHON`.

    Raises:
        subprocess.CalledProcessError: The build failed.
    """
    copy = folder.with_name(f"{folder.name}-source")
    shutil.copytree(PROJECT_FOLDER / OWN.get(logical_id, "layers/vendor"), copy)
    folder.mkdir()
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)
    }
    subprocess.run(
        ["make", "--silent", f"build-{logical_id}"],
        cwd=copy,
        env={**inherited, "ARTIFACTS_DIR": str(folder), "PYTHON": sys.executable, **variables},
        check=True,
    )
    return folder


def contents(folder: Path) -> list[tuple[str, int, int, str]]:
    """List the files and folders within a folder, each with its mode, time and digest."""
    return [
        (
            path.relative_to(folder).as_posix(),
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    ]


def locked() -> dict[str, Requirement]:
    """Return the requirements of the lock by name."""
    lines = [line.split(" --hash=")[0] for line in LOCK.replace("\\\n", " ").splitlines()]
    requirements = [Requirement(line) for line in lines if line.strip() and line[0] not in "# "]
    return {requirement.name: requirement for requirement in requirements}


@pytest.fixture
def cautious_umask() -> Iterator[None]:
    """Set a umask that makes new files readable only by their owner, as some users do."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_lock_fits_every_platform() -> None:
    """The lock has no markers: pip evaluates them for the machine that builds."""
    assert {"grpcio", "protobuf", "boto3", "msgspec", "uvloop"} <= set(locked())
    assert not [each for each in locked().values() if each.marker]
    assert "://" not in LOCK


@pytest.mark.release
@pytest.mark.parametrize("logical_id", MACHINES)
def test_vendor_layer(
    logical_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The layer has exactly the locked packages, for Lambda's platform.

    Another pip, Python, user, place or time makes the same layer, byte by byte, and so do common
    settings of pip.
    """
    layer = build(logical_id, tmp_path / "layer") / "python"
    metadata = [
        HeaderParser().parsestr(path.read_text()) for path in layer.glob("*.dist-info/METADATA")
    ]
    assert {it["Name"].lower().replace("_", "-"): it["Version"] for it in metadata} == {
        name: str(requirement.specifier).removeprefix("==")
        for name, requirement in locked().items()
    }
    minor = re.search(r"PYTHON_VERSION := 3\.(\d+)", (LAYERS / "vendor/Makefile").read_text())
    assert minor is not None
    for path in layer.glob("*.dist-info/WHEEL"):
        tags = re.findall(r"^Tag: (\S+)$", path.read_text(), re.MULTILINE)
        assert any(fits(tag, int(minor[1]), MACHINES[logical_id]) for tag in tags), path
    libraries = list(layer.rglob("*.so"))
    assert {"cygrpc", "_message"} <= {path.name.split(".")[0] for path in libraries}
    assert {ELF_MACHINES[elf_machine(path)] for path in libraries} == {MACHINES[logical_id]}
    assert not [*layer.glob("bin"), *layer.rglob("*.pyc")]
    size = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())
    assert size < LAYERS_LIMIT_MB * 1_000_000 / 2

    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    request.getfixturevalue("cautious_umask")
    old_python = tmp_path / "in a folder with spaces" / "python3"
    old_python.parent.mkdir()
    old_python.write_text(OLD_PYTHON)
    old_python.chmod(0o700)
    again = build(logical_id, tmp_path / "again", PYTHON=str(old_python))
    assert contents(again) == contents(layer.parent)


OLD_PYTHON: Final = f"""#!{sys.executable}
import collections, runpy, sys

if sys.argv[1:3] == ["-m", "pip"]:
    version = collections.namedtuple("version", "major minor micro releaselevel serial")
    sys.version_info = version(3, 9, 18, "final", 0)
    del sys.argv[1:3]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
elif sys.argv[1] == "-c":
    exec(sys.argv[2])
"""
"""A Python with another pip, which pretends to be 3.9, too old for some packages."""


def fits(tag: str, minor: int, machine: str) -> bool:
    """Return whether a wheel with this tag runs on Python 3.`minor` on Amazon Linux 2023."""
    python, abi, platform = tag.split("-")
    if platform == "any":
        return abi == "none" and "py3" in python
    exact = (python, abi) == (f"cp3{minor}", f"cp3{minor}")
    stable = abi == "abi3" and int(python.removeprefix("cp3")) <= minor
    glibc = {"manylinux2014": (2, 17)}.get(platform.split("_")[0])
    if named := re.match(r"manylinux_(\d+)_(\d+)_", platform):
        glibc = (int(named[1]), int(named[2]))
    is_old_enough = glibc is not None and glibc <= AMAZON_LINUX_2023_GLIBC
    return (exact or stable) and platform.endswith(machine) and is_old_enough


def elf_machine(path: Path) -> int:
    """Return an ELF file's `e_machine`: two little-endian bytes at offset 18."""
    header = path.read_bytes()[:20]
    assert header.startswith(b"\x7fELF")
    machine: int = struct.unpack_from("<H", header, 18)[0]
    return machine


@pytest.mark.parametrize("logical_id", OWN)
def test_own_part(logical_id: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Our own layer is reproducible, and has only its package, without caches or Makefile."""
    first = build(logical_id, tmp_path / "first")
    request.getfixturevalue("cautious_umask")
    assert contents(build(logical_id, tmp_path / "second")) == contents(first)
    if logical_id.endswith("Layer"):
        source = PROJECT_FOLDER / OWN[logical_id]
        expected = {
            path.relative_to(source)
            for path in (source / source.name).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        python = first / "python"
        assert {it.relative_to(python) for it in python.rglob("*") if it.is_file()} == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PYTHON": "/nowhere/python3"}, "/nowhere/python3 isn't there, or has no pip"),
        ({"PYTHON": f"{sys.executable} -I -S"}, "isn't there, or has no pip"),
        ({"LAYER_TARGET": "hots"}, "LAYER_TARGET"),
    ],
)
def test_build_that_cannot_be(
    variables: dict[str, str], expected: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A Python that is missing or has no pip, and a mistyped target: the error names it."""
    with pytest.raises(subprocess.CalledProcessError):
        build("VendorLayerArm64", tmp_path / "layer", **variables)

    error = capfd.readouterr().err
    assert expected in error
    assert "Traceback" not in error
    if "PYTHON" in variables:
        assert "To fix this, name another Python, as in: PYTHON=/path/to/python3 sam build" in error


def test_function_needs_nothing_but_its_layers(tmp_path: Path) -> None:
    """The handler is imported with only the standard library and the built folders on the path."""
    layers = {
        logical_id: build(logical_id, tmp_path / logical_id, LAYER_TARGET="host") / "python"
        for logical_id in ("VendorLayerArm64", "WgtwoLayer", "EventdrainLayer")
    }
    folders = [str(PROJECT_FOLDER / "functions" / "drain_events"), *map(str, layers.values())]
    program = f"""
import json, sys
sys.path[:] = {folders!r} + [path for path in sys.path if "site-packages" not in path]
sys.dont_write_bytecode = True
import app
assert callable(app.handler)
origins = {{name: module.__spec__.origin for name, module in sys.modules.items()
    if getattr(module, "__spec__", None) and module.__spec__.has_location}}
print(json.dumps(origins))
"""
    completed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        env={"AWS_DEFAULT_REGION": "eu-north-1", "POWERTOOLS_SERVICE_NAME": "drain-events"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    origins: dict[str, str] = json.loads(completed.stdout.splitlines()[-1])

    for module, layer in {
        "grpc": "VendorLayerArm64",
        "google.protobuf": "VendorLayerArm64",
        "awscrt": "VendorLayerArm64",
        "aws_lambda_powertools": "VendorLayerArm64",
        "wgtwo.events.v1.events_pb2": "WgtwoLayer",
        "eventdrain.wiring": "EventdrainLayer",
    }.items():
        assert Path(origins[module]).is_relative_to(layers[layer])
    assert not [origin for origin in origins.values() if "site-packages" in origin]
