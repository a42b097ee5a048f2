"""The saved queries of ``stacks/sql/queries/``: what people ask the catalogue, in Athena's dialect.

Each file is one query, and has its name. It begins with comments: the title, then the description,
which has a line ``Parameter name: what it is`` for each ``?`` of the statement, in their order.
(Athena's documentation allows ``?`` in ``WHERE`` only.) A query that contains ``{stream}`` exists
once for each stream, named after both: ``lag_to_archive.handset_change``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainctl.catalogue.sql_file import SQL_FOLDER, SqlFile, read_sql
from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FOLDER: Final = SQL_FOLDER / "queries"

PLACEHOLDER: Final = "{stream}"
"""What stands for the event type in a query that exists for each stream."""
_PARAMETER: Final = re.compile(r"Parameter (\w+): \S")


class MalformedQuery(ValueError):
    """A file in the folder is no saved query; says which and why."""


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """One query.

    Attributes:
        name: Its name, by which it is saved.
        title: What it answers, in a few words.
        description: What its answer means, and its parameters; one line for each of the file.
        sql: The statement, without the comments before it.
        parameters: What each ``?`` of it is, in their order.
        stream: The event type that it asks about if it exists for each stream, else None.
    """

    name: str
    title: str
    description: str
    sql: str
    parameters: tuple[str, ...]
    stream: str | None


def saved_queries(
    folder: Path = FOLDER, streams: Iterable[str] = tuple(STREAMS)
) -> tuple[SavedQuery, ...]:
    """Read all saved queries, in the order of their names.

    Args:
        folder: Where the files are.
        streams: The event types that there are.

    Raises:
        MalformedQuery: A file has no title, description or statement.
    """
    event_types = tuple(streams)
    return tuple(
        query
        for path in sorted(folder.glob("*.sql"))
        for query in _queries(path.stem, SqlFile.read(path), event_types)
    )


def unfilled_query(query: SavedQuery) -> str:
    """Return the statement of a query's file, with its placeholder for the stream."""
    return read_sql(f"queries/{query.name.partition('.')[0]}")


def _queries(name: str, file: SqlFile, streams: Iterable[str]) -> Iterator[SavedQuery]:
    if PLACEHOLDER not in file.sql:
        yield _query(name, file, None)
        return
    for stream in streams:
        yield _query(f"{name}.{stream}", file.replace(PLACEHOLDER, stream), stream)


def _query(name: str, file: SqlFile, stream: str | None) -> SavedQuery:
    title, *description = file.comments or ("",)
    if not (title and description and file.sql):
        raise MalformedQuery(f"{name}: a title, a description and a statement are needed")
    return SavedQuery(
        name=name,
        title=title,
        description="\n".join(description),
        sql=file.sql,
        parameters=tuple(
            found[1] for line in description if (found := _PARAMETER.match(line)) is not None
        ),
        stream=stream,
    )
