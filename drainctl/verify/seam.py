"""What an answer of the seam check says, and what is left of it when it is asked again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainctl.catalogue.saved_queries import SavedQuery
    from drainctl.verify.athena import Answer


@dataclass(frozen=True, slots=True)
class Difference:
    """A day on which a stream's view has not each event exactly once.

    Attributes:
        stream: The event type.
        day: As ``YYYY-MM-DD``.
        expected: The events that lines and compacted table have.
        rows: The rows of the view.
        ids: The events of the view.
    """

    stream: str
    day: str
    expected: int
    rows: int
    ids: int


def differences(query: SavedQuery, answer: Answer, day: str | None) -> list[Difference]:
    """Read the days that differ from an answer of a seam check.

    Args:
        query: Which was asked.
        answer: With all of its rows.
        day: The only one that matters, as ``YYYY-MM-DD``; None for all.
    """
    found = []
    for row in answer.rows:
        values = dict(zip(answer.columns, row, strict=True))
        expected, rows, ids = (int(values[name] or 0) for name in ("expected", "rows", "ids"))
        if day in {None, values["dt"]}:
            found.append(Difference(query.stream or "", values["dt"] or "", expected, rows, ids))
    return found


def lasting(before: Sequence[Difference], again: Sequence[Difference]) -> list[Difference]:
    """Give those that are none of lines that came while the seam check was reading.

    On a day to which lines keep coming, two counts of one answer are of different moments, and
    differ each time. But an archive only grows: a whole view has at least what was archived when it
    was first asked about, and at first no more than is archived now.

    Args:
        before: What an answer said.
        again: What the next one said.
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
