"""Translates queries from Athena's dialect to DuckDB's, and the types of both.

sqlglot transpiles most of it; the rest is rewritten here. These differences remain:

- division of integers by zero, an index beyond an array, and ``map[key]`` without that key are
  errors in Athena, NULL here;
- a text compared with a number or a date, and a column's alias used beside it or in WHERE, are
  errors in Athena, accepted here;
- ``decimal / decimal`` is a decimal in Athena, a double here;
- ``CAST(timestamp AS varchar)`` always has three decimals in Athena, here only if needed;
- ``json_extract_scalar`` of an object or array is NULL in Athena, its JSON text here;
- under LIMIT, Athena may stop reading the files of a day early; all bytes are counted here;
- hidden columns such as ``"$path"`` don't exist here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp
from sqlglot.dialects import Athena, DuckDB

if TYPE_CHECKING:
    from datetime import datetime

# Classes rather than names: sqlglot imports a dialect when it is first named, and registers its
# class before the module has run to its end, which fails in a second thread that names it then.
ATHENA: Final = Athena
DUCKDB: Final = DuckDB

SESSION: Final = (
    "SET TimeZone = 'UTC'",
    "SET integer_division = true",  # integer / integer is an integer in Athena
    # DuckDB rounds microseconds where Athena cuts them, and doesn't keep the offset.
    """CREATE TEMP MACRO from_iso8601_timestamp(text) AS CASE
      WHEN text IS NULL OR regexp_matches(text, '(Z|T[0-9:.]+|^[0-9-]+)$')
      THEN date_trunc('millisecond', CAST(text AS TIMESTAMPTZ))
      ELSE error('from_iso8601_timestamp: only UTC is answered as Athena does: ' || text)
    END""",
)
"""The statements that begin every session."""


def rewritten(query: exp.Expr, now: datetime) -> exp.Expr:
    """Return a query rewritten so that DuckDB answers it as Athena does.

    Args:
        query: The query; it is not changed.
        now: The current time of the query, in UTC.

    Raises:
        NotImplementedError: It uses something that can't be translated.
    """
    result = query.copy()
    for node in reversed(list(result.walk())):  # what is within comes first
        changed = _rewritten(node, now)
        if changed is not node:
            node.replace(changed)
    for place, item in enumerate(result.selects if isinstance(result, exp.Query) else ()):
        if not (item.is_star or isinstance(item, (exp.Alias, exp.Column, exp.Dot))):
            item.replace(exp.alias_(item.copy(), f"_col{place}"))
    return result


def _rewritten(node: exp.Expr, now: datetime) -> exp.Expr:  # noqa: C901, PLR0911 - a case each
    match node:
        case exp.CurrentDate():
            return exp.cast(exp.Literal.string(now.date().isoformat()), "DATE")
        case exp.CurrentTimestamp():  # as Athena's session is in UTC, and tests fix the moment
            moment = now.isoformat(sep=" ", timespec="milliseconds")
            return exp.cast(exp.Literal.string(moment), "TIMESTAMPTZ")
        case exp.FromISO8601Timestamp():
            return exp.Anonymous(this="from_iso8601_timestamp", expressions=[node.this])
        case exp.AtTimeZone():  # in Athena the result has a time zone, in DuckDB it has none
            if node.args["zone"].name.upper() != "UTC":
                raise NotImplementedError(f"AT TIME ZONE {node.args['zone'].name}: only UTC")
            return exp.cast(node.this, "TIMESTAMPTZ")
        case exp.Add() | exp.Sub() if isinstance(node.expression, exp.Interval) and _is_date(
            node.this
        ):
            return exp.cast(node.copy(), "DATE")  # in DuckDB it becomes a timestamp
        case exp.DateDiff():  # Athena counts whole units, DuckDB's date_diff their boundaries
            unit = exp.Literal.string(node.args["unit"].name.lower())
            return exp.Anonymous(this="date_sub", expressions=[unit, node.expression, node.this])
        case exp.ApproxQuantile():  # exact, so that it can be compared
            quantile = node.args["quantile"]
            return exp.Anonymous(this="quantile_disc", expressions=[node.this, quantile])
        case exp.ApproxDistinct():  # likewise
            return exp.Count(this=exp.Distinct(expressions=[node.this]))
        case exp.RegexpExtract():  # DuckDB returns an empty text where Athena returns NULL
            matches = exp.RegexpLike(this=node.this.copy(), expression=node.expression.copy())
            return exp.Case(ifs=[exp.If(this=matches, true=node.copy())])
        case exp.CTE():  # Athena puts it in each place where it is named, and reads it each time
            node.args["materialized"] = False
    return node


def _is_date(node: exp.Expr) -> bool:
    return isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.DATE


def duckdb_type(hive_type: str) -> str:
    """Return DuckDB's type for a column's type in Glue, such as ``struct<a:array<string>>``."""
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
    """Return the name in Athena's queries of a type that DuckDB gave."""
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
    """Return the name in Glue's table definitions of a type that DuckDB gave."""
    if kind.id == "list":
        return f"array<{hive_type(kind.children[0][1])}>"
    if kind.id == "map":
        return f"map<{','.join(hive_type(part) for _, part in kind.children)}>"
    if kind.id == "struct":
        return f"struct<{','.join(f'{name}:{hive_type(part)}' for name, part in kind.children)}>"
    if kind.id == "decimal":
        return f"decimal({kind.children[0][1]},{kind.children[1][1]})"
    return _SIMPLE[kind.id][1]
