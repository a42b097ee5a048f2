"""Answers SQL in Athena's dialect with DuckDB, over the files of tables in Glue.

A statement is parsed in Athena's dialect. Each table in it becomes a DuckDB view over the files
that Athena would read (`tables`), with Glue's columns and types. The query is rewritten where the
dialects differ (`dialect`), and runs in its own session (`session`). The bytes that Athena would
scan are computed from the plan (`scan`).

Supported are SELECT, UNLOAD to Parquet and CREATE VIEW. Everything else is rejected.
"""

from __future__ import annotations

import base64
import json
import re
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from simulator.athena import dialect as athena_dialect
from simulator.athena.session import Session
from simulator.athena.tables import AthenaError, is_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simulator.athena.tables import Catalogue, Objects

_LEADING: Final = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_UNLOAD: Final = re.compile(
    _LEADING
    + r"UNLOAD\s*\((?P<query>.*)\)\s*TO\s*'(?P<location>[^']+)'\s*WITH\s*\((?P<options>.*)\)[\s;]*",
    re.IGNORECASE | re.DOTALL,
)
_CREATE_VIEW: Final = re.compile(
    _LEADING
    + r'CREATE\s+(?P<replace>OR\s+REPLACE\s+)?VIEW\s+(?:"?(?P<database>\w+)"?\.)?"?(?P<name>\w+)"?'
    r"\s+AS\b(?P<query>.*?)[\s;]*",
    re.IGNORECASE | re.DOTALL,
)
_COMPRESSIONS: Final = {"GZIP", "SNAPPY", "ZSTD", "LZ4", "UNCOMPRESSED"}


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a statement.

    Attributes:
        columns: The columns' names; none for UNLOAD and CREATE VIEW.
        types: Their types, with Athena's names in queries, such as ``timestamp(3)``.
        rows: The rows, as Python values.
        scanned_bytes: How many bytes Athena would have scanned; see ``scan``.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    scanned_bytes: int


class AthenaOnDuckDB:
    """Athena over a catalogue and its objects. Each statement has its own DuckDB."""

    def __init__(
        self,
        catalogue: Catalogue,
        objects: Objects,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create an Athena.

        Args:
            catalogue: The tables.
            objects: The files.
            now: Returns the time in UTC, for ``current_date`` and the ranges of projections.
        """
        self._catalogue = catalogue
        self._objects = objects
        self._now = now

    def run(self, sql: str, database: str, parameters: Sequence[str] = ()) -> Result:
        """Run a statement.

        Args:
            sql: The statement, in Athena's dialect.
            database: The database of tables without one.
            parameters: A value for each ``?``, in order, as SQL: ``'abc'``, ``3``.

        Raises:
            AthenaError: It failed as it would in Athena.
            NotImplementedError: It uses something that is not implemented here.
        """
        with self._session() as session:
            try:
                if unload := _UNLOAD.fullmatch(sql):
                    return self._unload(session, unload, database, parameters)
                if create := _CREATE_VIEW.fullmatch(sql):
                    return self._create_view(session, create, database)
                query = session.translated(sql, database, parameters)
                scanned = session.scanned_bytes(query)
                columns, types = session.columns(query)
                names = tuple(name for name, _ in columns)
                return Result(names, types, session.execute(query).fetchall(), scanned)
            except duckdb.Error as error:
                raise AthenaError(str(error)) from error

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with (
            tempfile.TemporaryDirectory(prefix="athena-") as folder,
            duckdb.connect() as connection,
        ):
            for statement in athena_dialect.SESSION:
                connection.execute(statement)
            yield Session(connection, Path(folder), self._catalogue, self._objects, self._now())

    def _unload(
        self,
        session: Session,
        statement: re.Match[str],
        database: str,
        parameters: Sequence[str],
    ) -> Result:
        options = dict(re.findall(r"(\w+)\s*=\s*'([^']*)'", statement["options"]))
        compression = options.pop("compression", "GZIP").upper()
        if options.pop("format", "").upper() != "PARQUET" or compression not in _COMPRESSIONS:
            raise NotImplementedError(
                f"UNLOAD WITH ({statement['options']}) isn't implemented here"
            )
        if options:
            raise NotImplementedError(f"UNLOAD WITH {', '.join(options)} isn't implemented here")
        location = statement["location"].rstrip("/") + "/"
        if self._objects.objects(location):
            raise AthenaError(
                f"HIVE_PATH_ALREADY_EXISTS: Target directory for table '{location}' already exists:"
                f" {location}. You may need to manually clean the data at this location before"
                " retrying. Athena will not delete data in your account."
            )
        query = session.translated(statement["query"], database, parameters)
        scanned = session.scanned_bytes(query)
        file = session.folder / uuid.uuid4().hex
        session.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet, COMPRESSION {compression})")
        self._objects.put(f"{location}{file.name}", file)
        return Result((), (), [], scanned)

    def _create_view(self, session: Session, statement: re.Match[str], database: str) -> Result:
        database = (statement["database"] or database).lower()
        name = statement["name"].lower()
        existing = self._catalogue.table(database, name)
        if existing is not None and (not statement["replace"] or not is_view(existing)):
            raise AthenaError(f"View already exists: 'awsdatacatalog.{database}.{name}'")
        text = statement["query"].strip()
        columns, types = session.columns(session.translated(text, database))
        definition = {
            "originalSql": text,
            "catalog": "awsdatacatalog",
            "schema": database,
            "columns": [
                {"name": column, "type": athena}
                for (column, _), athena in zip(columns, types, strict=True)
            ],
        }
        encoded = base64.b64encode(json.dumps(definition).encode()).decode()
        hive = [
            {"Name": column, "Type": athena_dialect.hive_type(kind)} for column, kind in columns
        ]
        self._catalogue.put_view(
            database,
            {
                "Name": name,
                "TableType": "VIRTUAL_VIEW",
                "Parameters": {"presto_view": "true", "comment": "Presto View"},
                "PartitionKeys": [],
                "StorageDescriptor": {"Columns": hive, "Location": "", "SerdeInfo": {}},
                "ViewOriginalText": f"/* Presto View: {encoded} */",
                "ViewExpandedText": "/* Presto View */",
            },
        )
        return Result((), (), [], 0)
