"""What is deployed is listed: the bill of materials and the licences, from a built layer."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from devtools.sbom.built import OWN, build_vendor, content_digest
from devtools.sbom.licences import document
from devtools.sbom.packages import LicenceError, Package, category, packages
from simulator.aws.embedded_aws import PROJECT_FOLDER
from tests.packaging.test_locks import entries

if TYPE_CHECKING:
    from pathlib import Path

DIGEST: Final = "0" * 64  # of an own layer


@dataclass(frozen=True)
class Vendor:
    """A vendor layer that was built.

    Attributes:
        python: Its folder `python`.
        archives: The SHA-256 of what each package came from.
    """

    python: Path
    archives: dict[str, str]


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    """The vendor layer as it is deployed to an account, for arm64."""
    folder = tmp_path_factory.mktemp("vendor") / "layer"
    folder.mkdir()
    archives = build_vendor("arm64", folder)
    return Vendor(folder / "python", archives)


@pytest.fixture(scope="module")
def written(vendor: Vendor) -> str:
    """The bill of this layer."""
    from devtools.sbom.bom import bill  # noqa: PLC0415 - seconds, in each process of a parallel run

    own = dict.fromkeys(OWN, DIGEST)
    return bill(packages(vendor.python), vendor.archives, own, "arm64")


def third_party(written: str) -> list[dict[str, Any]]:
    """The packages that a bill lists."""
    return [it for it in json.loads(written)["components"] if "purl" in it]


def test_bill_keeps_the_schema(written: str) -> None:
    """The bill is valid by CycloneDX's own schema, strictly."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - as above
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None


def test_bill_lists_what_is_in_the_layer(vendor: Vendor, written: str) -> None:
    """The bill has each package that is in the built layer, in its version, and no other."""
    built = {path.name.removesuffix(".dist-info") for path in vendor.python.glob("*.dist-info")}

    assert {
        f"{it['name'].replace('-', '_')}-{it['version']}" for it in third_party(written)
    } == built
    assert {it["purl"] for it in third_party(written)} == {
        f"pkg:pypi/{it['name']}@{it['version']}" for it in third_party(written)
    }


def test_bill_has_the_digests_of_the_lock(written: str) -> None:
    """Each package has the digest of the archive that it came from, which is one of the lock's."""
    lock = {entry.split("==")[0]: entry for entry in entries("layers/vendor/requirements.txt")}

    assert third_party(written)
    for it in third_party(written):
        (digest,) = it["hashes"]
        assert digest["alg"] == "SHA-256"
        assert f"--hash=sha256:{digest['content']}" in lock[it["name"]]


def test_bill_says_what_needs_what(written: str) -> None:
    """Everything in the bill is reached from the stack by what needs what."""
    bom = json.loads(written)
    needs = {it["ref"]: it.get("dependsOn", []) for it in bom["dependencies"]}
    reached: set[str] = set()
    waiting = [bom["metadata"]["component"]["bom-ref"]]
    while waiting:
        reference = waiting.pop()
        if reference not in reached:
            reached.add(reference)
            waiting += needs.get(reference, [])

    assert {it["bom-ref"] for it in bom["components"]} <= reached
    assert {it["name"] for it in bom["components"]} >= OWN.keys()


def test_licences_are_listed(vendor: Vendor) -> None:
    """docs/licences.md is what `make licences` makes of the built layer."""
    assert (PROJECT_FOLDER / "docs/licences.md").read_text() == document(packages(vendor.python)), (
        "run `make licences`"
    )


def test_every_package_brings_its_licence(vendor: Vendor) -> None:
    """The text of each package's licence is deployed with it, as most licences ask."""
    assert not [package.name for package in packages(vendor.python) if not package.files]


def test_no_copyleft(vendor: Vendor) -> None:
    """No package is under a copyleft licence; one that is has to be looked at by somebody."""
    strict = {
        package.name: package.category
        for package in packages(vendor.python)
        if package.category != "Permissive"
    }

    assert not strict


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("Apache-2.0 OR BSD-3-Clause", "Permissive"),
        ("MIT AND MPL-2.0", "Copyleft Limited"),
        ("MIT OR GPL-3.0-only", "Copyleft"),
    ],
)
def test_category(licence: str, expected: str) -> None:
    """The strictest of an expression's licences counts."""
    assert category(licence) == expected


def test_copyleft_is_flagged() -> None:
    """A package under a copyleft licence stands out in the list, and needs a remark."""
    found = [
        Package("pkg", "1", "", "MPL-2.0", "Copyleft Limited", (), ("LICENSE",), ()),
        *(
            Package(name, "1", "", "MIT", "Permissive", (), ("LICENSE",), ("A Public License",))
            for name in ("botocore", "grpcio", "typing-extensions")
        ),
    ]

    assert "**Look at pkg.**" in document(found)
    with pytest.raises(LicenceError, match="botocore"):
        document(found[:-1])


def test_licence_in_other_words_is_asked_about(tmp_path: Path) -> None:
    """A package that doesn't name its licence in a known way stops the list, and is named."""
    folder = tmp_path / "pkg-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: pkg\nVersion: 1\nLicense: Something else\n")

    with pytest.raises(LicenceError, match="pkg says that its licence is 'Something else'"):
        packages(tmp_path)


def test_digest_sees_every_change(tmp_path: Path) -> None:
    """A layer's digest changes with a file's name, mode, time or content, and with nothing else."""
    digests: list[str] = []
    for name, mode, content in (
        ("a", 0o644, "x"),
        ("a", 0o644, "x"),
        ("b", 0o644, "x"),
        ("a", 0o600, "x"),
        ("a", 0o644, "y"),
    ):
        folder = tmp_path / str(len(digests))
        folder.mkdir()
        (folder / name).write_text(content)
        (folder / name).chmod(mode)
        os.utime(folder / name, (0, 0))
        digests.append(content_digest(folder))
    os.utime(tmp_path / "0" / "a", (1, 1))
    digests.append(content_digest(tmp_path / "0"))

    assert digests[0] == digests[1]
    assert len(set(digests)) == len(digests) - 1
