"""The saved queries of ``stacks/sql/queries/``: what people ask the catalogue, in Athena's dialect.

A file is one query. Its name is the query's; its first lines are comments: the title, then the
description, in which a line ``Parameter name: what it is`` stands for each ``?`` of the statement,
in their order. (By Athena's documentation a ``?`` can only be in a ``WHERE`` clause.) A query that
has the word ``{stream}`` in it exists once for each stream, and is called after both:
``lag_to_archive.handset_change``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER: Final = Path(__file__).parents[2] / "stacks" / "sql" / "queries"

_STREAM: Final = "{stream}"
_COMMENT: Final = "-- "
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
        for query in _queries(path.stem, path.read_text(encoding="utf-8"), event_types)
    )


def _queries(name: str, text: str, streams: Iterable[str]) -> Iterator[SavedQuery]:
    if _STREAM not in text:
        yield _query(name, text, None)
        return
    for stream in streams:
        yield _query(f"{name}.{stream}", text.replace(_STREAM, stream), stream)


def _query(name: str, text: str, stream: str | None) -> SavedQuery:
    lines = text.splitlines()
    comments = 0
    while comments < len(lines) and lines[comments].startswith(_COMMENT):
        comments += 1
    title, *description = [line.removeprefix(_COMMENT) for line in lines[:comments]] or [""]
    sql = "\n".join(lines[comments:]).strip()
    if not (title and description and sql):
        raise MalformedQuery(f"{name}: a title, a description and a statement are needed")
    return SavedQuery(
        name=name,
        title=title,
        description="\n".join(description),
        sql=sql,
        parameters=tuple(
            found[1] for line in description if (found := _PARAMETER.match(line)) is not None
        ),
        stream=stream,
    )
