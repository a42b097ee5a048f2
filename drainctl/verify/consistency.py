"""The evaluation of consistency checks."""

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
        day: The day as ``YYYY-MM-DD``.
        expected: The number of distinct events in the lines and the compacted table.
        rows: The number of the view's rows.
        ids: The number of distinct events in the view.
    """

    stream: str
    day: str
    expected: int
    rows: int
    ids: int


def differences(query: SavedQuery, answer: Answer, day: str | None) -> list[Difference]:
    """Return the inconsistent days in the answer of a consistency check.

    Args:
        query: The check.
        answer: The check's answer, with all rows.
        day: The only day to consider, as ``YYYY-MM-DD``; None for all days.
    """
    found = []
    for row in answer.rows:
        values = dict(zip(answer.columns, row, strict=True))
        expected, rows, ids = (int(values[name] or 0) for name in ("expected", "rows", "ids"))
        if day in {None, values["dt"]}:
            found.append(Difference(query.stream or "", values["dt"] or "", expected, rows, ids))
    return found


def lasting(before: Sequence[Difference], again: Sequence[Difference]) -> list[Difference]:
    """Return the differences that cannot result from lines that arrived during the checks.

    One check counts lines and view at slightly different times, so the counts may differ for a day
    whose lines are still arriving. But an archive only grows. A complete view therefore has now at
    least the events that were archived at the first check, and had then at most those that are
    archived now.

    Args:
        before: The differences of the first check.
        again: The differences of the second check.
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
