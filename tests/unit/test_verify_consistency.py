"""The interpretation of a consistency check's answers."""

from __future__ import annotations

import pytest

from drainctl.verify.consistency import Difference, lasting


@pytest.mark.parametrize(
    ("before", "again", "is_permanent"),
    [
        ((10, 11, 11), (14, 12, 12), False),
        ((11, 10, 10), (13, 14, 14), False),
        ((11, 10, 10), (14, 10, 10), True),
        ((10, 15, 15), (14, 13, 13), True),
        ((10, 11, 11), (14, 12, 11), True),
        (None, (1, 2, 2), False),
        ((10, 11, 11), None, False),
    ],
    ids=["grows", "grows in between", "lacks", "has more", "has twice", "is new", "is gone"],
)
def test_what_a_growing_archive_explains(
    before: tuple[int, int, int] | None, again: tuple[int, int, int] | None, *, is_permanent: bool
) -> None:
    """Differences that lines arriving during the check explain don't count."""
    first, second = (
        [] if counts is None else [Difference("made_up", "2026-11-24", *counts)]
        for counts in (before, again)
    )
    assert lasting(first, second) == (second if is_permanent else [])
