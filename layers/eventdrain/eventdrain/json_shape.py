"""Parsing of external JSON by msgspec, whose errors name a key and the expected type, no value.

Errors about unknown keys, literals and enumerations do hold values: no type here has those.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, TypeAlias, TypeVar

from msgspec import Meta, ValidationError
from msgspec.json import decode

_T = TypeVar("_T")

Text: TypeAlias = Annotated[str, Meta(min_length=1)]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]


def parse_json(text: str | bytes, kind: type[_T]) -> _T | None:
    """Parse JSON of a type; return None if the text is anything else."""
    try:
        return decode(text, type=kind)
    except (ValueError, RecursionError):
        return None


def key_of(error: ValidationError) -> str:
    """Return the object's key that an error of ``msgspec.convert`` is about; empty if none."""
    found = re.search(r"`\$\.(\w+)", str(error))
    return found[1] if found else ""
