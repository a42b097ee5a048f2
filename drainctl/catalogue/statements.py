"""The SQL of the catalogue, in Athena's dialect: the view over a stream, and its compaction.

Compaction writes a closed day's events, each once, into a folder of its own (`unload`), counts what
should be there before (`count_before`) and what is there after (`count_candidates`), and then
registers the folder as the day's partition. Nothing but SQL touches the data.

``{day}``, ``{since}`` (both as ``YYYY-MM-DD``), ``{run}`` (the name of a folder) and ``{tables}``
(where the folders are, as ``s3://.../``) in a text are put in when it runs.

Why it is written as it is:

- Predicates on ``dt`` are comparisons of a text with constants, so that partitions are pruned
  when a query is planned. The windows are partitioned by ``dt`` and ``event_id``, so that a
  predicate on ``dt`` reaches below them.
- Of an event's copies the one that was received first wins; of several at once, one that was no
  redelivery.
- ``UNLOAD`` is the one statement whose documentation promises that ``ORDER BY`` holds within each
  file ("UNLOAD", considerations and limitations); "Considerations and limitations for CTAS
  queries" says that it is ignored there.
"""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING, Final

from drainctl.catalogue.columns import table_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drainctl.catalogue.columns import Column
    from eventdrain.events import EventStream

CANDIDATES: Final = "compaction_candidates"
"""The table that sees folders before they are registered."""
ALL_OPEN: Final = "1970-01-01"
"""A day before all others: with it as ``{since}`` a view takes no day for closed. A real one, for
partition projection reads it as a date."""
_FIRST: Final = "received_at, redelivered"


def lines_table(stream: EventStream) -> str:
    """Name the table of a stream's lines."""
    return f"{stream.event_type}_lines"


def compacted_table(stream: EventStream) -> str:
    """Name the table of a stream's closed days."""
    return f"{stream.event_type}_compacted"


def view(stream: EventStream) -> str:
    """Write the view of all events of a stream, each once.

    The days before ``{since}`` are closed: they are read from the compacted table alone. From there
    on lines are read as well, but for events that the compacted table has. So the view is right
    whenever every line of the days before ``{since}`` is compacted, whatever else is.
    """
    columns = table_columns(stream)
    names = [*(column.name for column in columns), "dt"]
    lines = _select(
        [*(each for each in _of_line(columns) if not each.endswith(" AS copies")), "dt"],
        f"FROM {lines_table(stream)}\nWHERE dt >= '{{since}}'",
    )
    numbered = _select(
        [
            *(name for name in names if name != "copies"),
            "count(*) OVER (PARTITION BY dt, event_id) AS copies",
            f"row_number() OVER (PARTITION BY dt, event_id ORDER BY {_FIRST}) AS place",
        ],
        _from(lines),
    )
    closed = _select(names, f"FROM {compacted_table(stream)}")
    opened = _select(names, f"{_from(numbered)} AS line\nWHERE place = 1")
    return f"""\
{closed}
UNION ALL
{opened}
  AND NOT EXISTS (
    SELECT 1
    FROM {compacted_table(stream)} AS compacted
    WHERE compacted.dt = line.dt
      AND compacted.event_id = line.event_id
      AND compacted.dt >= '{{since}}'
  )"""


def replace_view(stream: EventStream) -> str:
    """Write the statement that moves the first open day of a stream's view to ``{since}``."""
    return f"CREATE OR REPLACE VIEW {stream.event_type} AS\n{view(stream)}"


def closed_days(stream: EventStream) -> str:
    """Write the query for the days that are registered: one row, one text, commas between them.

    It is never empty, as an empty text might not be told from none: then it says ``none``.
    """
    return (
        "SELECT coalesce(array_join(array_agg(dt), ','), 'none') AS days"
        f'\nFROM "{compacted_table(stream)}$partitions"'
    )


def count_before(stream: EventStream) -> str:
    """Write the query that counts a day before its compaction.

    Its row has: the events that lines and compacted rows have together; the compacted rows and
    their distinct event ids; the lines; the copies that the compacted rows know of.
    """
    return f"""\
SELECT
  count(DISTINCT event_id) AS events,
  coalesce(sum(compacted), 0) AS compacted_rows,
  count(DISTINCT IF(compacted = 1, event_id)) AS compacted_events,
  coalesce(sum(1 - compacted), 0) AS lines,
  coalesce(sum(copies), 0) AS copies
FROM (
  SELECT event_id, 0 AS compacted, CAST(0 AS bigint) AS copies
  FROM {lines_table(stream)}
  WHERE dt = '{{day}}'
  UNION ALL
  SELECT event_id, 1 AS compacted, copies
  FROM {compacted_table(stream)}
  WHERE dt = '{{day}}'
)"""


def unload(stream: EventStream) -> str:
    """Write the statement that writes a day's events, each once, into a new folder.

    Lines and rows that are there already are taken together, so that it can run again at any time,
    and after lines are gone. ``copies`` is the number of lines, or what was known of before if
    that is more.

    Args:
        stream: The stream.
    """
    columns = table_columns(stream)
    names = [column.name for column in columns]
    lines = _select(
        [*_of_line(columns, copies="CAST(0 AS bigint)"), "1 AS line"],
        f"FROM {lines_table(stream)}\nWHERE dt = '{{day}}'",
    )
    rows = _select([*names, "0 AS line"], f"FROM {compacted_table(stream)}\nWHERE dt = '{{day}}'")
    copies = (
        "greatest(sum(line) OVER (PARTITION BY event_id), max(copies) OVER (PARTITION BY event_id))"
    )
    numbered = _select(
        [
            *(f"{copies} AS copies" if name == "copies" else name for name in names),
            f"row_number() OVER (PARTITION BY event_id ORDER BY {_FIRST}) AS place",
        ],
        _from(f"{lines}\nUNION ALL\n{rows}"),
    )
    events = _select(
        names,
        f"{_from(numbered)}\nWHERE place = 1\nORDER BY subscription_id, event_time, event_id",
    )
    return f"""\
UNLOAD (
{indent(events, "  ")}
)
TO '{{tables}}{stream.event_type}/dt={{day}}/{{run}}/'
WITH (format = 'PARQUET', compression = 'GZIP')"""


def count_candidates(stream: EventStream) -> str:
    """Write the query that counts what was written: its rows and their distinct event ids."""
    return f"""\
SELECT count(*) AS written_rows, count(DISTINCT event_id) AS written_events
FROM {CANDIDATES}
WHERE event_type = '{stream.event_type}'
  AND dt = '{{day}}'
  AND run = '{{run}}'"""


def _of_line(columns: Iterable[Column], *, copies: str = "1") -> list[str]:
    """Give what is selected of a line for each column."""
    return [
        column.name
        if column.expression == column.name
        else f"{copies if column.name == 'copies' else column.expression} AS {column.name}"
        for column in columns
    ]


def _select(items: Iterable[str], rest: str) -> str:
    selected = indent(",\n".join(items), "  ")
    return f"SELECT\n{selected}\n{rest}"


def _from(query: str) -> str:
    inner = indent(query, "  ")
    return f"FROM (\n{inner}\n)"
