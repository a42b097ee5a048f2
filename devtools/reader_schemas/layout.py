"""Formats nested types: on one line if they are short, else one line each."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORT: Final = 60


def nested(opening: str, items: Iterable[str], closing: str) -> str:
    """Write items between brackets.

    Args:
        opening: The text before the first item, such as ``STRUCT(``.
        items: The items, without commas.
        closing: The text after the last item.
    """
    items = list(items)
    text = f"{opening}{', '.join(items)}{closing}"
    if "\n" not in text and len(text) <= _SHORT:
        return text
    return opening + "\n" + indent(",\n".join(items), "  ") + "\n" + closing
