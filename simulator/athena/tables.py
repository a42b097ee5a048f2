"""Returns the files that Athena reads for a table in Glue, each with its partition's values.

Sources, of the Athena user guide: "Partition your data", "Supported types for partition
projection", "Dynamic ID partitioning", "Specify custom S3 storage locations".
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


class AthenaError(Exception):
    """A query failed, with Athena's kind of message."""


class Partition(NamedTuple):
    """A registered partition.

    Attributes:
        values: The values of the table's partition keys, in their order.
        location: Where its objects are, as ``s3://.../``.
    """

    values: Sequence[str]
    location: str


class Catalogue(Protocol):
    """Glue's tables. Names are in lower case."""

    def table(self, database: str, name: str) -> Mapping[str, Any] | None:
        """Return a table as Glue's ``TableInput`` or ``Table``; None if there is none."""

    def partitions(self, database: str, name: str) -> Iterable[Partition]:
        """Return the registered partitions of a table."""

    def put_view(self, database: str, table_input: Mapping[str, Any]) -> None:
        """Create or replace a view."""


class Objects(Protocol):
    """Objects in S3, as files of this machine."""

    def objects(self, location: str) -> Mapping[str, Path]:
        """Return the objects by ``s3://bucket/key``, for all that begin with a location."""

    def put(self, url: str, file: Path) -> None:
        """Write a file's content as the object ``s3://bucket/key``."""


_COMPARISONS: Final[Mapping[type[exp.Expr], Callable[[str, str], bool]]] = {
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
}


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of a table.

    Attributes:
        path: The file on this machine.
        values: The values of the table's partition keys, by name.
    """

    path: Path
    values: Mapping[str, str]


_NOW: Final = re.compile(r"NOW(?:\s*([+-])\s*(\d+)\s*(DAY|WEEK)S?)?", re.IGNORECASE)


def key_names(table: Mapping[str, Any]) -> list[str]:
    """Return the names of a table's partition keys."""
    return [key["Name"] for key in table.get("PartitionKeys") or ()]


def columns(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the columns of a table without its partition keys, each with its Hive type."""
    return [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]]


def is_view(table: Mapping[str, Any]) -> bool:
    """Return whether a table is a view."""
    return bool(table.get("TableType") == "VIRTUAL_VIEW")


def files(
    table: Mapping[str, Any],
    partitions: Iterable[Partition],
    objects: Objects,
    where: exp.Expr | None,
    now: datetime,
) -> list[DataFile]:
    """Return the files of a table that a query reads.

    Args:
        table: The table.
        partitions: Its registered partitions; ignored if it has a projection.
        objects: The objects.
        where: The condition of the SELECT, which limits the values of partition columns.
        now: The value of ``NOW`` in a projection's range.

    Raises:
        AthenaError: The condition has no value for an injected column, or a file is in no
            partition.
        NotImplementedError: A projection of this type is not implemented here.
    """
    names = key_names(table)
    location = table["StorageDescriptor"]["Location"]
    if not names:
        return [DataFile(path, {}) for path in _seen(location, objects)]
    if table["Parameters"].get("projection.enabled", "").strip().lower() == "true":
        return list(_projected(table, objects, where, now))
    return [
        DataFile(path, dict(zip(names, partition.values, strict=True)))
        for partition in partitions
        for path in _seen(partition.location, objects)
    ]


def _seen(location: str, objects: Objects) -> Iterator[Path]:
    folder = location.rstrip("/") + "/"
    for url, path in objects.objects(folder).items():
        if not _is_hidden(url[len(folder) :]):
            yield path


def _is_hidden(key: str) -> bool:
    # Names that begin with an underscore or a dot are hidden, and folders aren't files.
    return key.endswith("/") or any(part.startswith(("_", ".")) for part in key.split("/"))


def _projected(
    table: Mapping[str, Any], objects: Objects, where: exp.Expr | None, now: datetime
) -> Iterator[DataFile]:
    """Return the files in the folders of the projection."""
    names = key_names(table)
    parameters = table["Parameters"]
    location = table["StorageDescriptor"]["Location"].rstrip("/")
    by_default = "/".join([location, *(f"{name}=${{{name}}}" for name in names)])
    template = parameters.get("storage.location.template") or by_default
    is_projected: dict[str, Callable[[str], bool]] = {}
    known: dict[str, str] = {}
    for name in names:
        kind = parameters.get(f"projection.{name}.type", "").strip().lower()
        values = _literals(name, where)
        if kind == "injected":
            if not values:
                raise AthenaError(
                    f"CONSTRAINT_VIOLATION: For the injected projected partition column {name}, the"
                    " WHERE clause must contain only static equality conditions, and at least one"
                    " such condition must be present."
                )
            is_projected[name] = frozenset(values).__contains__
        elif kind == "date":
            is_projected[name] = _is_in_range(name, parameters, now)
        else:
            raise NotImplementedError(f"projection.{name}.type = {kind!r} isn't implemented here")
        if len(values) == 1:  # the folder is known, so no other is listed
            template = template.replace(f"${{{name}}}", values[0])
            known[name] = values[0]
    static, *_ = template.split("${", maxsplit=1)
    folder = re.sub(r"\\\$\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template.rstrip("/") + "/"))
    for url, path in objects.objects(static).items():
        match = re.match(folder, url)
        if match is None or _is_hidden(url[match.end() :]):
            continue
        values_of = {**known, **match.groupdict()}
        if all(
            is_projected[name](value) and _may_be(name, value, where)
            for name, value in values_of.items()
        ):
            yield DataFile(path, values_of)


def _may_be(name: str, value: str, where: exp.Expr | None) -> bool:
    """Return whether a value satisfies the conditions that compare the column with literals."""
    for part in where.flatten() if isinstance(where, exp.And) else (where,):
        is_left = _COMPARISONS.get(type(part)) if part is not None else None
        if is_left is None or not isinstance(part, exp.Binary):
            continue
        column, literal = part.this, part.expression
        is_it = isinstance(column, exp.Column) and column.name == name
        if is_it and isinstance(literal, exp.Literal) and not is_left(value, literal.name):
            return False
    return True


def _is_in_range(name: str, parameters: Mapping[str, str], now: datetime) -> Callable[[str], bool]:
    if parameters[f"projection.{name}.format"].strip() != "yyyy-MM-dd":
        raise NotImplementedError(f"projection.{name}.format isn't implemented here")
    first, last = (
        _day(text.strip(), now) for text in parameters[f"projection.{name}.range"].split(",")
    )

    def is_day(value: str) -> bool:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            return False  # the folder is not that of a day
        return first <= day <= last and day.isoformat() == value

    return is_day


def _day(text: str, now: datetime) -> date:
    match = _NOW.fullmatch(text)
    if match is None:
        return date.fromisoformat(text)
    sign, count, unit = match.groups()
    moved = timedelta(**{f"{(unit or 'DAY').lower()}s": int(count or 0)})
    return (now - moved if sign == "-" else now + moved).date()


def _literals(name: str, where: exp.Expr | None) -> Sequence[str]:
    """Return the values that ``name = 'literal'`` or ``name IN`` allow."""
    for part in where.flatten() if isinstance(where, exp.And) else (where,):
        if isinstance(part, exp.EQ):
            sides = (part.this, part.expression)
            literals = [side.name for side in sides if isinstance(side, exp.Literal)]
            is_it = any(isinstance(side, exp.Column) and side.name == name for side in sides)
        elif isinstance(part, exp.In):
            literals = [item.name for item in part.expressions if isinstance(item, exp.Literal)]
            is_it = isinstance(part.this, exp.Column) and part.this.name == name
            is_it = is_it and len(literals) == len(part.expressions)
        else:
            continue
        if is_it and literals:
            return literals
    return ()
