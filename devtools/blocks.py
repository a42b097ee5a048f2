"""The blocks of a template that are made by a tool, between a pair of marks."""

from __future__ import annotations

import re


def with_block(template: str, title: str, block: str) -> str:
    """Write one block of a template anew.

    Args:
        template: The template's text, with a pair of marks around the block.
        title: What the first mark says that it is.
        block: What shall be between the marks; lines, each with its newline.

    Raises:
        ValueError: A mark is missing.
    """
    mark = f"# --- made by `make template`: {title}\n"
    found = re.search(f"( *){re.escape(mark)}.*?^ *# --- end\n", template, re.DOTALL | re.MULTILINE)
    if found is None:
        raise ValueError(f"the template has no block {mark.strip()!r}")
    margin, before, after = found[1], template[: found.start()], template[found.end() :]
    return f"{before}{margin}{mark}{block}{margin}# --- end\n{after}"
