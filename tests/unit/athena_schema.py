"""The type of each column of the catalogue, as Athena's queries name it."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from devtools.catalogue import Places, table_inputs

_ANYWHERE: Final = Places("database", "bucket", "events", "tables", "2025-01-01")


def athena_schema() -> dict[str, dict[str, str]]:
    """Return the types of all tables and views by table and column."""
    return {
        table["Name"]: {
            column["Name"]: _athena_type(column["Type"])
            for column in (*table["StorageDescriptor"]["Columns"], *table["PartitionKeys"])
        }
        for table in table_inputs(_ANYWHERE)
    }


def _athena_type(hive_type: str) -> str:
    name = exp.DataType.build(hive_type, dialect="hive").sql("athena").lower()
    return name.replace("timestamp", "timestamp(3)")
