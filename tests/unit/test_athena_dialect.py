"""Expressions in Athena's dialect have the same results with DuckDB."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

import pytest

from simulator.athena import AthenaError, AthenaOnDuckDB, FolderObjects, MemoryCatalogue

if TYPE_CHECKING:
    from pathlib import Path

_HALF_PAST: Final = datetime(2026, 3, 1, 0, 0, 1, 500000)  # noqa: DTZ001 - Athena's has no zone


@pytest.fixture
def athena(tmp_path: Path) -> AthenaOnDuckDB:
    """Athena without tables, at noon of a fixed day."""
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    return AthenaOnDuckDB(MemoryCatalogue("none", ()), FolderObjects(tmp_path), now=lambda: now)


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("7 / 2", "integer", 3),
        ("current_date - INTERVAL '30' DAY", "date", date(2026, 2, 8)),
        ("date_format(current_date, '%Y-%m-%d')", "varchar", "2026-03-10"),
        ("date_format(timestamp '2026-03-01 13:04:05', '%H:%i:%s')", "varchar", "13:04:05"),
        ("now() = timestamp '2026-03-10 12:00:00 UTC'", "boolean", True),
        ("TRY(1 / 1)", "integer", 1),
        ("IF(1 > 2, 'a')", "varchar", None),
        ("greatest(1, NULL)", "integer", None),
        ("concat('a', CAST(NULL AS varchar))", "varchar", None),
        ("regexp_extract('abc', 'x')", "varchar", None),
        ("regexp_extract('abc', 'b(c)', 1)", "varchar", "c"),
        (
            "date_diff('day', timestamp '2026-03-01 23:00:00', timestamp '2026-03-02 01:00:00')",
            "bigint",
            0,
        ),
        (
            (
                "date_diff('millisecond', from_iso8601_timestamp('2026-03-01T00:00:00Z'),"
                " CAST(from_iso8601_timestamp('2026-03-01T00:00:01.2349Z') AS timestamp(3)))"
            ),
            "bigint",
            1234,
        ),
        (
            "CAST(from_iso8601_timestamp('2026-03-01T00:00:01.5Z') AS timestamp(3))",
            "timestamp(3)",
            _HALF_PAST,
        ),
        (
            "from_iso8601_timestamp('2026-03-01T00:00:00Z') AT TIME ZONE 'UTC'",
            "timestamp(3) with time zone",
            datetime(2026, 3, 1, tzinfo=UTC),
        ),
        (
            "CAST(row('a', 1) AS row(\"current\" varchar, number integer))",
            "row(current varchar, number integer)",
            {"current": "a", "number": 1},
        ),
    ],
)
def test_a_value(athena: AthenaOnDuckDB, expression: str, kind: str, value: object) -> None:
    """An expression has Athena's value and type."""
    result = athena.run(f"SELECT {expression} AS it", "none")
    assert (result.types, result.rows) == ((kind,), [(value,)])


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("approx_percentile(n, 0.5)", "integer", 2),
        ("approx_percentile(n, 0.95)", "integer", 9),
        ("approx_distinct(n)", "bigint", 3),
        ("count_if(n > 1)", "bigint", 4),
        ("sum(n)", "bigint", 16),
        ("sum(n) / 5", "bigint", 3),
        ("array_join(array_agg(CAST(n AS varchar) ORDER BY n DESC), ',')", "varchar", "9,2,2,2,1"),
        ("max_by(n, -n)", "integer", 1),
    ],
)
def test_an_aggregate(athena: AthenaOnDuckDB, expression: str, kind: str, value: object) -> None:
    """An aggregate has Athena's value and type, and its percentiles are exact."""
    numbers = "(VALUES (1), (2), (2), (2), (9)) AS numbers (n)"
    result = athena.run(f"SELECT {expression} AS it FROM {numbers}", "none")
    assert (result.types, result.rows) == ((kind,), [(value,)])


def test_names(athena: AthenaOnDuckDB) -> None:
    """Names may be DuckDB keywords; a column without a name is called _col and its place."""
    result = athena.run("SELECT lines, 2 FROM (SELECT 1 AS lines, 2 AS pivot) AS qualify", "none")
    assert (result.columns, result.rows) == (("lines", "_col1"), [(1, 2)])


def test_null_comes_last_both_ways(athena: AthenaOnDuckDB) -> None:
    """Ascending and descending, NULL is the last, unless the query says otherwise."""
    numbers = "SELECT n FROM (VALUES (1), (NULL), (2)) AS numbers (n) ORDER BY n"
    assert athena.run(numbers, "none").rows == [(1,), (2,), (None,)]
    assert athena.run(f"{numbers} DESC", "none").rows == [(2,), (1,), (None,)]


def test_a_time_that_is_not_in_utc_is_refused(athena: AthenaOnDuckDB) -> None:
    """Athena returns the local time, which isn't implemented: an error is better."""
    with pytest.raises(AthenaError, match="only UTC"):
        athena.run("SELECT from_iso8601_timestamp('2026-03-01T00:00:00+02:00')", "none")
    with pytest.raises(NotImplementedError, match="only UTC"):
        athena.run("SELECT now() AT TIME ZONE 'Europe/Oslo'", "none")
