"""The bill of materials, in CycloneDX's form."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from devtools.sbom.built import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devtools.sbom.packages import Package

_PREFIX: Final = "mobility-event-drain"


def bill(
    packages: Sequence[Package],
    archives: Mapping[str, str],
    own: Mapping[str, str],
    architecture: str,
) -> str:
    """Write the bill as JSON. The same build has the same bill, but for its time stamp.

    Args:
        packages: What is in the vendor layer.
        archives: The SHA-256 of the archive that each package came from.
        own: The digest of each of our own layers and functions, by its name.
        architecture: What the vendor layer is for.
    """
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    stack = Component(
        name=project["name"],
        version=project["version"],
        description=project["description"],
        type=ComponentType.APPLICATION,
        bom_ref=project["name"],
        properties=[Property(name=f"{_PREFIX}:architecture", value=architecture)],
    )
    third_party = {package.name: _third_party(package, archives) for package in packages}
    ours = [_ours(name, digest, project["version"]) for name, digest in own.items()]
    bom = Bom(
        components=[*third_party.values(), *ours],
        serial_number=uuid5(NAMESPACE_URL, f"{sorted(archives.items())}{sorted(own.items())}"),
    )
    bom.metadata.component = stack
    # What is needed by another package comes with that one; the rest is what the stack asks for.
    needed = {name for package in packages for name in package.requires}
    direct = [part for name, part in third_party.items() if name not in needed]
    bom.register_dependency(stack, [*ours, *direct])
    for package in packages:
        bom.register_dependency(
            third_party[package.name], [third_party[name] for name in package.requires]
        )
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _third_party(package: Package, archives: Mapping[str, str]) -> Component:
    purl = PackageURL("pypi", name=package.name, version=package.version)
    return Component(
        name=package.name,
        version=package.version,
        description=package.summary or None,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=archives[package.name])],
        licenses=[LicenseFactory().make_from_string(package.licence)],
    )


def _ours(name: str, digest: str, version: str) -> Component:
    return Component(
        group=_PREFIX,
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{_PREFIX}/{name}",
        # Of a folder, not of a file, which is why it isn't among the hashes.
        properties=[Property(name=f"{_PREFIX}:content-sha256", value=digest)],
    )
