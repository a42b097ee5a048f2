"""The check of SQL against the catalogue."""

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
        "event": 'row("number" row("e164" varchar), "revoked" map(varchar, varchar))',
        "dt": "varchar",
    },
    "others": {"id": "varchar", "part": "double"},
}


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope FROM events", "nope"),
        ("SELECT id FROM events WHERE EXISTS (SELECT 1 FROM nope)", "there is no table nope"),
        ('SELECT event."nope" AS x FROM events', "the type is unknown"),
        ("SELECT ifnull(id, dt) AS x FROM events", "ifnull"),
        ("SELECT copies AS one FROM events WHERE one > 1", "one"),
        ("SELECT id FROM events WHERE dt > current_date", "dt > CURRENT_DATE"),
        ("SELECT id FROM events WHERE happened BETWEEN dt AND ?", "BETWEEN"),
        ("SELECT id FROM events WHERE copies IN (SELECT id FROM others)", "copies IN"),
        ("SELECT events.id FROM events JOIN others ON events.id = others.part", "others.part"),
        ("SELECT coalesce(copies, '0') AS x FROM events", "COALESCE"),
        ("SELECT CASE WHEN again THEN id ELSE 0 END AS x FROM events", "CASE"),
        ("DELETE FROM events", "no query"),
        ("UNLOAD (SELECT nope FROM events) TO 's3://x/' WITH (format = 'PARQUET')", "nope"),
    ],
)
def test_misuse_is_rejected(sql: str, reason: str) -> None:
    """What Athena would reject is rejected, and the error names it."""
    with pytest.raises(MistypedSql, match=reason):
        result_columns(sql, _SCHEMA)
