"""A catalogue in memory and objects in a folder, for Athena on DuckDB without an AWS."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from simulator.athena.tables import Partition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


class MemoryCatalogue:
    """The tables of one database, with their registered partitions."""

    def __init__(self, database: str, table_inputs: Iterable[Mapping[str, Any]]) -> None:
        """Create a catalogue.

        Args:
            database: The database's name.
            table_inputs: Its tables, each as Glue's ``TableInput``.
        """
        self._database = database
        self._tables = {table["Name"]: table for table in table_inputs}
        self._partitions: dict[str, dict[tuple[str, ...], Partition]] = {}

    def table(self, database: str, name: str) -> Mapping[str, Any] | None:
        """Return a table; None if there is none."""
        return self._tables.get(name) if database == self._database else None

    def partitions(self, _database: str, name: str) -> Iterable[Partition]:
        """Return the registered partitions of a table."""
        return self._partitions.get(name, {}).values()

    def put_view(self, _database: str, table_input: Mapping[str, Any]) -> None:
        """Create or replace a view."""
        self._tables[table_input["Name"]] = table_input

    def register(self, name: str, values: Sequence[str], location: str) -> None:
        """Register a partition of a table, or move it to another location."""
        partition = Partition(tuple(values), location)
        self._partitions.setdefault(name, {})[tuple(values)] = partition


class FolderObjects:
    """Objects in a folder: ``s3://bucket/key`` is its file ``bucket/key``."""

    def __init__(self, root: Path) -> None:
        """Use a folder, which must exist."""
        self._root = root

    def objects(self, location: str) -> Mapping[str, Path]:
        """Return the objects whose URL begins with a location."""
        start = location.removeprefix("s3://")
        folder = self._root / start.rpartition("/")[0]
        found = (file for file in sorted(folder.rglob("*")) if file.is_file())
        urls = {f"s3://{file.relative_to(self._root).as_posix()}": file for file in found}
        return {url: file for url, file in urls.items() if url.startswith(location)}

    def put(self, url: str, file: Path) -> None:
        """Write an object."""
        target = self._root / url.removeprefix("s3://")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
