"""How a query in Athena's dialect is put for DuckDB: the types, and what has to be bent.

sqlglot transpiles most of it. What it leaves different is in `BENDS`; what stays different all the
same is in `DIFFERENCES`. Both are data, for people to read: docs/queries.md
refers to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

ATHENA: Final = "athena"
DUCKDB: Final = "duckdb"

# `CREATE MACRO` and settings that every session begins with.
SESSION: Final = (
    "SET TimeZone = 'UTC'",
    "SET integer_division = true",
    """CREATE TEMP MACRO from_iso8601_timestamp(text) AS CASE
      WHEN text IS NULL OR regexp_matches(text, '(Z|T[0-9:.]+|^[0-9-]+)$')
      THEN date_trunc('millisecond', CAST(text AS TIMESTAMPTZ))
      ELSE error('from_iso8601_timestamp: only UTC is answered as Athena does: ' || text)
    END""",
)


@dataclass(frozen=True, slots=True)
class Bend:
    """Something of Athena's dialect that has to be put otherwise for DuckDB.

    Attributes:
        what: What Athena's dialect says.
        how: What DuckDB is given.
        why: What would be different otherwise.
        apply: Gives what an expression becomes; itself if it isn't concerned. None where it is not
            done expression by expression.
    """

    what: str
    how: str
    why: str
    apply: Callable[[exp.Expr, datetime], exp.Expr] | None = None


def _clock(node: exp.Expr, now: datetime) -> exp.Expr:
    if isinstance(node, exp.CurrentDate):
        return exp.cast(exp.Literal.string(now.date().isoformat()), "DATE")
    if isinstance(node, exp.CurrentTimestamp):
        moment = now.isoformat(sep=" ", timespec="milliseconds")
        return exp.cast(exp.Literal.string(moment), "TIMESTAMPTZ")
    return node


def _iso8601(node: exp.Expr, _now: datetime) -> exp.Expr:
    if isinstance(node, exp.FromISO8601Timestamp):
        return exp.Anonymous(this="from_iso8601_timestamp", expressions=[node.this])
    return node


def _time_zone(node: exp.Expr, _now: datetime) -> exp.Expr:
    if not isinstance(node, exp.AtTimeZone):
        return node
    if node.args["zone"].name.upper() != "UTC":
        raise NotImplementedError(f"AT TIME ZONE {node.args['zone'].name}: only UTC is answered")
    return exp.cast(node.this, "TIMESTAMPTZ")


def _date_interval(node: exp.Expr, _now: datetime) -> exp.Expr:
    is_moved = isinstance(node, (exp.Add, exp.Sub)) and isinstance(node.expression, exp.Interval)
    return exp.cast(node.copy(), "DATE") if is_moved and _is_date(node.this) else node


def _is_date(node: exp.Expr) -> bool:
    return isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.DATE


def _date_diff(node: exp.Expr, _now: datetime) -> exp.Expr:
    if isinstance(node, exp.DateDiff):
        unit = exp.Literal.string(node.args["unit"].name.lower())
        return exp.Anonymous(this="date_sub", expressions=[unit, node.expression, node.this])
    return node


def _approx_percentile(node: exp.Expr, _now: datetime) -> exp.Expr:
    if isinstance(node, exp.ApproxQuantile):
        return exp.Anonymous(this="quantile_disc", expressions=[node.this, node.args["quantile"]])
    return node


def _approx_distinct(node: exp.Expr, _now: datetime) -> exp.Expr:
    if isinstance(node, exp.ApproxDistinct):
        return exp.Count(this=exp.Distinct(expressions=[node.this]))
    return node


def _not_matching(node: exp.Expr, _now: datetime) -> exp.Expr:
    if isinstance(node, exp.RegexpExtract):
        matches = exp.RegexpLike(this=node.this.copy(), expression=node.expression.copy())
        return exp.Case(ifs=[exp.If(this=matches, true=node.copy())])
    return node


def _inlined(node: exp.Expr, _now: datetime) -> exp.Expr:
    if isinstance(node, exp.CTE):
        node.args["materialized"] = False
    return node


BENDS: Final = (
    Bend(
        "current_date, current_timestamp, now()",
        "literals of the moment at which the query begins, in UTC",
        "Athena's session is in UTC, and tests fix the moment",
        _clock,
    ),
    Bend(
        "from_iso8601_timestamp(text)",
        "a macro that cuts to milliseconds; an offset other than UTC is an error",
        "DuckDB rounds microseconds where Athena cuts them, and it doesn't keep the offset, so that"
        " a cast to timestamp would give UTC where Athena gives the local time",
        _iso8601,
    ),
    Bend(
        "value AT TIME ZONE 'UTC'",
        "a cast to TIMESTAMPTZ; another zone is an error",
        "in Athena the result has a time zone, in DuckDB it has none",
        _time_zone,
    ),
    Bend(
        "a date plus or minus an interval",
        "a cast of the result to DATE",
        "in Athena it stays a date, in DuckDB it becomes a timestamp",
        _date_interval,
    ),
    Bend(
        "date_diff(unit, a, b)",
        "date_sub(unit, a, b)",
        "Athena counts whole units, DuckDB's date_diff the boundaries that lie between",
        _date_diff,
    ),
    Bend(
        "approx_percentile(value, part)",
        "quantile_disc(value, part)",
        "an exact answer can be compared with one that was worked out independently",
        _approx_percentile,
    ),
    Bend(
        "approx_distinct(value)",
        "count(DISTINCT value)",
        "likewise",
        _approx_distinct,
    ),
    Bend(
        "regexp_extract(text, pattern)",
        "the same where the pattern matches, NULL elsewhere",
        "DuckDB gives an empty text where Athena gives NULL",
        _not_matching,
    ),
    Bend(
        "WITH name AS (...)",
        "WITH name AS NOT MATERIALIZED (...)",
        "Athena puts it in each place where it is named, and so reads it again for each",
        _inlined,
    ),
    Bend(
        "integer / integer",
        "the same, with DuckDB's setting integer_division",
        "in Athena it is an integer, in DuckDB a double",
    ),
    Bend(
        "sum(bigint), count_if(condition)",
        "a cast of the result's columns to BIGINT",
        "DuckDB's sums are HUGEINT, which Athena doesn't have and Parquet would keep as a double",
    ),
    Bend(
        "a selected expression without a name",
        "the name _col0, _col1, ... by its place",
        "DuckDB names it by its text",
    ),
    Bend(
        "names",
        "all in double quotes",
        "lines, rows, number and others are words of DuckDB's own in places",
    ),
    Bend(
        'database.table and "table$partitions"',
        "a DuckDB view over the files that Athena would see",
        "DuckDB has no Glue catalogue; see athena_tables.py for what is seen",
    ),
    Bend(
        "? (execution parameters)",
        "the literals that were given for them",
        "Athena takes them as texts of SQL",
    ),
    Bend(
        "UNLOAD (...) TO ... WITH (...)",
        "COPY (...) TO a file, which is put in the place",
        "sqlglot doesn't parse it",
    ),
)

DIFFERENCES: Final = (
    ("division of integers by zero", "an error in Athena, NULL here"),
    ("an index beyond an array, map[key] without that key", "an error in Athena, NULL here"),
    ("a text compared with a number or a date", "an error in Athena, a silent cast here"),
    ("a column's alias used beside it or in WHERE", "an error in Athena, accepted here"),
    ("the result of decimal / decimal", "a decimal in Athena, a double here"),
    ("CAST(timestamp AS varchar)", "always three decimals in Athena, only needed ones here"),
    ("json_extract_scalar of an object or array", "NULL in Athena, its JSON text here"),
    ("files of one day under LIMIT", "Athena may stop early; all bytes are counted here"),
    ('"$path" and other hidden columns', "not there"),
)


def bent(query: exp.Expr, now: datetime) -> exp.Expr:
    """Give a query with all bends applied, to be written in DuckDB's dialect.

    Args:
        query: The query; it is not changed.
        now: What the query takes for the current moment, in UTC.

    Raises:
        NotImplementedError: It needs something that can't be answered as Athena would.
    """
    result = query.copy()
    for bend in BENDS:
        if bend.apply is not None:
            for node in reversed(list(result.walk())):  # what is within comes first
                changed = bend.apply(node, now)
                if changed is not node:
                    node.replace(changed)
    for place, item in enumerate(result.selects if isinstance(result, exp.Query) else ()):
        if not (item.is_star or isinstance(item, (exp.Alias, exp.Column, exp.Dot))):
            item.replace(exp.alias_(item.copy(), f"_col{place}"))
    return result


def duckdb_type(hive_type: str) -> str:
    """Give DuckDB's type for a column's type in Glue, such as ``struct<a:array<string>>``."""
    kind = exp.DataType.build(hive_type, dialect="hive")
    for part in kind.find_all(exp.DataType):
        if part.this == exp.DataType.Type.TIMESTAMP:  # Athena reads Hive's as timestamp(3)
            part.set("expressions", [exp.DataTypeParam(this=exp.Literal.number(3))])
    return kind.sql(DUCKDB, identify=True)


_SIMPLE: Final = {
    # DuckDB's type: Athena's in queries, Glue's in table definitions.
    "boolean": ("boolean", "boolean"),
    "tinyint": ("tinyint", "tinyint"),
    "smallint": ("smallint", "smallint"),
    "integer": ("integer", "int"),
    "bigint": ("bigint", "bigint"),
    "hugeint": ("bigint", "bigint"),
    "float": ("real", "float"),
    "double": ("double", "double"),
    "varchar": ("varchar", "string"),
    "json": ("json", "string"),
    "blob": ("varbinary", "binary"),
    "date": ("date", "date"),
    "timestamp": ("timestamp(6)", "timestamp"),
    "timestamp_ms": ("timestamp(3)", "timestamp"),
    "timestamp_s": ("timestamp(0)", "timestamp"),
    "timestamp with time zone": ("timestamp(3) with time zone", "timestamp"),
    "interval": ("interval day to second", "string"),
    "null": ("unknown", "string"),
}


def athena_type(kind: Any) -> str:
    """Give the name in Athena's queries of a type that DuckDB gave."""
    if kind.id == "list":
        return f"array({athena_type(kind.children[0][1])})"
    if kind.id == "map":
        return f"map({', '.join(athena_type(part) for _, part in kind.children)})"
    if kind.id == "struct":
        return f"row({', '.join(f'{name} {athena_type(part)}' for name, part in kind.children)})"
    if kind.id == "decimal":
        return f"decimal({kind.children[0][1]},{kind.children[1][1]})"
    return _SIMPLE[kind.id][0]


def hive_type(kind: Any) -> str:
    """Give the name in Glue's table definitions of a type that DuckDB gave."""
    if kind.id == "list":
        return f"array<{hive_type(kind.children[0][1])}>"
    if kind.id == "map":
        return f"map<{','.join(hive_type(part) for _, part in kind.children)}>"
    if kind.id == "struct":
        return f"struct<{','.join(f'{name}:{hive_type(part)}' for name, part in kind.children)}>"
    if kind.id == "decimal":
        return f"decimal({kind.children[0][1]},{kind.children[1][1]})"
    return _SIMPLE[kind.id][1]
