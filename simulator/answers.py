"""Saved queries, answered by the catalogue of the stack that `make run` has deployed, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table

from drainctl.catalogue import saved_queries
from eventdrain.events import DEFAULT_EVENT_TYPE
from simulator.catalogue import LocalCatalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from drainctl.catalogue import SavedQuery
    from drainctl.verify import Answer
    from simulator.deployment import LocalDeployment

_MOST_ROWS: Final = 8
_MOST_COLUMNS: Final = 6
_MOST_SIDE_BY_SIDE: Final = 2


def show_answers(deployment: LocalDeployment, event_types: Sequence[str], console: Console) -> None:
    """Run two of the saved queries, and show the answers.

    Raises:
        QueryError: A query failed.
    """
    catalogue = LocalCatalogue(deployment)
    for query in _chosen(event_types):
        answer = catalogue.athena.ask(query.sql, keep_rows=_MOST_ROWS)
        rows = f"{answer.row_count:,} row{'' if answer.row_count == 1 else 's'}"
        title = f"\nAthena: {query.title} ({rows}, {answer.scanned_bytes:,} bytes scanned)"
        console.print(title, soft_wrap=True, markup=False)
        console.print(_table(answer))


def _chosen(event_types: Sequence[str]) -> Sequence[SavedQuery]:
    """Choose two queries whose answers show the events that were just drained."""
    first = event_types[0]
    names = (
        "todays_handset_changes"
        if first == DEFAULT_EVENT_TYPE
        else f"duplicates_and_redeliveries.{first}",
        f"lag_to_archive.{first}",
    )
    by_name = {query.name: query for query in saved_queries()}
    return [by_name[name] for name in names]


def _table(answer: Answer) -> Table:
    is_wide = len(answer.columns) > _MOST_COLUMNS
    rows = answer.rows[: _MOST_SIDE_BY_SIDE if is_wide else _MOST_ROWS]
    left = answer.row_count - len(rows)
    table = Table(
        caption=f"… and {left:,} more" if left else None,
        caption_justify="left",
        show_edge=not is_wide,  # so that two times fit into 80 columns
    )
    texts = [["" if value is None else value for value in row] for row in rows]
    if is_wide:  # shown transposed, as a terminal has more lines than columns
        table.add_column("column", no_wrap=True)
        for number, _ in enumerate(rows, start=1):
            table.add_column(f"row {number}", overflow="fold")
        for name, *values in zip(answer.columns, *texts, strict=True):
            table.add_row(name, *values)
        return table
    for name in answer.columns:
        table.add_column(name, overflow="fold")
    for values in texts:
        table.add_row(*values)
    return table
