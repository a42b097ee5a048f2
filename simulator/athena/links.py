"""Files of a table, linked from folders that say their partition in the form that DuckDB knows."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from simulator.athena.scan import SeenFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from simulator.athena.tables import DataFile


def linked(root: Path, key: str, files: Iterable[DataFile]) -> Iterator[SeenFile]:
    """Link files; the folder of a partition is made once.

    Args:
        root: Where the folders of all partitions are.
        key: A partition key of its own, beside those of the table; its value is 1.
        files: The files.
    """
    folders: dict[tuple[str, ...], Path] = {}
    for place, file in enumerate(files):
        values = tuple(file.values.values())
        if values not in folders:
            folders[values] = folder_of(root, f"{key}=1", file.values)
        link = folders[values] / (str(place) + "".join(file.path.suffixes[-2:]))
        link.symlink_to(file.path.absolute())
        yield SeenFile(str(link), file.values, file.path.stat().st_size)


def folder_of(root: Path, first: str, values: Mapping[str, str]) -> Path:
    """Make the folder of a partition: ``<first>/<name>=<value>/...``."""
    parts = (f"{name}={quote(value, safe='')}" for name, value in values.items())
    path = root.joinpath(first, *parts)
    path.mkdir(parents=True, exist_ok=True)
    return path
