"""What the answer of a consistency check means, and what is left of it when it is asked again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainctl.catalogue import SavedQuery
    from drainctl.verify.athena import Answer


@dataclass(frozen=True, slots=True)
class Difference:
    """A day on which a stream's view does not have every archived event exactly once.

    Attributes:
        stream: The event type.
        day: As ``YYYY-MM-DD``.
        expected: Distinct events in lines and compacted table.
        rows: Rows of the view.
        ids: Distinct events of the view.
    """

    stream: str
    day: str
    expected: int
    rows: int
    ids: int


def differences(query: SavedQuery, answer: Answer, day: str | None) -> list[Difference]:
    """Return the days that differ, from the answer of a consistency check.

    Args:
        query: The check.
        answer: Its answer, with all rows.
        day: The only day that matters, as ``YYYY-MM-DD``; None for all.
    """
    found = []
    for row in answer.rows:
        values = dict(zip(answer.columns, row, strict=True))
        expected, rows, ids = (int(values[name] or 0) for name in ("expected", "rows", "ids"))
        if day in {None, values["dt"]}:
            found.append(Difference(query.stream or "", values["dt"] or "", expected, rows, ids))
    return found


def lasting(before: Sequence[Difference], again: Sequence[Difference]) -> list[Difference]:
    """Return the differences that lines arriving during the check don't explain.

    The counts of one answer are of slightly different moments, so they differ on a day to which
    lines keep coming. But an archive only grows: a complete view has at least the events that were
    archived at the first check, and at the first check at most those that are archived now.

    Args:
        before: What the first answer said.
        again: What the second answer said.
    """
    first = {each.day: each for each in before}
    return [
        each
        for each in again
        if each.day in first
        and (
            each.rows != each.ids
            or each.ids < first[each.day].expected
            or each.expected < first[each.day].ids
        )
    ]
