"""Check SQL in Athena's dialect against the catalogue: names, functions, compared types.

Athena rejects a statement when it plans it: a table or column that doesn't exist, a function that
it doesn't have, a text compared with a date. DuckDB, which runs every statement in other tests,
accepts some of these. sqlglot parses, resolves names and infers types; the rules are here.

It is stricter than Athena: an expression of unknown type is rejected, and so is a function that is
not in the list below. Numbers convert among each other, and dates to timestamps; texts to nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sqlglot import exp, parse_one
from sqlglot.dialects import Athena
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_ATHENA: Final = "athena"
_UNLOAD: Final = re.compile(r"\s*UNLOAD\s*(\(.*\))\s*TO\s.*", re.DOTALL)

_FUNCTIONS: Final = frozenset(
    (
        *("approx_percentile", "array_agg", "array_join", "avg", "coalesce", "count", "count_if"),
        *("date_diff", "date_format", "from_iso8601_timestamp", "greatest", "least", "max", "min"),
        *("row_number", "substr", "sum"),
    )
)
"""The allowed functions. sqlglot also parses functions of other engines."""

_RETURNS: Final = {
    **Athena.EXPRESSION_METADATA,
    exp.DateDiff: {"returns": exp.DataType.Type.BIGINT},
    # Private, and yet what sqlglot's own tables are made with.
    exp.ApproxQuantile: {"annotator": lambda types, node: types._annotate_by_args(node, "this")},  # noqa: SLF001
}
"""The result types of functions: sqlglot's table, corrected by Trino's documentation."""

_FAMILIES: Final = (
    (exp.DataType.TEXT_TYPES, "a text"),
    (exp.DataType.NUMERIC_TYPES, "a number"),
    (exp.DataType.TEMPORAL_TYPES, "a date or timestamp"),
    ({exp.DataType.Type.INTERVAL}, "an interval"),
    ({exp.DataType.Type.BOOLEAN}, "a boolean"),
)

_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_ALIKE: Final[tuple[tuple[tuple[type[exp.Expr], ...], tuple[str, ...]], ...]] = (
    (_COMPARISONS, ("this", "expression")),
    ((exp.Between,), ("this", "low", "high")),
    ((exp.In,), ("this", "expressions", "query")),
    ((exp.Coalesce, exp.Greatest, exp.Least), ("this", "expressions")),
    ((exp.If,), ("true", "false")),
    ((exp.Case,), ("default",)),
)
"""The arguments of expressions that must be of one kind."""


class MistypedSql(ValueError):
    """Athena would reject the statement; the text names the part and the reason."""


def result_columns(sql: str, schema: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Check a statement and return the columns of its result.

    Args:
        sql: One query, ``CREATE VIEW ... AS`` a query, or ``UNLOAD`` of one. A ``?`` fits anywhere.
        schema: The type of each column of each table, as queries name it.

    Raises:
        MistypedSql: It doesn't parse, or names a table, column or function that there isn't, or
            puts types together that Athena doesn't.
    """
    known = MappingSchema(
        {table: dict(columns) for table, columns in schema.items()}, dialect=_ATHENA
    )
    sql = _UNLOAD.sub(r"\1", sql)
    try:
        query = _query(sql)
        _check_functions(query, sql)
        _check_tables(query, schema)
        query = qualify(
            query,
            schema=known,
            dialect=_ATHENA,
            expand_alias_refs=False,  # Athena knows aliases in ORDER BY alone
            quote_identifiers=False,
        )
        query = annotate_types(query, schema=known, expression_metadata=_RETURNS, dialect=_ATHENA)
    except SqlglotError as error:
        raise MistypedSql(str(error)) from error
    for node in query.walk():
        _check(node)
    return {column.alias_or_name: _type(column).sql(_ATHENA).lower() for column in query.selects}


def _query(sql: str) -> exp.Query:
    statement = parse_one(sql, read=_ATHENA)
    query = statement.expression if isinstance(statement, exp.Create) else statement
    if not isinstance(query, exp.Query):
        raise MistypedSql(f"no query: {sql[:40]!r}")
    return query


def _check_functions(query: exp.Query, sql: str) -> None:
    for function in query.find_all(exp.Func):
        if "start" in function.meta:
            name = sql[function.meta["start"] : function.meta["end"] + 1]
            if name.lower() not in _FUNCTIONS:
                raise MistypedSql(f"{name}() is not among the functions that are known of Athena")


def _check_tables(query: exp.Query, schema: Mapping[str, Mapping[str, str]]) -> None:
    for scope in traverse_scope(query):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and source.name not in schema:
                raise MistypedSql(f"there is no table {source.name}")


def _check(node: exp.Expr) -> None:
    if isinstance(node, exp.Query):
        for column in node.selects:
            _type(column)
        return
    kinds = list(dict.fromkeys(_families(_alike(node))))
    if len(kinds) > 1:
        raise MistypedSql(f"{' and '.join(kinds)} don't go together: {node.sql(_ATHENA)}")


def _alike(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the parts of an expression that must be of one kind."""
    for kinds, names in _ALIKE:
        if isinstance(node, kinds):
            for part in (node.args.get(name) for name in names):
                yield from part if isinstance(part, list) else [part] if part else []
    if isinstance(node, exp.Case):
        yield from (each.args["true"] for each in node.args["ifs"])


def _families(parts: Iterable[exp.Expr]) -> Iterator[str]:
    """Yield the kind of each part, except of those that fit anywhere."""
    for part in parts:
        if isinstance(part, (exp.Placeholder, exp.Null)):
            continue
        kind = _type(part)
        yield next((name for types, name in _FAMILIES if kind.this in types), kind.sql(_ATHENA))


def _type(node: exp.Expr) -> exp.DataType:
    kind = node.type
    if kind is None or kind.this == exp.DataType.Type.UNKNOWN:
        raise MistypedSql(f"the type is unknown: {node.sql(_ATHENA)}")
    return kind
