"""The built layers: complete, of the right platform and Python, and enough for the function."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from packaging.requirements import Requirement

from simulator.aws.embedded_aws import PROJECT_FOLDER
from tests.packaging.built_layers import OWN, build, contents

if TYPE_CHECKING:
    from collections.abc import Iterator

LAYERS: Final = PROJECT_FOLDER / "layers"
LOCK: Final = LAYERS / "vendor" / "requirements.txt"
ELF_MACHINES: Final = {62: "x86_64", 183: "aarch64"}  # e_machine in elf.h
LAYERS_LIMIT_MB: Final = 250  # of function and layers together, unzipped (Lambda quotas)
AMAZON_LINUX_2023_GLIBC: Final = (2, 34)


@dataclass(frozen=True)
class VendorLayer:
    """A vendor layer that was built, and what it was built for."""

    machine: str
    folder: Path


def make(layer: str, target: str, artifacts: Path, **variables: str) -> None:
    """Build a layer as `sam build` does: from a copy of its folder, into an artifacts folder."""
    artifacts.mkdir()
    build(f"layers/{layer}", target.removeprefix("build-"), artifacts, **variables)


def locked() -> dict[str, Requirement]:
    """The requirements of the lock by name."""
    text = LOCK.read_text().replace("\\\n", " ")
    lines = [line.split(" --hash=")[0] for line in text.splitlines()]
    requirements = [Requirement(line) for line in lines if line.strip() and line[0] not in "# "]
    return {requirement.name: requirement for requirement in requirements}


@pytest.fixture
def cautious_umask() -> Iterator[None]:
    """New files are for their owner alone, as some users have it."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture(
    scope="module",
    params=[("VendorLayerArm64", "aarch64"), ("VendorLayerX8664", "x86_64")],
    ids=["arm64", "x86_64"],
)
def vendor_layer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> VendorLayer:
    """The vendor layer as it is deployed to an account."""
    logical_id, machine = request.param
    folder = tmp_path_factory.mktemp(logical_id) / "layer"
    make("vendor", f"build-{logical_id}", folder)
    return VendorLayer(machine, folder / "python")


def test_lock_fits_every_platform() -> None:
    """The lock pins exactly, with hashes, and has no markers.

    pip evaluates markers for the machine that builds, which is not the one that the layer is for.
    """
    requirements = locked()
    text = LOCK.read_text()

    assert {"grpcio", "protobuf", "boto3", "aws-lambda-powertools", "oauthlib"} <= set(requirements)
    for requirement in requirements.values():
        assert [specifier.operator for specifier in requirement.specifier] == ["=="]
        assert requirement.marker is None
    assert text.count("--hash=sha256:") >= len(requirements)
    assert "://" not in text


def test_vendor_layer_holds_what_is_locked(vendor_layer: VendorLayer) -> None:
    """The layer has each distribution of the lock, in its locked version, and no other."""
    metadata = [
        HeaderParser().parsestr(path.read_text())
        for path in vendor_layer.folder.glob("*.dist-info/METADATA")
    ]
    installed = {it["Name"].lower().replace("_", "-"): it["Version"] for it in metadata}

    assert installed == {
        name: str(requirement.specifier).removeprefix("==")
        for name, requirement in locked().items()
    }


def test_every_package_includes_its_licence(vendor_layer: VendorLayer) -> None:
    """The licence text of each package is deployed with it, as most licences require."""
    packages = list(vendor_layer.folder.glob("*.dist-info"))

    assert packages
    assert not [it.name for it in packages if not [*it.rglob("LICEN[SC]E*"), *it.rglob("COPYING*")]]


def test_vendor_layer_is_for_lambda(vendor_layer: VendorLayer) -> None:
    """Every wheel is pure, or for the function's Python on its architecture and its C library."""
    version = re.search(r"PYTHON_VERSION := 3\.(\d+)", (LAYERS / "vendor/Makefile").read_text())
    assert version is not None
    tags = {
        path.parent.name: re.findall(r"^Tag: (\S+)$", path.read_text(), re.MULTILINE)
        for path in vendor_layer.folder.glob("*.dist-info/WHEEL")
    }

    for name, wheel_tags in tags.items():
        assert any(fits(tag, int(version[1]), vendor_layer.machine) for tag in wheel_tags), name


def fits(tag: str, minor: int, machine: str) -> bool:
    """Whether a wheel with this tag runs on Python 3.`minor` on Amazon Linux 2023."""
    python, abi, platform = tag.split("-")
    if platform == "any":
        return abi == "none" and "py3" in python
    exact = (python, abi) == (f"cp3{minor}", f"cp3{minor}")
    stable = abi == "abi3" and int(python.removeprefix("cp3")) <= minor
    glibc = {"manylinux2014": (2, 17)}.get(platform.split("_")[0])
    if named := re.match(r"manylinux_(\d+)_(\d+)_", platform):
        glibc = (int(named[1]), int(named[2]))
    return (
        (exact or stable)
        and platform.endswith(machine)
        and glibc is not None
        and glibc <= AMAZON_LINUX_2023_GLIBC
    )


def test_vendor_layer_libraries_are_for_its_architecture(vendor_layer: VendorLayer) -> None:
    """Every shared library in the layer is of the architecture that the layer is named by."""
    libraries = list(vendor_layer.folder.rglob("*.so"))
    machines = {ELF_MACHINES[elf_machine(path)] for path in libraries}

    assert {"cygrpc", "_message"} <= {path.name.split(".")[0] for path in libraries}
    assert machines == {vendor_layer.machine}


def elf_machine(path: Path) -> int:
    """An ELF file's `e_machine`: two little-endian bytes at offset 18."""
    header = path.read_bytes()[:20]
    assert header.startswith(b"\x7fELF")
    machine: int = struct.unpack_from("<H", header, 18)[0]
    return machine


def test_vendor_layer_has_no_ballast(vendor_layer: VendorLayer) -> None:
    """No scripts, no compiled files of the building Python, and room within Lambda's limit."""
    size = sum(path.stat().st_size for path in vendor_layer.folder.rglob("*") if path.is_file())

    assert not (vendor_layer.folder / "bin").exists()
    assert not list(vendor_layer.folder.rglob("*.pyc"))
    assert size < LAYERS_LIMIT_MB * 1_000_000 / 2


@pytest.mark.parametrize(
    ("layer", "target"),
    [("wgtwo", "build-WgtwoLayer"), ("eventdrain", "build-EventdrainLayer")],
)
def test_own_layer_is_its_package(layer: str, target: str, tmp_path: Path) -> None:
    """A layer of ours is its package, file by file, without what Python or make leave beside it."""
    make(layer, target, tmp_path / "layer")
    package = LAYERS / layer / layer
    expected = {
        path.relative_to(LAYERS / layer)
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    python = tmp_path / "layer" / "python"

    assert expected
    assert {it.relative_to(python) for it in python.rglob("*") if it.is_file()} == expected


ANOTHER_PIP: Final = PROJECT_FOLDER / ".venv-sam" / "bin" / "python"
OLD_PYTHON: Final = f"""#!{ANOTHER_PIP}
import collections, runpy, sys

if sys.argv[1:3] == ["-m", "pip"]:
    version = collections.namedtuple("version", "major minor micro releaselevel serial")
    sys.version_info = version(3, 9, 18, "final", 0)
    del sys.argv[1:3]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
elif sys.argv[1] == "-c":
    exec(sys.argv[2])
"""
"""A Python whose pip believes that it runs on 3.9, which some of the packages don't support."""


@pytest.mark.usefixtures("cautious_umask")
def test_vendor_layer_is_reproducible(
    vendor_layer: VendorLayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another pip, Python, user, place and time make the same layer from a lock, byte by byte.

    So do pip's settings that many people have.
    """
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    old_python = tmp_path / "python3"
    old_python.write_text(OLD_PYTHON)
    old_python.chmod(0o700)
    logical_id = {"aarch64": "VendorLayerArm64", "x86_64": "VendorLayerX8664"}[vendor_layer.machine]
    again = tmp_path / "elsewhere" / "layer"
    again.parent.mkdir()
    make("vendor", f"build-{logical_id}", again, PYTHON=str(old_python))

    assert contents(again) == contents(vendor_layer.folder.parent)


@pytest.mark.parametrize("part", OWN)
def test_own_part_is_reproducible(
    part: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Another user, place and time make the same layer or function from the same files."""
    source, logical_id = OWN[part]
    for name in ("first", "second"):
        if name == "second":
            request.getfixturevalue("cautious_umask")
        (tmp_path / name).mkdir()
        build(source, logical_id, tmp_path / name)

    assert list((tmp_path / "first").rglob("*.py"))
    assert contents(tmp_path / "second") == contents(tmp_path / "first")


@pytest.mark.parametrize("python", ["/nowhere/python3", f"{sys.executable} -I -S"])
def test_python_without_pip_is_named(
    python: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A Python that is missing or has no pip, as in uv's environments: the error has a remedy."""
    with pytest.raises(subprocess.CalledProcessError):
        make("vendor", "build-VendorLayerArm64", tmp_path / "layer", PYTHON=python)

    error = capfd.readouterr().err
    assert f"The vendor layer can't be built: {python} isn't there, or has no pip" in error
    assert "To fix this, name another Python, as in: PYTHON=/path/to/python3 sam build" in error
    assert "Traceback" not in error


def test_unknown_layer_target_is_refused(tmp_path: Path) -> None:
    """A mistyped LAYER_TARGET stops the build instead of building for the wrong platform."""
    with pytest.raises(subprocess.CalledProcessError):
        make("vendor", "build-VendorLayerArm64", tmp_path / "layer", LAYER_TARGET="hots")


def test_function_needs_nothing_but_its_layers(tmp_path: Path) -> None:
    """The handler is imported with only the standard library and the built folders on the path."""
    make("vendor", "build-VendorLayerArm64", tmp_path / "vendor", LAYER_TARGET="host")
    make("wgtwo", "build-WgtwoLayer", tmp_path / "wgtwo")
    make("eventdrain", "build-EventdrainLayer", tmp_path / "eventdrain")
    folders = [
        str(PROJECT_FOLDER / "functions" / "drain_events"),
        *(str(tmp_path / name / "python") for name in ("vendor", "wgtwo", "eventdrain")),
    ]
    program = f"""
import json, sys, sysconfig
standard = {{sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}}
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

    for module, folder in {
        "grpc": "vendor",
        "google.protobuf": "vendor",
        "boto3": "vendor",
        "aws_lambda_powertools": "vendor",
        "wgtwo.events.v1.events_pb2": "wgtwo",
        "eventdrain.wiring": "eventdrain",
    }.items():
        assert Path(origins[module]).is_relative_to(tmp_path / folder)
    assert not [origin for origin in origins.values() if "site-packages" in origin]
