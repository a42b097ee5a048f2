"""The saved queries: the files of ``stacks/sql/queries``, in Athena's dialect.

Each file holds one query and is named after it. It begins with comments: a title, then a
description. The description has a line ``Parameter name: meaning`` for each ``?`` of the statement,
in the same order. (Athena allows ``?`` only in ``WHERE``, according to its documentation.) A query
that contains ``{stream}`` exists once for each stream, as in ``lag_to_archive.handset_change``.
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
"""The placeholder for the event type in a query that exists for each stream."""
_PARAMETER: Final = re.compile(r"Parameter (\w+): \S")


class MalformedQuery(ValueError):
    """A file is not a saved query. The error names the file and the reason."""


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """One query.

    Attributes:
        name: The name that the query is saved under.
        title: What the query answers, in a few words.
        description: The meaning of the result, and the parameters; lines as in the file.
        sql: The statement, without the comments before it.
        parameters: The name of each ``?`` of the statement, in order.
        stream: The event type, if the query exists for each stream; otherwise None.
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
        folder: The folder of the files.
        streams: All event types.

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
    """Return the statement in a query's file, with the placeholder for the stream."""
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
