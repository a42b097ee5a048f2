"""Writes types within types: on one line if they are short, else on lines of their own."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORT: Final = 60


def nested(opening: str, items: Iterable[str], closing: str) -> str:
    """Write items between brackets.

    Args:
        opening: What stands before the first item, such as ``STRUCT(``.
        items: The items, without commas.
        closing: What stands behind the last item.
    """
    items = list(items)
    text = f"{opening}{', '.join(items)}{closing}"
    if "\n" not in text and len(text) <= _SHORT:
        return text
    return opening + "\n" + indent(",\n".join(items), "  ") + "\n" + closing
