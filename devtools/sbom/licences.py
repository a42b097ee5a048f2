"""The list of licences, as docs/licences.md has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devtools.sbom.packages import LicenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.sbom.packages import Package

# What somebody found who read the text. A package that isn't here names no copyleft licence.
_REMARKS: Final = {
    "botocore": (
        "for `botocore/cacert.pem`, the certificates of authorities. Weak copyleft: it is for that "
        "file, which is passed on as it came. No other file is touched"
    ),
    "grpcio": (
        "for `roots.pem`, the certificates of authorities, as above. The GNU licences stand in the "
        "Mozilla licence's text as those that its files may be combined with"
    ),
    "typing-extensions": (
        "in the history of Python's own licence, to say that it is compatible. Nothing is under it"
    ),
}
_HEAD: Final = """\
# Licences of what is deployed

Made by `make licences` from the metadata and licence texts of the packages in the built vendor
layer; a test compares. Licences are SPDX expressions, their categories are those of the ScanCode
index. Each package's texts are in the layer, in `python/<package>-<version>.dist-info`.

| Package | Version | Licence | Category |
| --- | --- | --- | --- |
"""
_COPYLEFT: Final = """
## Copyleft

"""
_NONE: Final = "No package is under a copyleft licence. "
_NAMED: Final = "These texts name one:\n\n"
_OWN: Final = """
## The rest

The other layers and the functions are this project's own code, and code that is generated from
`protos/`. Lambda's Python and operating system are Amazon's, and are not deployed from here.
"""


def document(packages: Sequence[Package]) -> str:
    """Write the list.

    Raises:
        LicenceError: A text names a copyleft licence and nobody has said why, or no text does so
            any longer.
    """
    named = {package.name: package.copyleft for package in packages if package.copyleft}
    if named.keys() != _REMARKS.keys():
        raise LicenceError(
            f"the licence texts of {sorted(named)} name copyleft licences, _REMARKS of "
            f"devtools/sbom/licences.py speaks of {sorted(_REMARKS)}: read the texts and say why"
        )
    rows = "".join(
        f"| {each.name} | {each.version} | {each.licence} | {each.category} |\n"
        for each in packages
    )
    copyleft = [each.name for each in packages if each.category != "Permissive"]
    flagged = f"**Look at {', '.join(copyleft)}.** " if copyleft else _NONE
    remarks = "".join(
        f"- {name}: {', '.join(licences)}, {_REMARKS[name]}.\n" for name, licences in named.items()
    )
    return f"{_HEAD}{rows}{_COPYLEFT}{flagged}{_NAMED}{remarks}{_OWN}"
