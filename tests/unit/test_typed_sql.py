"""The check of SQL against the catalogue: what it takes, and what it refuses."""

from __future__ import annotations

from typing import Final

import pytest

from tests.unit.typed_sql import MistypedSql, result_columns

_SCHEMA: Final = {
    "events": {
        "id": "varchar",
        "copies": "bigint",
        "happened": "timestamp(3)",
        "again": "boolean",
        "scopes": "array(varchar)",
        "event": 'row("number" row("e164" varchar), "revoked" map(varchar, varchar))',
        "dt": "varchar",
    },
    "others": {"id": "varchar", "part": "double"},
}


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("id", "varchar"),
        ("scopes", "array(varchar)"),
        ('event."number"."e164"', "varchar"),
        ('event."revoked" IS NOT NULL', "boolean"),
        ("count(*)", "bigint"),
        ("count_if(again)", "bigint"),
        ("sum(copies)", "bigint"),
        ("max(happened)", "timestamp(3)"),
        ("approx_percentile(copies, 0.5)", "bigint"),
        ("approx_percentile(CAST(copies AS double), 0.5)", "double"),
        ("date_diff('second', happened, current_date)", "bigint"),
        ("date_format(current_date - INTERVAL '1' DAY, '%Y')", "varchar"),
        ("CAST(from_iso8601_timestamp(id) AS timestamp(3))", "timestamp(3)"),
        ("coalesce(copies, 0)", "bigint"),
        ("copies / 2", "bigint"),
        ("CAST(copies AS double) / 2", "double"),
        ("CASE WHEN again THEN id ELSE NULL END", "varchar"),
        ("id || dt", "varchar"),
        ("row_number() OVER (PARTITION BY id ORDER BY happened)", "bigint"),
        ("copies BETWEEN 1 AND ?", "boolean"),
        ("id IN ('a', ?)", "boolean"),
        ("happened > current_date", "boolean"),
    ],
)
def test_types(expression: str, type_: str) -> None:
    """An expression has the type that Athena gives it."""
    assert result_columns(f"SELECT {expression} AS x FROM events", _SCHEMA) == {"x": type_}


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope FROM events", "nope"),
        ("SELECT id FROM nope", "there is no table nope"),
        ("SELECT id FROM events WHERE EXISTS (SELECT 1 FROM nope)", "there is no table nope"),
        ("SELECT id FROM events, others", "id"),
        ("SELECT others.id FROM events", "others"),
        ('SELECT event."nope" AS x FROM events', "the type can't be told"),
        ("SELECT ifnull(id, dt) AS x FROM events", "ifnull"),
        ("SELECT strftime(happened, '%Y') AS x FROM events", "strftime"),
        ("SELECT copies AS one, one + 1 AS x FROM events", "one"),
        ("SELECT copies AS one FROM events WHERE one > 1", "one"),
        ("SELECT count(*) AS one FROM events GROUP BY dt HAVING one > 1", "one"),
        ("SELECT substr(dt, 1, 4) AS year, count(*) AS x FROM events GROUP BY year", "year"),
        ("SELECT made_up(id) AS x FROM events", "made_up"),
        ("SELECT id FROM events WHERE dt > current_date", "dt > CURRENT_DATE"),
        ("SELECT id FROM events WHERE dt = 20261124", "dt = 20261124"),
        ("SELECT id FROM events WHERE happened > '2026-11-24'", "happened >"),
        ("SELECT id FROM events WHERE happened BETWEEN dt AND ?", "BETWEEN"),
        ("SELECT id FROM events WHERE copies IN ('1')", "copies IN"),
        ("SELECT id FROM events WHERE copies IN (SELECT id FROM others)", "copies IN"),
        ("SELECT id FROM events WHERE copies", "WHERE"),
        ("SELECT id FROM events WHERE NOT copies", "NOT"),
        ("SELECT id FROM events WHERE again AND id", "AND"),
        ("SELECT id FROM events GROUP BY id HAVING count(*)", "HAVING"),
        ("SELECT events.id FROM events JOIN others ON events.id = others.part", "others.part"),
        ("SELECT dt - 1 AS x FROM events", "dt - 1"),
        ("SELECT happened - current_date AS x FROM events", "happened - CURRENT_DATE"),
        ("SELECT copies * id AS x FROM events", r"copies \* "),
        ("SELECT copies || id AS x FROM events", "copies"),
        ("SELECT date_format(dt, '%Y') AS x FROM events", "DATE_FORMAT"),
        ("SELECT date_diff('day', dt, happened) AS x FROM events", "DATE_DIFF"),
        ("SELECT substr(copies, 1, 2) AS x FROM events", "SUBSTR"),
        ("SELECT count_if(copies) AS x FROM events", "COUNT_IF"),
        ("SELECT sum(id) AS x FROM events", "SUM"),
        ("SELECT approx_percentile(happened, 0.5) AS x FROM events", "APPROX_PERCENTILE"),
        ("SELECT from_iso8601_timestamp(copies) AS x FROM events", "FROM_ISO8601"),
        ("SELECT coalesce(copies, '0') AS x FROM events", "COALESCE"),
        ("SELECT greatest(copies, id) AS x FROM events", "GREATEST"),
        ("SELECT CASE WHEN again THEN id ELSE 0 END AS x FROM events", "CASE"),
        ("SELECT CASE WHEN copies THEN id END AS x FROM events", "IF"),
        ("SELECT IF(again, id, 0) AS x FROM events", "IF"),
        ("SELECT id FROM events UNION ALL SELECT part FROM others", "id"),
        ("SELECT id FROM events UNION ALL SELECT id, part FROM others", "1 columns and 2"),
        ("DELETE FROM events", "no query"),
        ("SELECT id FROM events; SELECT id FROM events", "no query"),
        ("SELECT id FROM", "Expected"),
        ("UNLOAD (SELECT nope FROM events) TO 's3://x/' WITH (format = 'PARQUET')", "nope"),
        ("UNLOAD (SELECT id FROM events", "no end"),
        ("CREATE VIEW seen AS SELECT nope FROM events", "nope"),
    ],
)
def test_misuse_is_refused(sql: str, reason: str) -> None:
    """What Athena would refuse is refused, and the error names it."""
    with pytest.raises(MistypedSql, match=reason):
        result_columns(sql, _SCHEMA)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, copies FROM events",
        "CREATE OR REPLACE VIEW seen AS SELECT id, copies FROM events",
        "UNLOAD (SELECT id, copies FROM events WHERE dt IN ('a'))\nTO 's3://x/'",
        "SELECT id, max(copies) AS copies FROM (SELECT * FROM events) AS of GROUP BY 1",
        "WITH seen AS (SELECT id, copies FROM events) SELECT id, copies FROM seen",
    ],
)
def test_statements(sql: str) -> None:
    """Queries, views and UNLOAD give the columns of their result, in their order."""
    assert list(result_columns(sql, _SCHEMA).items()) == [("id", "varchar"), ("copies", "bigint")]
