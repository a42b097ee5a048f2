"""Athena on DuckDB reads, scans and rejects what Athena does; other tests check its answers."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from simulator.athena import AthenaError, AthenaOnDuckDB, FolderObjects, MemoryCatalogue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_DATABASE: Final = "moves"
_NOW: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
_JSON: Final = "org.apache.hive.hcatalog.data.JsonSerDe"
_PARQUET: Final = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


_TO_R1: Final = "TO 's3://house/kept/r1/' WITH (format = 'PARQUET')"


def _table(
    name: str,
    library: str,
    columns: Mapping[str, str],
    keys: Sequence[str] = ("dt",),
    **parameters: str,
) -> dict[str, Any]:
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **parameters},
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()],
            "Location": f"s3://house/{name}/",
            "SerdeInfo": {"SerializationLibrary": library},
        },
    }


def _view(name: str, sql: str, **columns: str) -> dict[str, Any]:
    declared = [{"name": column, "type": kind} for column, kind in columns.items()]
    definition = {"originalSql": sql, "schema": _DATABASE, "columns": declared}
    encoded = base64.b64encode(json.dumps(definition).encode()).decode()
    return {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "ViewOriginalText": f"/* Presto View: {encoded} */",
    }


_TABLES: Final = (
    _table(
        "moves",
        _JSON,
        {
            "id": "string",
            "steps": "bigint",
        },
        **{
            "projection.enabled": "true",
            "projection.dt.type": "date",
            "projection.dt.format": "yyyy-MM-dd",
            "projection.dt.range": "2026-03-02,NOW+1DAYS",
            "storage.location.template": "s3://house/moves/dt=${dt}/",
        },
    ),
    _table("kept", _PARQUET, {"id": "string", "steps": "bigint"}),
    _table(
        "candidates",
        _PARQUET,
        {"id": "string", "steps": "bigint"},
        ("run",),
        **{
            "projection.enabled": "true",
            "projection.run.type": "injected",
            "storage.location.template": "s3://house/kept/${run}/",
        },
    ),
    _view(
        "both",
        "SELECT id, steps, dt FROM kept UNION ALL SELECT id, steps, dt FROM (SELECT id, steps, dt,"
        " row_number() OVER (PARTITION BY dt, id ORDER BY steps) AS place FROM moves) AS moved"
        " WHERE place = 1",
        id="varchar",
        steps="bigint",
        dt="varchar",
    ),
    _view("stale", "SELECT id FROM moves", id="varchar", steps="bigint"),
    _view("mistyped", "SELECT steps FROM moves", steps="varchar"),
)


class House:
    """A folder with objects, and an Athena for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalogue = MemoryCatalogue(_DATABASE, _TABLES)
        self.athena = AthenaOnDuckDB(self.catalogue, FolderObjects(folder), now=lambda: _NOW)

    def add_moves(self, dt: str, *rows: Mapping[str, Any], name: str = "one") -> int:
        """Write an object of a day, and give its bytes."""
        file = self.folder / f"house/moves/dt={dt}/{name}.ndjson.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        body = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
        file.write_bytes(body)
        return len(body)

    def unload(self, run: str, query: str) -> None:
        """Write a folder of the compacted table."""
        self.athena.run(
            f"UNLOAD ({query}) TO 's3://house/kept/{run}/' WITH (format = 'PARQUET')", _DATABASE
        )

    def keep(self, dt: str, run: str, query: str) -> None:
        """Write a folder, and register it."""
        self.unload(run, query)
        self.catalogue.register("kept", [dt], f"s3://house/kept/{run}/")

    def ask(self, sql: str, *parameters: str) -> list[tuple[Any, ...]]:
        """Return the rows of an answer."""
        return self.athena.run(sql, _DATABASE, parameters).rows

    def bytes_of(self, sql: str) -> int:
        """Return how many bytes a query scans."""
        return self.athena.run(sql, _DATABASE).scanned_bytes


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Athena over an empty bucket."""
    return House(tmp_path)


@pytest.mark.parametrize("table", ["moves", "kept", "both", "candidates WHERE run = 'r1' AND true"])
def test_a_table_without_any_object_is_empty_and_has_its_types(house: House, table: str) -> None:
    """A stream without events can be queried: no row, and the types of the catalogue."""
    result = house.athena.run(f"SELECT id, steps FROM {table}", _DATABASE)
    assert (result.columns, result.types) == (("id", "steps"), ("varchar", "bigint"))
    assert result.rows == []
    assert result.scanned_bytes == 0


@pytest.mark.parametrize(
    ("dt", "is_seen"),
    [
        ("2026-03-01", False),  # before the range's literal
        ("2026-03-02", True),
        ("2026-03-11", True),  # NOW+1DAYS
        ("2026-03-12", False),
        ("20260305", False),  # not in the format, though it is a date
    ],
)
def test_projection_sees_the_days_of_its_range_alone(
    house: House, dt: str, *, is_seen: bool
) -> None:
    """A folder outside the range, or not in its format, is not read, directly or through a view."""
    house.add_moves(dt, {"id": "a", "steps": 2}, {"id": "a", "steps": 1})
    house.add_moves(dt, {"id": "hidden by its name"}, name="_one")
    assert house.ask("SELECT DISTINCT dt FROM moves") == ([(dt,)] if is_seen else [])
    house.keep("2026-03-04", "r1", "SELECT 'k' AS id, CAST(9 AS bigint) AS steps")
    rows = house.ask("SELECT id, steps, dt FROM both ORDER BY id")
    assert rows == [("a", 1, dt)] * is_seen + [("k", 9, "2026-03-04")]


def test_an_unregistered_partition_is_not_seen(house: House) -> None:
    """Of a table without projection only registered partitions are read."""
    assert house.ask('SELECT dt FROM "kept$partitions"') == []
    house.keep("2026-03-05", "r1", "SELECT 'a' AS id, CAST(1 AS bigint) AS steps")
    house.unload("r2", "SELECT 'b' AS id, CAST(1 AS bigint) AS steps")
    assert house.ask("SELECT id, dt FROM kept") == [("a", "2026-03-05")]
    assert house.ask("SELECT id, run FROM candidates WHERE run = 'r2'") == [("b", "r2")]
    assert house.ask('SELECT dt FROM "kept$partitions"') == [("2026-03-05",)]


@pytest.mark.parametrize(
    ("condition", "ids", "scanned"),
    [
        ("dt = '2026-03-10'", "b", "b"),
        ("dt = date_format(current_date, '%Y-%m-%d')", "b", "b"),
        ("dt > date_format(current_date - INTERVAL '1' DAY, '%Y-%m-%d')", "bc", "bc"),
        ("dt BETWEEN '2026-03-09' AND '2026-03-31' AND dt <> '2026-03-09'", "bc", "bc"),
        ("dt = '2026-03-07'", "", ""),
        ("dt IN ('2026-03-09', '2026-03-11')", "ac", "ac"),
        ("NOT dt >= '2026-03-10'", "a", "a"),
        ("dt = '2026-03-10' OR id = 'a'", "ab", "abc"),
    ],
)
@pytest.mark.parametrize("table", ["moves", "both"])
def test_only_the_days_that_a_condition_leaves_are_scanned(
    house: House, table: str, condition: str, ids: str, scanned: str
) -> None:
    """Conditions with constants on dt prune days, also through a view with a window function."""
    days = {"a": "2026-03-09", "b": "2026-03-10", "c": "2026-03-11"}
    sizes = {name: house.add_moves(dt, {"id": name}) for name, dt in days.items()}
    sql = f"SELECT id FROM {table} WHERE {condition} ORDER BY id"
    assert house.bytes_of(sql) == sum(sizes[name] for name in scanned)
    assert house.ask(sql) == [(name,) for name in ids]


def test_of_parquet_only_the_columns_that_are_used_are_scanned(house: House) -> None:
    """Only the used columns are scanned, and none to count rows."""
    rows = [{"id": f"{number:09}", "steps": number} for number in range(2000)]
    house.add_moves("2026-03-05", *rows)
    house.keep("2026-03-05", "r1", "SELECT id, steps FROM moves ORDER BY id")
    ids, steps = house.bytes_of("SELECT id FROM kept"), house.bytes_of("SELECT steps FROM kept")
    assert ids > 0
    assert steps > 0
    assert house.bytes_of("SELECT * FROM kept") == ids + steps
    assert house.bytes_of("SELECT steps FROM kept WHERE id >= '000001999'") == ids + steps
    assert house.bytes_of("SELECT count(*) FROM kept") == 0
    assert house.bytes_of("SELECT steps FROM kept WHERE id > 'x'") == 0


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        # The folder of an injected value is only known with an equality.
        ("SELECT id FROM candidates", "CONSTRAINT_VIOLATION.*injected.*run"),
        ("SELECT id FROM candidates WHERE run > 'r1'", "CONSTRAINT_VIOLATION.*injected.*run"),
        ("SELECT id FROM candidates WHERE run = 'r1' OR id = 'a'", "CONSTRAINT_VIOLATION"),
        # The declared columns differ from the SQL's in number or type.
        ("SELECT * FROM stale", "VIEW_IS_STALE"),
        ("SELECT * FROM mistyped", "VIEW_IS_STALE"),
        ("CREATE VIEW both AS SELECT 1 AS one", "already exists"),
        ("CREATE OR REPLACE VIEW moves AS SELECT 1 AS one", "already exists"),
        (f"UNLOAD (SELECT 'b' AS id) {_TO_R1}", "HIVE_PATH_ALREADY_EXISTS"),
        ("SELECT nope FROM moves", "nope"),
        ("SELECT 1 FROM nope", "nope"),
        ("SELECT FROM FROM", "FROM"),
    ],
)
def test_statement_that_is_rejected(house: House, sql: str, reason: str) -> None:
    """A statement that Athena rejects, or that isn't implemented, is an error without effect."""
    house.unload("r1", "SELECT 'a' AS id")
    with pytest.raises(AthenaError, match=reason):
        house.ask(sql)
    for parameters in ([], ["'a'", "'b'"], ["id"], ["it's"]):
        with pytest.raises(AthenaError):
            house.ask("SELECT id FROM moves WHERE id = ?", *parameters)
    with pytest.raises(NotImplementedError):
        house.ask("DELETE FROM moves")
    assert house.ask("SELECT id FROM candidates WHERE run = 'r1'") == [("a",)]
