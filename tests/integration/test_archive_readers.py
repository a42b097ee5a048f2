"""Readers without a catalogue read every line as it is, by the examples of docs/readers.md."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from drainctl.catalogue import Array, LineType, Map, Mark, Scalar, Struct, line_types
from eventdrain.events import (
    STREAMS,
    ArchiveLayout,
    Delivery,
    EventStream,
    Pseudonyms,
    group_by_object,
    object_body,
)
from simulator.aws import PROJECT_FOLDER
from simulator.event_server import length_delimited
from tests.deliveries import EventReader
from tests.payload_shapes import shapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.release

PYTHON: Final = PROJECT_FOLDER / ".venv-readers" / "bin" / "python"
EXAMPLES: Final[dict[str, str]] = dict(
    re.findall(
        r"^## (\w+).*?^```python\n(.*?)^```",
        (PROJECT_FOLDER / "docs" / "readers.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
)
# The rows that a reader returns for the lines, and for a Parquet file that it has written of them.
ROWS: Final = {
    "DuckDB": """
rows = lambda read: [dict(zip(read.columns, row)) for row in read.fetchall()]
lines.write_parquet(parquet)
readings = [rows(lines), rows(duckdb.read_parquet(parquet))]
""",
    "polars": """
lines = lines.collect()
lines.write_parquet(parquet)
readings = [lines.to_dicts(), pl.read_parquet(parquet).to_dicts()]
""",
    "pyarrow": """
import pandas, pyarrow.parquet as pq
pq.write_table(lines, parquet)
readings = [lines.to_pylist(), pq.read_table(parquet).to_pylist()]
lines.to_pandas(types_mapper=pandas.ArrowDtype).to_parquet(parquet)
readings += [pq.read_table(parquet).to_pylist()]
""",
    "ClickHouse": """
readings = [list(map(json.loads, str(lines).splitlines()))]
""",
}
FIRST_DAY: Final = datetime(2026, 11, 1, 12, tzinfo=UTC)
_OUT_OF_RANGE: Final = 10**12
_UNKNOWN_FIELD: Final = length_delimited(1000, b"made up")


@pytest.mark.parametrize("reader", ROWS)
def test_a_reader_reads_every_line_of_every_stream(reader: str, tmp_path: Path) -> None:
    """Fields that only later lines have are read: ``raw``, parts of an event, and empty ones."""
    for stream in STREAMS.values():
        write(read_lines(stream), tmp_path)
    assert_all_is_read(reader, tmp_path)


# --- What is archived ---


def read_lines(stream: EventStream) -> Iterator[Delivery]:
    """Yield an event of each shape, one a day from the first of the month on.

    The first lines have only required fields, without an event. Every other event has an unknown
    field, and pseudonyms.
    """
    as_it_came = EventReader(stream)
    with_pseudonyms = EventReader(stream, Pseudonyms(b"made up" * 10))
    assert stream.payload_field.message_type is not None
    for index, payload in enumerate(shapes(stream.payload_field.message_type)):
        response: Any = stream.stream_response()
        getattr(response, stream.payload_field.name).CopyFrom(payload)
        getattr(response, stream.payload_field.name).SetInParent()
        arrival = FIRST_DAY + timedelta(days=index)
        if index:
            subscription = response.metadata.identifier.subscription_identifier
            subscription.wg2rn = f"madeup:eu:{index}"
            response.metadata.timestamp.FromDatetime(arrival)
            response.metadata.timestamp.nanos = (0, 5_000_000, 123_456_789)[index % 3]
            response.metadata.is_redelivered = index % 2 == 0
        message = response.SerializeToString()
        yield as_it_came.read(message, arrival)
        if index:
            yield as_it_came.read(message + _UNKNOWN_FIELD, arrival + timedelta(milliseconds=1))
            yield with_pseudonyms.read(message, arrival)
            response.metadata.timestamp.seconds = _OUT_OF_RANGE
            yield as_it_came.read(response.SerializeToString(), arrival)
    # The examples don't read the month before.
    yield as_it_came.read(message, FIRST_DAY - timedelta(days=1))


def write(deliveries: Iterable[Delivery], bucket: Path) -> None:
    """Write deliveries as archive objects."""
    layout = ArchiveLayout("", "events", "quarantine")
    for each in group_by_object(deliveries):
        path = bucket / layout.key(each)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(object_body(each))


# --- What is read ---


def assert_all_is_read(reader: str, bucket: Path) -> None:
    """Run a reader's example for each stream, and compare its rows with the lines of the month."""
    script = f"import json\nparquet, found = {str(bucket / 'written.parquet')!r}, {{}}\n"
    for event_type in STREAMS:
        example = EXAMPLES[reader].replace("handset_change", event_type)
        example = example.replace("s3(", "file(")
        script += re.sub("s3://BUCKET|https://BUCKET[^/]*", str(bucket), example)
        script += f"{ROWS[reader]}found[{event_type!r}] = readings\n"
    assert PYTHON.exists(), "No readers are installed. To fix this, run `make test-all`."
    done = subprocess.run(
        [PYTHON, "-c", f"{script}\nprint(json.dumps(found, default=str))"],
        cwd=PROJECT_FOLDER,
        env={**os.environ, "PYTHONPATH": "schemas/readers"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    readings = json.loads(done.stdout)
    assert readings.keys() == STREAMS.keys()
    for event_type, stream in STREAMS.items():
        written = sorted(lines_of_the_month(event_type, bucket, with_day=reader != "polars"))
        assert written
        for rows in readings[event_type]:
            assert sorted(as_line(row, stream) for row in rows) == written


def lines_of_the_month(event_type: str, bucket: Path, *, with_day: bool) -> Iterator[str]:
    """Yield the lines of November without null values, with the day of their folder."""
    for path in (bucket / "events" / event_type).glob("dt=2026-11-*/*.ndjson.gz"):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            known = {name: value for name, value in json.loads(line).items() if value is not None}
            day = {"dt": path.parent.name.removeprefix("dt=")} if with_day else {}
            yield json.dumps(known | day, sort_keys=True)


def as_line(row: dict[str, Any], stream: EventStream) -> str:
    """Return the line of a row."""
    types = {**line_types(stream), "dt": Scalar.TEXT}
    return json.dumps(_without_nulls(Struct(tuple(types.items())), row), sort_keys=True)


def _without_nulls(line_type: LineType, value: Any) -> Any:
    match line_type:
        case Struct(members):
            parts = ((name, of, value.get(name)) for name, of in members)
            return {
                name: _without_nulls(of, part)
                for name, of, part in parts
                if part is not None and not (isinstance(of, Array | Map) and len(part) == 0)
            }
        case Array(of):
            return [_without_nulls(of, each) for each in value]
        case Mark():
            return {}
        case _:
            return value
