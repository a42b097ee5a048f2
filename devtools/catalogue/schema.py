"""The catalogue as types: what a query may name, and what it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devtools.catalogue.tables import Places, table_inputs
from drainctl.catalogue.columns import athena_type
from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventdrain.events import EventStream

_ANYWHERE: Final = Places("database", "bucket", "events", "tables", "2025-01-01")


def athena_schema(
    streams: Mapping[str, EventStream] = STREAMS,
) -> dict[str, dict[str, str]]:
    """Give the type of each column of each table and view, as queries name it.

    A struct's members and their types are written as in a ``CAST``: ``row("imei" varchar)``.
    """
    return {
        table["Name"]: {
            column["Name"]: _type(column["Type"])
            for column in (*table["StorageDescriptor"]["Columns"], *table["PartitionKeys"])
        }
        for table in table_inputs(_ANYWHERE, streams)
    }


def _type(hive_type: str) -> str:
    """Give the name in queries of any type in DDL, structs and maps at any depth."""
    outer, bracket, inner = hive_type.partition("<")
    if not bracket:
        return athena_type(hive_type)
    parts = _split(inner.removesuffix(">"))
    if outer == "struct":
        members = [part.partition(":") for part in parts]
        return f"row({', '.join(_member(name, member) for name, _, member in members)})"
    return f"{outer}({', '.join(map(_type, parts))})"


def _member(name: str, hive_type: str) -> str:
    return f'"{name}" {_type(hive_type)}'


def _split(types: str) -> list[str]:
    """Split at the commas that are within no brackets."""
    parts, depth = [""], 0
    for character in types:
        depth += {"<": 1, ">": -1, "(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
