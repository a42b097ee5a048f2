"""The third-party packages of a built vendor layer, as their own metadata tell of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import TYPE_CHECKING, Final

from license_expression import get_license_index, get_spdx_licensing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import Path

# What metadata say instead of an SPDX expression. python-dateutil's file says that its newer parts
# are under Apache 2.0 and all of it under BSD.
_SPDX: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache License 2.0": "Apache-2.0",
    ("python-dateutil", "Dual License"): "Apache-2.0 OR BSD-3-Clause",
}
_COPYLEFT: Final = re.compile(
    r"Mozilla\s+Public\s+License|GNU\s+(?:Lesser\s+|Affero\s+|Library\s+)?General\s+Public\s+License"
)
_LICENCE_FILES: Final = ("LICENSE*", "LICENCE*", "NOTICE*", "COPYING*", "AUTHORS*")


class LicenceError(Exception):
    """A package doesn't say under which licence it is, in words that are known here."""


@dataclass(frozen=True)
class Package:
    """A package in the layer.

    Attributes:
        name: Its name, normalised.
        version: Its version.
        summary: What it says that it is.
        licence: An SPDX expression.
        category: The strictest category among its licences' ones: `Permissive` at best.
        requires: The names of the packages that it needs, without its extras.
        files: Where its licence texts are in the layer.
        copyleft: Which copyleft licences these texts name, for whatever reason.
    """

    name: str
    version: str
    summary: str
    licence: str
    category: str
    requires: tuple[str, ...]
    files: tuple[str, ...]
    copyleft: tuple[str, ...]


def packages(layer: Path) -> list[Package]:
    """List the packages of a layer by name.

    Args:
        layer: Its folder `python`.

    Raises:
        LicenceError: As the class says.
    """
    found = [_package(layer, path) for path in layer.glob("*.dist-info/METADATA")]
    return sorted(found, key=lambda package: package.name)


def _package(layer: Path, path: Path) -> Package:
    metadata = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
    name = canonicalize_name(metadata["Name"])
    licence = _licence(name, metadata)
    files = sorted(file for pattern in _LICENCE_FILES for file in path.parent.rglob(pattern))
    return Package(
        name=name,
        version=metadata["Version"],
        summary=metadata["Summary"] or "",
        licence=licence,
        category=category(licence),
        requires=tuple(sorted(set(_requires(metadata)))),
        files=tuple(file.relative_to(layer).as_posix() for file in files),
        copyleft=_copyleft(files),
    )


def _licence(name: str, metadata: Message) -> str:
    written = metadata["License-Expression"] or metadata["License"] or ""
    expression = _SPDX.get(written) or _SPDX.get((name, written)) or written
    info = get_spdx_licensing().validate(expression)
    if not expression or info.errors:
        raise LicenceError(
            f"{name} says that its licence is {written!r}: read its licence file, and say which it "
            "is in _SPDX of devtools/sbom/packages.py, as an SPDX expression"
        )
    return str(info.normalized_expression)


def category(licence: str) -> str:
    """Give the strictest category of an expression's licences, as the ScanCode index has them.

    Of licences that one may choose from the strictest counts as well: somebody has to look.
    """
    known = {
        entry["spdx_license_key"]: entry["category"]
        for entry in get_license_index()
        if entry.get("spdx_license_key")
    }
    keys: list[str] = get_spdx_licensing().license_keys(licence)
    others = sorted({known[key] for key in keys} - {"Permissive"})
    return others[-1] if others else "Permissive"


def _requires(metadata: Message) -> Iterator[str]:
    for text in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def _copyleft(files: list[Path]) -> tuple[str, ...]:
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files]
    return tuple(sorted({" ".join(it.split()) for text in texts for it in _COPYLEFT.findall(text)}))
