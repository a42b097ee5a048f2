"""Checks of external JSON. Errors name the key that the caller asked for, never a value.

Errors of the JSON parser are not passed on, because they hold the text, which may contain secrets.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from eventdrain.errors import MalformedJson

if TYPE_CHECKING:
    from collections.abc import Mapping

_T = TypeVar("_T")
_D = TypeVar("_D")


def json_object(text: str | bytes) -> dict[str, Any] | None:
    """Parse a JSON object; return None if the text is anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def required(content: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    """Return a member of a JSON object.

    Args:
        content: The object.
        key: The member's key.
        kind: The expected type: `str`, `int`, `float` (which includes integers), `bool` or
            `list[str]`. Strings must not be empty.

    Raises:
        MalformedJson: The member is missing or has another type.
    """
    value: Any = content.get(key)
    if not _is(value, kind):
        raise MalformedJson(f"{key} is missing or malformed", setting=key)
    found: _T = value
    return found


def optional(content: Mapping[str, Any], key: str, kind: type[_T], otherwise: _D) -> _T | _D:
    """Return a member as `required` does, or a default if it is missing or equal to the default."""
    value = content.get(key, otherwise)
    return otherwise if value is otherwise else required(content, key, kind)


def _is(value: object, kind: Any) -> bool:
    if type(value) is kind:
        return value != ""
    if kind is float:
        return type(value) is int
    items = get_args(kind)
    return bool(items) and type(value) is list and all(_is(each, items[0]) for each in value)
