"""Computes how many bytes Athena would scan for a query, from DuckDB's plan of it.

DuckDB prunes partitions and columns as Athena does, through views, unions and windows. Its plan
says for each scan which columns and which files are left. Athena is billed for the objects of JSON
as they are stored, and for the columns that are read of Parquet, without the row groups whose
least and greatest values exclude them ("Performance tuning in Athena", "Athena pricing").
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

REFERENCE: Final = "reference_"
"""What the name of a relation's own partition key begins with; its number follows."""

# One makes one scan of two, the other two of one. Athena scans a table where a query names it.
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
        path: Where DuckDB finds it.
        values: The values of its partition keys, by name.
        size: Its bytes.
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
    """Return how many bytes a query would scan.

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
            continue  # nothing of S3: a list of partitions, say
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
    """Return what a plan says of a scan, which is a text or, if there is more than one, a list."""
    said = scan.get(name, [])
    return [said] if isinstance(said, str) else said


def _conditions(text: str) -> list[str]:
    """Take apart what a plan says of a scan's conditions: ``(a > 1)(b = 2)``."""
    conditions, depth, start = [], 0, 0
    for token in sqlglot.tokenize(text, read="duckdb"):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        if depth == 0 and token.token_type == TokenType.R_PAREN:
            conditions.append(text[start : token.end + 1])
            start = token.end + 1
    return conditions


def _left(
    connection: duckdb.DuckDBPyConnection, seen: Sequence[SeenFile], reference: str, filters: str
) -> list[SeenFile]:
    """Return the files that a scan's conditions on their partitions leave."""
    if not seen:
        return []
    names = list(seen[0].values)
    # Files of a partition share its values, and there are far fewer partitions than files.
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
    """Return what a condition between a column and a text says of the column's bounds."""
    try:
        condition = sqlglot.parse_one(text, read="duckdb").unnest()
    except sqlglot.errors.ParseError:
        return  # what a plan says is not always SQL; then nothing is excluded
    for part in condition.flatten() if isinstance(condition, exp.And) else (condition,):
        comparison = part.unnest()
        bounds = _BOUNDS.get(type(comparison))
        if bounds and isinstance(comparison.this, exp.Column) and _is_text(comparison.expression):
            yield comparison.this.name, bounds.format(value=comparison.expression.sql("duckdb"))


def _is_text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and node.is_string
