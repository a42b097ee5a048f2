"""The SQL of the views and of compaction: the files of ``stacks/sql/compaction``, for one stream.

Compaction writes a closed day's events, each once, into a folder of its own (``unload``). It counts
the events before (``count_before``) and after (``count_candidates``), and then registers the folder
as the day's partition. ``replace_view`` moves the cutover day of the stream's view.

In a file, ``{stream}`` stands for the event type, ``{columns}`` for the columns that only this
stream has, and ``{fields}`` for the expressions that read these columns from a line. They are
replaced here, and by the deployed state machine, which gets the files as they are. ``{day}`` and
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
"""The statements: the names of their files."""
CANDIDATES: Final = "compaction_candidates"
"""The table that sees folders before they are registered."""
ALL_OPEN: Final = "1970-01-01"
"""A cutover day before all others, with which a view treats no day as closed. Partition projection
reads it as a date, so it must be a real one."""


def lines_table(stream: EventStream) -> str:
    """Return the name of the table of a stream's lines."""
    return f"{stream.event_type}_lines"


def compacted_table(stream: EventStream) -> str:
    """Return the name of the table of a stream's closed days."""
    return f"{stream.event_type}_compacted"


def unfilled_statement(name: str) -> str:
    """Return a statement with all its placeholders.

    Args:
        name: One of ``STATEMENTS``.
    """
    return read_sql(f"compaction/{name}")


def statement(name: str, stream: EventStream) -> str:
    """Return a statement for one stream. Placeholders for values of a run are left in it.

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
    """Return the query of a stream's view, with ``{since}`` for its cutover day.

    Raises:
        ValueError: See ``table_columns``.
    """
    _create_view, _, query = statement("replace_view", stream).partition("\n")
    return query


def stream_columns(stream: EventStream) -> list[str]:
    """Return the names of the columns that only this stream's table has, in their order.

    Raises:
        ValueError: See ``table_columns``.
    """
    return [each.name for each in table_columns(stream) if each.name not in COMMON]


def stream_fields(stream: EventStream) -> list[str]:
    """Return what ``SELECT`` needs to read these columns from a line, in the same order.

    Raises:
        ValueError: See ``table_columns``.
    """
    return [
        each.name if each.expression == each.name else f"{each.expression} AS {each.name}"
        for each in table_columns(stream)
        if each.name not in COMMON
    ]


def _listed(sql: str, placeholder: str, items: Sequence[str]) -> str:
    """Replace a placeholder by items, one on each line, indented as the placeholder is."""
    return re.sub(
        rf"( *){re.escape(placeholder)}",
        lambda found: ",\n".join(f"{found[1]}{item}" for item in items),
        sql,
    )
