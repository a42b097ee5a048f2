"""Computes the bytes that Athena would scan for a query, from DuckDB's plan.

DuckDB prunes partitions and columns as Athena does, through views, unions and windows. Its plan
lists the remaining columns and files of each scan. Athena bills JSON objects at their stored size,
and of Parquet the columns that are read, without the row groups that their minimum and maximum
values exclude ("Performance tuning in Athena", "Athena pricing").
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from simulator.athena.dialect import DUCKDB

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

REFERENCE: Final = "reference_"
"""The prefix of the name of a relation's own partition key, before its number."""

# These merge or split scans. Athena scans a table once for each place where a query names it.
_OPTIMIZERS_OFF: Final = "common_subplan,late_materialization"
_BOUNDS: Final[Mapping[type[exp.Expr], str]] = {
    exp.EQ: "low <= {value} AND high >= {value}",
    exp.LT: "low < {value}",
    exp.LTE: "low <= {value}",
    exp.GT: "high > {value}",
    exp.GTE: "high >= {value}",
}


class SeenFile(NamedTuple):
    """A file of a relation.

    Attributes:
        path: The path that DuckDB reads.
        values: The values of its partition keys, by name.
        size: Its size in bytes.
    """

    path: str
    values: Mapping[str, str]
    size: int


class Relation(NamedTuple):
    """A table as one place of a query reads it.

    Attributes:
        seen: Its files.
        is_parquet: Whether they are Parquet; JSON otherwise.
    """

    seen: Sequence[SeenFile]
    is_parquet: bool


def scanned_bytes(
    connection: duckdb.DuckDBPyConnection, sql: str, relations: Mapping[int, Relation]
) -> int:
    """Return how many bytes a query scans.

    Args:
        connection: DuckDB, with the relations' views.
        sql: The query, in DuckDB's dialect.
        relations: The relations by number.
    """
    connection.execute(f"SET disabled_optimizers = '{_OPTIMIZERS_OFF}'")
    try:
        answer = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
    finally:
        connection.execute("RESET disabled_optimizers")
    total = 0
    for scan in _scans(json.loads(answer[0][1])):
        filters = " AND ".join(_conditions("".join(_texts(scan, "File Filters"))))
        number = re.search(rf"{REFERENCE}(\d+)", filters)
        if number is None:
            continue  # not of objects in S3, such as a list of partitions
        relation = relations[int(number[1])]
        left = _left(connection, relation.seen, number[0], filters)
        if relation.is_parquet:
            total += _parquet_bytes(connection, left, scan)
        else:
            total += sum(file.size for file in left)
    return total


def _scans(plan: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for node in plan:
        if node["name"].strip() in {"READ_JSON", "READ_PARQUET"}:
            yield node["extra_info"]
        yield from _scans(node["children"])


def _texts(scan: Mapping[str, Any], name: str) -> Sequence[str]:
    """Return an attribute of a scan as a list; the plan has a string if there is only one value."""
    said = scan.get(name, [])
    return [said] if isinstance(said, str) else said


def _conditions(text: str) -> list[str]:
    """Split a scan's conditions, which a plan lists as ``(a > 1)(b = 2)``."""
    conditions, depth, start = [], 0, 0
    for token in sqlglot.tokenize(text, read=DUCKDB):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        if depth == 0 and token.token_type == TokenType.R_PAREN:
            conditions.append(text[start : token.end + 1])
            start = token.end + 1
    return conditions


def _left(
    connection: duckdb.DuckDBPyConnection, seen: Sequence[SeenFile], reference: str, filters: str
) -> list[SeenFile]:
    """Return the files whose partitions satisfy a scan's conditions."""
    if not seen:
        return []
    names = list(seen[0].values)
    # Partitions are checked instead of files, as there are far fewer.
    partitions = list({tuple(file.values.values()) for file in seen})
    quoted = ", ".join(f'"{name}"' for name in ("place", reference, *names))
    marks = ", ".join("?" for _ in ("place", reference, *names))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE seen ({quoted.replace(',', ' VARCHAR,')} VARCHAR)"
    )
    connection.executemany(
        f"INSERT INTO seen VALUES ({marks})",
        [[place, "1", *values] for place, values in enumerate(partitions)],
    )
    rows = connection.execute(f"SELECT place FROM seen WHERE {filters}").fetchall()
    left = {partitions[int(place)] for (place,) in rows}
    return [file for file in seen if tuple(file.values.values()) in left]


def _parquet_bytes(
    connection: duckdb.DuckDBPyConnection, left: Sequence[SeenFile], scan: Mapping[str, Any]
) -> int:
    if not left:
        return 0
    columns = set(_texts(scan, "Projections"))
    filters = "".join(_texts(scan, "Filters"))
    conditions = [pair for text in _conditions(filters) for pair in _bounds(text)]
    columns |= {column for column, _ in conditions}
    excluded = " OR ".join(
        f"(split_part(path_in_schema, ', ', 1) = '{column}' AND NOT ({bounds}))"
        for column, bounds in conditions
    )
    (read,) = connection.execute(
        f"""
        WITH chunks AS (
          SELECT file_name, row_group_id, split_part(path_in_schema, ', ', 1) AS path_in_schema,
            total_compressed_size, stats_min_value AS low, stats_max_value AS high
          FROM parquet_metadata(?)
        )
        SELECT coalesce(sum(total_compressed_size), 0)::BIGINT
        FROM chunks
        WHERE path_in_schema IN (SELECT unnest(?))
          AND (file_name, row_group_id) NOT IN (
            SELECT (file_name, row_group_id)
            FROM chunks
            WHERE coalesce({excluded or "false"}, false)
          )
        """,
        [[file.path for file in left], sorted(columns)],
    ).fetchone() or (0,)
    return int(read)


def _bounds(text: str) -> Iterator[tuple[str, str]]:
    """Yield the columns that a condition compares with a string, each with a test of its bounds."""
    try:
        condition = sqlglot.parse_one(text, read=DUCKDB).unnest()
    except sqlglot.errors.ParseError:
        return  # not all conditions in a plan are SQL; then nothing is excluded
    for part in condition.flatten() if isinstance(condition, exp.And) else (condition,):
        comparison = part.unnest()
        bounds = _BOUNDS.get(type(comparison))
        if bounds and isinstance(comparison.this, exp.Column) and _is_text(comparison.expression):
            yield comparison.this.name, bounds.format(value=comparison.expression.sql(DUCKDB))


def _is_text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and node.is_string
