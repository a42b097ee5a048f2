"""Answers SQL in Athena's dialect with DuckDB, over the files of tables in Glue.

What is asked is parsed as Athena's dialect and nothing else. Each table that it names becomes a
view in DuckDB over the files that Athena would see (`athena_tables`), with the columns and types
that Glue has; the query is bent where the dialects differ (`athena_dialect`); the bytes that Athena
would scan are told from the plan (`athena_scan`).

Beside SELECT there are UNLOAD to Parquet and CREATE VIEW. Everything else is refused.
"""

from __future__ import annotations

import base64
import json
import re
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokenizer_core import TokenType

from tests.local import athena_dialect, athena_tables
from tests.local.athena_dialect import ATHENA, DUCKDB
from tests.local.athena_scan import REFERENCE, Relation, SeenFile, scanned_bytes
from tests.local.athena_tables import AthenaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.local.athena_tables import Catalogue, Objects

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
_VIEW_TEXT: Final = re.compile(r"/\* Presto View: (.*) \*/")
_PARTITIONS: Final = "$partitions"
_COMPRESSIONS: Final = {"GZIP", "SNAPPY", "ZSTD", "LZ4", "UNCOMPRESSED"}


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave.

    Attributes:
        columns: The columns' names; none for UNLOAD and CREATE VIEW.
        types: Their types, as Athena names them in queries, such as ``timestamp(3)``.
        rows: The rows, as Python values.
        scanned_bytes: How many bytes Athena would have scanned; see ``athena_scan``.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    scanned_bytes: int


class AthenaOnDuckDB:
    """Athena over a catalogue and its objects. Each statement has a DuckDB of its own."""

    def __init__(
        self,
        catalogue: Catalogue,
        objects: Objects,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Make one.

        Args:
            catalogue: The tables.
            objects: The files.
            now: Tells the moment in UTC, for ``current_date`` and the ranges of projections.
        """
        self._catalogue = catalogue
        self._objects = objects
        self._now = now

    def run(self, sql: str, database: str, parameters: Sequence[str] = ()) -> Result:
        """Run a statement.

        Args:
            sql: The statement, in Athena's dialect.
            database: Where tables are whose database is not named.
            parameters: What stands for its ``?``, in order, each as SQL: ``'abc'``, ``3``.

        Raises:
            AthenaError: It failed as it would in Athena.
            NotImplementedError: It needs something that can't be answered here.
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
    def _session(self) -> Iterator[_Session]:
        with (
            tempfile.TemporaryDirectory(prefix="athena-") as folder,
            duckdb.connect() as connection,
        ):
            for statement in athena_dialect.SESSION:
                connection.execute(statement)
            yield _Session(connection, Path(folder), self._catalogue, self._objects, self._now())

    def _unload(
        self,
        session: _Session,
        statement: re.Match[str],
        database: str,
        parameters: Sequence[str],
    ) -> Result:
        options = dict(re.findall(r"(\w+)\s*=\s*'([^']*)'", statement["options"]))
        compression = options.pop("compression", "GZIP").upper()
        if options.pop("format", "").upper() != "PARQUET" or compression not in _COMPRESSIONS:
            raise NotImplementedError(f"UNLOAD WITH ({statement['options']}) isn't answered here")
        if options:
            raise NotImplementedError(f"UNLOAD WITH {', '.join(options)} isn't answered here")
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

    def _create_view(self, session: _Session, statement: re.Match[str], database: str) -> Result:
        database = (statement["database"] or database).lower()
        name = statement["name"].lower()
        existing = self._catalogue.table(database, name)
        if existing is not None and (not statement["replace"] or not _is_view(existing)):
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


def _is_view(table: Mapping[str, Any]) -> bool:
    return bool(table.get("TableType") == "VIRTUAL_VIEW")


@dataclass(slots=True)
class _Session:
    """One statement's DuckDB, with a view for each place where the statement names a table."""

    connection: duckdb.DuckDBPyConnection
    folder: Path
    catalogue: Catalogue
    objects: Objects
    now: datetime
    _relations: dict[int, Relation] = field(default_factory=dict)
    _count: int = 0

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        return self.connection.execute(sql)

    def scanned_bytes(self, sql: str) -> int:
        return scanned_bytes(self.connection, sql, self._relations)

    def columns(self, sql: str) -> tuple[list[tuple[str, Any]], tuple[str, ...]]:
        """Give the columns that a query in DuckDB's dialect has, and their types in Athena."""
        described = self.connection.sql(sql).description
        columns = [(name, kind) for name, kind, *_ in described]
        return columns, tuple(athena_dialect.athena_type(kind) for _, kind in columns)

    def translated(self, sql: str, database: str, parameters: Sequence[str] = ()) -> str:
        """Give a query in DuckDB's dialect, with the views that it needs made."""
        text = _filled_in(sql, parameters)
        try:
            query = sqlglot.parse_one(text, read=ATHENA)
        except sqlglot.errors.SqlglotError as error:
            raise AthenaError(f"SYNTAX_ERROR: {error}") from error
        if not isinstance(query, exp.Query):
            raise NotImplementedError(f"only SELECT, UNLOAD, CREATE VIEW are answered: {sql[:60]}")
        for scope in traverse_scope(query):
            where = scope.expression.args.get("where")
            for source in scope.sources.values():
                if isinstance(source, exp.Table):
                    self._point(source, database, where.this if where else None)
        bent = athena_dialect.bent(query, self.now).sql(DUCKDB, identify=True)
        return self._without_hugeint(bent)

    def _without_hugeint(self, sql: str) -> str:
        columns, _ = self.columns(sql)
        if not any(kind == "HUGEINT" for _, kind in columns):
            return sql
        names = ", ".join(f"c{place}" for place in range(len(columns)))
        items = ", ".join(
            f"CAST(c{place} AS {'BIGINT' if kind == 'HUGEINT' else kind}) AS {_name(name)}"
            for place, (name, kind) in enumerate(columns)
        )
        return f"SELECT {items} FROM ({sql}) AS summed({names})"

    def _point(self, table: exp.Table, database: str, where: exp.Expr | None) -> None:
        """Point the name of a table to a view of DuckDB, which is made."""
        name = table.name.lower()
        relation = self._relation((table.db or database).lower(), name, where)
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("this", exp.to_identifier(relation, quoted=True))
        table.set("db", None)
        table.set("catalog", None)

    def _relation(self, database: str, name: str, where: exp.Expr | None) -> str:
        self._count += 1
        number = self._count
        table = self.catalogue.table(database, name.removesuffix(_PARTITIONS))
        if table is None:
            raise AthenaError(
                f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.{name}' does not exist"
            )
        if name.endswith(_PARTITIONS):
            sql = self._list_of_partitions(database, table)
        elif _is_view(table):
            sql = self._expanded(database, table)
        else:
            sql = self._files(number, database, table, where)
        self.execute(f"CREATE TEMP VIEW relation_{number} AS {sql}")
        return f"relation_{number}"

    def _list_of_partitions(self, database: str, table: Mapping[str, Any]) -> str:
        keys = table["PartitionKeys"]
        partitions = list(self.catalogue.partitions(database, table["Name"]))
        rows = [partition.values for partition in partitions] or [["NULL"] * len(keys)]
        values = ", ".join(f"({', '.join(_text(value) for value in row)})" for row in rows)
        items = ", ".join(
            f"CAST(c{place} AS {athena_dialect.duckdb_type(key['Type'])}) AS {_name(key['Name'])}"
            for place, key in enumerate(keys)
        )
        names = ", ".join(f"c{place}" for place in range(len(keys)))
        return f"SELECT {items} FROM (VALUES {values}) AS p({names}) WHERE {bool(partitions)}"

    def _expanded(self, database: str, table: Mapping[str, Any]) -> str:
        match = _VIEW_TEXT.fullmatch(table["ViewOriginalText"])
        if match is None:
            raise AthenaError(f"INVALID_VIEW: '{database}.{table['Name']}' is no view of Athena's")
        definition = json.loads(base64.b64decode(match[1]))
        sql = self.translated(definition["originalSql"], definition["schema"])
        columns, types = self.columns(sql)
        given = [(name, kind) for (name, _), kind in zip(columns, types, strict=True)]
        declared = [(column["name"], column["type"]) for column in definition["columns"]]
        if given != declared:
            differing = [pair for pair in zip(declared, given, strict=False) if pair[0] != pair[1]]
            raise AthenaError(
                f"VIEW_IS_STALE: View 'awsdatacatalog.{database}.{table['Name']}' is stale or in"
                f" invalid state: {len(declared)} columns declared, {len(given)} given;"
                f" declared and given: {differing}"
            )
        return sql

    def _files(
        self, number: int, database: str, table: Mapping[str, Any], where: exp.Expr | None
    ) -> str:
        """Give the query that reads a table's files.

        Each file is linked from a folder that says its partition, in the form that DuckDB knows.
        Beside them there is an empty one with all the columns, in a partition of its own that is
        filtered out: it gives columns that no file has, and all of them when there is no file.
        """
        library = table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
        is_parquet = library.endswith(".ParquetHiveSerDe")
        if not is_parquet and not library.endswith(".JsonSerDe"):
            raise NotImplementedError(f"{library} isn't answered here")
        key = f"{REFERENCE}{number}"
        partitions = self.catalogue.partitions(database, table["Name"])
        seen = [
            SeenFile(str(self._linked(key, place, file)), file.values, file.path.stat().st_size)
            for place, file in enumerate(
                athena_tables.files(table, partitions, self.objects, where, self.now)
            )
        ]
        self._relations[number] = Relation(seen, is_parquet)
        types = {
            name: athena_dialect.duckdb_type(kind) for name, kind in athena_tables.columns(table)
        }
        key_types = {
            each["Name"]: athena_dialect.duckdb_type(each["Type"])
            for each in table.get("PartitionKeys") or ()
        }
        empty = self._path_in(key, "0", dict.fromkeys(key_types, "__HIVE_DEFAULT_PARTITION__"))
        empty /= "empty"
        items = ", ".join(
            f"CAST({_name(name)} AS {kind}) AS {_name(name)}" for name, kind in types.items()
        )
        if is_parquet:
            nothing = ", ".join(
                f"CAST(NULL AS {kind}) AS {_name(name)}" for name, kind in types.items()
            )
            self.execute(f"COPY (SELECT {nothing} LIMIT 0) TO '{empty}' (FORMAT parquet)")
        else:
            empty.touch()
        paths = ", ".join(_text(path) for path in (*(file.path for file in seen), str(empty)))
        hive = ", ".join(
            f"{_text(name)}: {_text(kind)}" for name, kind in {key: "VARCHAR", **key_types}.items()
        )
        how = (
            "read_parquet([{}], union_by_name = true, {})"
            if is_parquet
            else "read_json([{}], format = 'newline_delimited', columns = {{"
            + ", ".join(f"{_text(name)}: {_text(kind)}" for name, kind in types.items())
            + "}}, {})"
        )
        source = how.format(paths, f"hive_partitioning = true, hive_types = {{{hive}}}")
        keys = "".join(f", {_name(name)}" for name in key_types)
        return f"SELECT {items}{keys} FROM {source} WHERE {key} <> '0'"

    def _linked(self, key: str, place: int, file: athena_tables.DataFile) -> Path:
        suffixes = "".join(file.path.suffixes[-2:])
        link = self._path_in(key, "1", file.values) / f"{place}{suffixes}"
        link.symlink_to(file.path.resolve())
        return link

    def _path_in(self, key: str, number: str, values: Mapping[str, str]) -> Path:
        folders = (f"{name}={quote(value, safe='')}" for name, value in values.items())
        path = self.folder.joinpath(f"{key}={number}", *folders)
        path.mkdir(parents=True, exist_ok=True)
        return path


def _filled_in(sql: str, parameters: Sequence[str]) -> str:
    """Put execution parameters in the places of ``?``."""
    try:
        marks = [
            token
            for token in sqlglot.tokenize(sql, read=ATHENA)
            if token.token_type == TokenType.PLACEHOLDER
        ]
    except sqlglot.errors.SqlglotError as error:
        raise AthenaError(f"SYNTAX_ERROR: {error}") from error
    if len(marks) != len(parameters):
        raise AthenaError(
            f"INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected {len(marks)} but"
            f" found {len(parameters)}"
        )
    for mark, parameter in reversed(list(zip(marks, parameters, strict=True))):
        sql = f"{sql[: mark.start]}{_constant(parameter)}{sql[mark.end + 1 :]}"
    return sql


def _constant(parameter: str) -> str:
    try:
        value = sqlglot.parse_one(parameter, read=ATHENA)
    except sqlglot.errors.SqlglotError as error:
        raise AthenaError(f"SYNTAX_ERROR: execution parameter {parameter}: {error}") from error
    if value.find(exp.Column, exp.Query, exp.Placeholder):
        raise AthenaError(
            f"EXPRESSION_NOT_CONSTANT: Constant expression cannot contain column references:"
            f" {parameter}. A text needs single quotes."
        )
    return value.sql(ATHENA)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
