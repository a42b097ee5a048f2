"""The tables of the catalogue, as Glue's ``TableInput``.

Each stream has a table of its lines, a table of its compacted days, and a view over both. One more
table contains the folders that a compaction has written and not yet registered.

Sources, all in the Athena user guide: "Hive JSON SerDe", "Parquet SerDe", "Supported types for
partition projection" (date, injected), "Set up partition projection". Views have the form in which
Athena itself stores them.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drainctl.catalogue import (
    ALL_OPEN,
    CANDIDATES,
    compacted_table,
    line_columns,
    lines_table,
    table_columns,
    view,
)
from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from eventdrain.events import EventStream

_JSON: Final = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hive.hcatalog.data.JsonSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
_PARQUET: Final = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}


class Places(NamedTuple):
    """Names of the places that the tables refer to.

    Attributes:
        database: The Glue database.
        bucket: The archive's bucket.
        archive_prefix: The prefix of the keys of lines.
        tables_prefix: The prefix of the keys of compacted files.
        first_day: The first day of the table of lines, ``YYYY-MM-DD``.
    """

    database: str
    bucket: str
    archive_prefix: str
    tables_prefix: str
    first_day: str


def table_inputs(
    places: Places,
    streams: Mapping[str, EventStream] = STREAMS,
    *,
    encode: Callable[[str], str] = lambda text: base64.b64encode(text.encode()).decode(),
) -> Iterator[dict[str, Any]]:
    """Yield all tables of the catalogue.

    Args:
        places: The names that they refer to.
        streams: The streams.
        encode: Encodes a view's definition in base64.

    Raises:
        ValueError: See ``table_columns``.
    """
    for stream in streams.values():
        yield _lines(stream, places)
        yield _compacted(stream, places)
        yield _view(stream, places, encode)
    yield _candidates(places)


def _lines(stream: EventStream, places: Places) -> dict[str, Any]:
    location = f"s3://{places.bucket}/{places.archive_prefix}/{stream.event_type}/"
    return {
        "Name": lines_table(stream),
        "Description": f"The lines of {stream.event_type} as they were archived, duplicates too",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "json",
            "compressionType": "gzip",
            "projection.enabled": "true",
            "projection.dt.type": "date",
            "projection.dt.format": "yyyy-MM-dd",
            "projection.dt.range": f"{places.first_day},NOW+1DAYS",
            "projection.dt.interval": "1",
            "projection.dt.interval.unit": "DAYS",
            "storage.location.template": f"{location}dt=${{dt}}/",
        },
        "PartitionKeys": _columns([("dt", "string")]),
        "StorageDescriptor": {
            **_JSON,
            "Columns": _columns(line_columns(stream)),
            "Location": location,
        },
    }


def _compacted(stream: EventStream, places: Places) -> dict[str, Any]:
    columns = table_columns(stream)
    return {
        "Name": compacted_table(stream),
        "Description": f"The closed days of {stream.event_type}, each event once, sorted",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
        "PartitionKeys": _columns([("dt", "string")]),
        "StorageDescriptor": {
            **_PARQUET,
            "Columns": _columns((column.name, column.hive_type) for column in columns),
            "Location": f"s3://{places.bucket}/{places.tables_prefix}/{stream.event_type}/",
        },
    }


def _view(stream: EventStream, places: Places, encode: Callable[[str], str]) -> dict[str, Any]:
    columns = table_columns(stream)
    definition = {
        "originalSql": view(stream).replace("{since}", ALL_OPEN),
        "catalog": "awsdatacatalog",
        "schema": places.database,
        "columns": [
            *({"name": column.name, "type": column.athena_type} for column in columns),
            {"name": "dt", "type": "varchar"},
        ],
    }
    return {
        "Name": stream.event_type,
        # No Description: Trino reads it instead of the comment that marks a view, and then doesn't
        # recognise the view.
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": _columns(
                [*((column.name, column.hive_type) for column in columns), ("dt", "string")]
            ),
            "Location": "",
            "SerdeInfo": {},
        },
        "ViewOriginalText": f"/* Presto View: {encode(json.dumps(definition))} */",
        "ViewExpandedText": "/* Presto View */",
    }


def _candidates(places: Places) -> dict[str, Any]:
    location = f"s3://{places.bucket}/{places.tables_prefix}/"
    keys = ("event_type", "dt", "run")
    return {
        "Name": CANDIDATES,
        "Description": "Folders that a compaction has written, to be counted before they are used",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            "projection.enabled": "true",
            **{f"projection.{key}.type": "injected" for key in keys},
            "storage.location.template": f"{location}${{event_type}}/dt=${{dt}}/${{run}}/",
        },
        "PartitionKeys": _columns((key, "string") for key in keys),
        "StorageDescriptor": {
            **_PARQUET,
            "Columns": _columns([("event_id", "string"), ("copies", "bigint")]),
            "Location": location,
        },
    }


def _columns(columns: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"Name": name, "Type": hive_type} for name, hive_type in columns]
