"""One statement's DuckDB, with a view for each place where the statement names a table."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokenizer_core import TokenType

from simulator.athena import dialect as athena_dialect
from simulator.athena import tables as athena_tables
from simulator.athena.dialect import ATHENA, DUCKDB
from simulator.athena.scan import REFERENCE, Relation, SeenFile, scanned_bytes
from simulator.athena.tables import AthenaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from simulator.athena.tables import Catalogue, DataFile, Objects

_VIEW_TEXT: Final = re.compile(r"/\* Presto View: (.*) \*/")
_PARTITIONS: Final = "$partitions"


@dataclass(slots=True)
class Session:
    """One statement's DuckDB, with a view for each place where the statement names a table."""

    connection: duckdb.DuckDBPyConnection
    folder: Path
    catalogue: Catalogue
    objects: Objects
    now: datetime
    _relations: dict[int, Relation] = field(default_factory=dict)
    _count: int = 0

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run something in DuckDB's dialect."""
        return self.connection.execute(sql)

    def scanned_bytes(self, sql: str) -> int:
        """Return how many bytes a query in DuckDB's dialect scans."""
        return scanned_bytes(self.connection, sql, self._relations)

    def columns(self, sql: str) -> tuple[list[tuple[str, Any]], tuple[str, ...]]:
        """Return the columns that a query in DuckDB's dialect has, and their types in Athena."""
        described = self.connection.sql(sql).description
        columns = [(name, kind) for name, kind, *_ in described]
        return columns, tuple(athena_dialect.athena_type(kind) for _, kind in columns)

    def translated(self, sql: str, database: str, parameters: Sequence[str] = ()) -> str:
        """Return a query in DuckDB's dialect, after creating the views that it needs."""
        text = _filled_in(sql, parameters)
        try:
            query = sqlglot.parse_one(text, read=ATHENA)
        except sqlglot.errors.SqlglotError as error:
            raise AthenaError(f"SYNTAX_ERROR: {error}") from error
        if not isinstance(query, exp.Query):
            raise NotImplementedError(
                f"only SELECT, UNLOAD, CREATE VIEW are implemented: {sql[:60]}"
            )
        for scope in traverse_scope(query):
            where = scope.expression.args.get("where")
            for source in scope.sources.values():
                if isinstance(source, exp.Table):
                    self._point(source, database, where.this if where else None)
        sql = athena_dialect.rewritten(query, self.now).sql(DUCKDB, identify=True)
        return self._without_hugeint(sql)

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
        """Create a DuckDB view for a table, and make the table's name refer to it."""
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
        elif athena_tables.is_view(table):
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
            raise AthenaError(f"INVALID_VIEW: '{database}.{table['Name']}' is not an Athena view")
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
        """Return the query that reads a table's files.

        Each file is linked from a folder that names its partition in the form that DuckDB reads.
        Another partition, which is filtered out, has an empty file with all columns: so columns
        that no file has exist too, and all columns if there is no file.
        """
        library = table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
        is_parquet = library.endswith(".ParquetHiveSerDe")
        if not is_parquet and not library.endswith(".JsonSerDe"):
            raise NotImplementedError(f"{library} isn't implemented here")
        key = f"{REFERENCE}{number}"
        partitions = self.catalogue.partitions(database, table["Name"])
        files = athena_tables.files(table, partitions, self.objects, where, self.now)
        seen = list(_linked(self.folder, key, files))
        self._relations[number] = Relation(seen, is_parquet)
        types = {
            name: athena_dialect.duckdb_type(kind) for name, kind in athena_tables.columns(table)
        }
        key_types = {
            each["Name"]: athena_dialect.duckdb_type(each["Type"])
            for each in table.get("PartitionKeys") or ()
        }
        empty = _folder_of(
            self.folder, f"{key}=0", dict.fromkeys(key_types, "__HIVE_DEFAULT_PARTITION__")
        )
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


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _linked(root: Path, key: str, files: Iterable[DataFile]) -> Iterator[SeenFile]:
    """Link files in one folder for each partition.

    Args:
        root: The folder of all partitions.
        key: An additional partition key, with value 1.
        files: The files.
    """
    folders: dict[tuple[str, ...], Path] = {}
    for place, file in enumerate(files):
        values = tuple(file.values.values())
        if values not in folders:
            folders[values] = _folder_of(root, f"{key}=1", file.values)
        link = folders[values] / (str(place) + "".join(file.path.suffixes[-2:]))
        link.symlink_to(file.path.absolute())
        yield SeenFile(str(link), file.values, file.path.stat().st_size)


def _folder_of(root: Path, first: str, values: Mapping[str, str]) -> Path:
    """Create the folder of a partition: ``<first>/<name>=<value>/...``."""
    parts = (f"{name}={quote(value, safe='')}" for name, value in values.items())
    path = root.joinpath(first, *parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def _filled_in(sql: str, parameters: Sequence[str]) -> str:
    """Replace each ``?`` by an execution parameter.

    Args:
        sql: A statement, in Athena's dialect.
        parameters: One for each ``?``, in order, each as SQL: ``'abc'``, ``3``.

    Raises:
        AthenaError: Their number is wrong, or one isn't a constant.
    """
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
