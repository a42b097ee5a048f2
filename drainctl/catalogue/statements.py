"""The SQL of the views and of compaction: the files of ``stacks/sql/compaction``, for one stream.

The compaction writes a closed day's events, each once, into a new folder (``unload``). It counts
the events before (``count_before``) and after (``count_candidates``), and then registers the folder
as the day's partition. ``replace_view`` moves the cutover day of the stream's view.

In a file, ``{stream}`` stands for the event type, ``{columns}`` for the columns that only this
stream has, and ``{fields}`` for the expressions that read these columns from a line. This module
replaces them, and so does the deployed state machine, which gets the unchanged files. ``{day}`` and
``{since}`` (``YYYY-MM-DD``), ``{run}`` (a folder's name) and ``{tables}`` (the folder of all
tables, as ``s3://.../``) are replaced when the statement runs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from drainctl.catalogue.columns import table_columns
from drainctl.catalogue.released import COMMON
from drainctl.catalogue.sql_file import read_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventdrain.events import EventStream

STATEMENTS: Final = ("closed_days", "count_before", "unload", "count_candidates", "replace_view")
"""The names of the statements and of their files, without ``.sql``."""
CANDIDATES: Final = "compaction_candidates"
"""The table that reads folders before they are registered as a day's partition."""
ALL_OPEN: Final = "1970-01-01"
"""The earliest cutover day: with it, a view reads the lines of all days. It must be a real date,
because partition projection parses it."""


def lines_table(stream: EventStream) -> str:
    """Return the name of the table of a stream's lines."""
    return f"{stream.event_type}_lines"


def compacted_table(stream: EventStream) -> str:
    """Return the name of the table of a stream's closed days."""
    return f"{stream.event_type}_compacted"


def unfilled_statement(name: str) -> str:
    """Return a statement with its placeholders.

    Args:
        name: One of ``STATEMENTS``.
    """
    return read_sql(f"compaction/{name}")


def statement(name: str, stream: EventStream) -> str:
    """Return a statement for one stream, with the placeholders for a run's values.

    Args:
        name: One of ``STATEMENTS``.
        stream: The stream.

    Raises:
        ValueError: See ``table_columns``.
    """
    sql = unfilled_statement(name).replace("{stream}", stream.event_type)
    return _listed(
        _listed(sql, "{columns}", stream_columns(stream)), "{fields}", stream_fields(stream)
    )


def view(stream: EventStream) -> str:
    """Return the query of a stream's view, with the placeholder ``{since}`` for its cutover day.

    Raises:
        ValueError: See ``table_columns``.
    """
    _create_view, _, query = statement("replace_view", stream).partition("\n")
    return query


def stream_columns(stream: EventStream) -> list[str]:
    """Return the names of the columns that only this stream has, in order.

    Raises:
        ValueError: See ``table_columns``.
    """
    return [each.name for each in table_columns(stream) if each.name not in COMMON]


def stream_fields(stream: EventStream) -> list[str]:
    """Return the ``SELECT`` expressions that read these columns from a line, in the same order.

    Raises:
        ValueError: See ``table_columns``.
    """
    return [
        each.name if each.expression == each.name else f"{each.expression} AS {each.name}"
        for each in table_columns(stream)
        if each.name not in COMMON
    ]


def _listed(sql: str, placeholder: str, items: Sequence[str]) -> str:
    """Replace a placeholder with items, one per line, indented like the placeholder."""
    return re.sub(
        rf"( *){re.escape(placeholder)}",
        lambda found: ",\n".join(f"{found[1]}{item}" for item in items),
        sql,
    )
