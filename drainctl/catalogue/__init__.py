"""Definitions of the archive's tables, for the Glue catalog, the views and the compaction.

================= ==================================================================
``line_types``    the types of a line's keys, from the stream's descriptor
``released``      the columns of compacted tables in deployed stacks, in order
``columns``       the columns of the lines, the view and the compacted table
``statements``    the SQL of views and compaction, in Athena's dialect
``saved_queries`` the saved queries, in the same dialect
``sql_file``      the files of ``stacks/sql``
================= ==================================================================
"""

from __future__ import annotations

from drainctl.catalogue.columns import line_columns, table_columns
from drainctl.catalogue.line_types import (
    Array,
    LineType,
    Map,
    Mark,
    Scalar,
    Struct,
    is_map,
    line_types,
    message_of,
)
from drainctl.catalogue.saved_queries import (
    PLACEHOLDER,
    MalformedQuery,
    SavedQuery,
    saved_queries,
    unfilled_query,
)
from drainctl.catalogue.sql_file import read_sql
from drainctl.catalogue.statements import (
    ALL_OPEN,
    CANDIDATES,
    STATEMENTS,
    compacted_table,
    lines_table,
    statement,
    stream_columns,
    stream_fields,
    unfilled_statement,
    view,
)

__all__ = [
    "ALL_OPEN",
    "CANDIDATES",
    "PLACEHOLDER",
    "STATEMENTS",
    "Array",
    "LineType",
    "MalformedQuery",
    "Map",
    "Mark",
    "SavedQuery",
    "Scalar",
    "Struct",
    "compacted_table",
    "is_map",
    "line_columns",
    "line_types",
    "lines_table",
    "message_of",
    "read_sql",
    "saved_queries",
    "statement",
    "stream_columns",
    "stream_fields",
    "table_columns",
    "unfilled_query",
    "unfilled_statement",
    "view",
]
