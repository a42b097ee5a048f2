"""Answers ministack's Athena queries on DuckDB, over its own Glue and S3.

Its own Athena knows neither views, nor types of JSON columns, nor projection, UNLOAD or parameters.
"""

import asyncio
import csv
import hashlib
import io
import json
import math
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from ministack.services import athena, glue, s3

from simulator.athena import AthenaOnDuckDB, Partition, Result

_API_TYPES: Final = {"real": "float"}

_execute_ddl = athena._execute_query
_start = athena._start_query_execution


class _GlueCatalogue:
    """ministack's Glue."""

    def table(self, database: str, name: str) -> Mapping[str, Any] | None:
        table: Mapping[str, Any] | None = glue._tables.get(f"{database}/{name}")
        return table

    def partitions(self, database: str, name: str) -> Iterable[Partition]:
        for each in glue._partitions.get(f"{database}/{name}", []):
            yield Partition(each["Values"], each["StorageDescriptor"]["Location"])

    def put_view(self, database: str, table_input: Mapping[str, Any]) -> None:
        is_there = self.table(database, table_input["Name"]) is not None
        put = glue._update_table if is_there else glue._create_table
        status, _, body = put({"DatabaseName": database, "TableInput": table_input})
        if status != 200:
            raise RuntimeError(body)


class _S3Objects:
    """ministack's S3, each object as a file that is written when it is first read."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="athena-objects-"))

    def objects(self, location: str) -> Mapping[str, Path]:
        name, _, start = location.removeprefix("s3://").partition("/")
        bucket = s3._buckets.get(name)
        keys = (
            sorted(key for key in list(bucket["objects"]) if key.startswith(start))
            if bucket
            else []
        )
        files = ((f"s3://{name}/{key}", self._file(name, key)) for key in keys)
        return {url: file for url, file in files if file is not None}

    def put(self, url: str, file: Path) -> None:
        self.put_bytes(url, file.read_bytes(), "application/octet-stream")

    def put_bytes(self, url: str, body: bytes, content_type: str) -> None:
        name, _, key = url.removeprefix("s3://").partition("/")
        headers = {"content-type": content_type, "content-length": str(len(body))}
        answer = s3._put_object(name, key, body, headers)
        if answer[0] != 200:
            raise RuntimeError(f"Unable to write {url}: {answer[2]!r}")

    def _file(self, bucket: str, key: str) -> Path | None:
        body = s3._get_object_data(bucket, key)
        if body is None:
            return None  # just deleted
        digest = hashlib.sha256(body).hexdigest()
        file = self._folder / (digest + "".join(Path(key).suffixes[-2:]))
        if not file.exists():
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as written:
                written.write(body)
            Path(written.name).replace(file)
        return file


def _start_with_parameters(data: dict[str, Any]) -> Any:
    answer = _start(data)
    if "ExecutionParameters" in data and answer[0] == 200:
        execution = athena._executions[json.loads(answer[2])["QueryExecutionId"]]
        execution["ExecutionParameters"] = data["ExecutionParameters"]
    return answer


def _patch_athena(engine: AthenaOnDuckDB, objects: _S3Objects) -> None:
    def run(execution: dict[str, Any], query: str, database: str) -> Result:
        result = engine.run(query, database, execution.get("ExecutionParameters", ()))
        if result.columns:
            url = execution["ResultConfiguration"]["OutputLocation"]
            objects.put_bytes(url, _csv(result), "text/csv")
        return result

    async def execute(
        query_id: str,
        query: str,
        database: str,
        ddl: Any,
        catalog: str | None = None,
    ) -> None:
        if ddl is not None:
            await _execute_ddl(query_id, query, database, ddl, catalog)
            return
        execution = athena._executions[query_id]
        status, start = execution["Status"], time.monotonic()
        status["State"] = "RUNNING"
        try:
            result = await asyncio.to_thread(run, execution, query, database)
        except Exception as error:  # noqa: BLE001 - any error fails the query
            status["StateChangeReason"] = str(error)
            status["AthenaError"] = {"ErrorMessage": str(error), "Retryable": False}
            ended = "FAILED"
        else:
            rows = [[_text(value) for value in row] for row in result.rows]
            execution["_results"] = {"columns": list(result.columns), "rows": rows}
            execution["_column_types"] = [_api_type(kind) for kind in result.types]
            execution["Statistics"]["DataScannedInBytes"] = result.scanned_bytes
            ended = "SUCCEEDED"
        took = int((time.monotonic() - start) * 1000)
        execution["Statistics"]["EngineExecutionTimeInMillis"] = took
        execution["Statistics"]["TotalExecutionTimeInMillis"] = took
        status["CompletionDateTime"] = int(time.time())
        if status["State"] != "CANCELLED":
            status["State"] = ended

    athena._execute_query = execute
    athena._start_query_execution = _start_with_parameters


def _csv(result: Result) -> bytes:
    output = io.StringIO()
    writer = csv.writer(output, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows([_text(value) or "" for value in row] for row in result.rows)
    return output.getvalue().encode()


def _api_type(kind: str) -> str:
    """Return a type's name in the API: without parameters in brackets."""
    name, _, rest = kind.partition("(")
    return _API_TYPES.get(name, name) + rest.partition(")")[2] * name.startswith("timestamp")


def _text(value: Any) -> str | None:  # noqa: PLR0911 - any column's value
    """Return a value as text, as in Athena's results; None for NULL."""
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case float():
            return _double(value)
        case datetime():
            zone = "" if value.tzinfo is None else " UTC"
            naive = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
            return naive.isoformat(sep=" ", timespec="milliseconds") + zone
        case date():
            return value.isoformat()
        case bytes():
            return value.hex(" ")
        case list():
            return f"[{', '.join(_text(item) or 'null' for item in value)}]"
        case dict():
            pairs = (f"{name}={_text(item) or 'null'}" for name, item in value.items())
            return f"{{{', '.join(pairs)}}}"
    return str(value)


def _double(value: float) -> str:
    """Return a double as Java prints it: without exponent from 0.001 to 10,000,000."""
    if not math.isfinite(value):
        return str(value).replace("inf", "Infinity").replace("nan", "NaN")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    digits, _, exponent = f"{value:.16e}".partition("e")
    for places in range(1, 17):
        digits, _, exponent = f"{value:.{places}e}".partition("e")
        if float(f"{digits}e{exponent}") == value:
            break
    return f"{digits}E{int(exponent)}"


def apply() -> None:
    """Replace the execution of queries."""
    objects = _S3Objects()
    _patch_athena(AthenaOnDuckDB(_GlueCatalogue(), objects), objects)
