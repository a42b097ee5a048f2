"""Runs saved queries with their parameters and evaluates the answers."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from drainctl.catalogue import read_sql
from drainctl.verify.athena import QueryError
from drainctl.verify.consistency import differences, lasting
from eventdrain.events import DEFAULT_EVENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drainctl.catalogue import SavedQuery
    from drainctl.verify.athena import Answer, Athena
    from drainctl.verify.consistency import Difference

_CONSISTENCY_CHECK: Final = "seam_check"
_AT_ONCE: Final = 5
"""The number of concurrent queries, low enough for other users of the account."""
_ALL: Final = sys.maxsize
_LAST: Final = timedelta(days=30)
_LATEST: Final = "9999-12-31"
_NOBODY: Final = "nobody"


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of a run.

    Attributes:
        subscription: The subscription for ``subscriber_history``; None to choose one.
        more_than: The parameter of ``sims_moved_often``.
        day: The day to check for consistency, and to choose a subscription of, as ``YYYY-MM-DD``.
            None to check all days, and to choose a subscription of the newest of the last 30 days.
        keep_rows: The maximum number of rows in each answer.
    """

    subscription: str | None
    more_than: int
    day: str | None
    keep_rows: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a query.

    Attributes:
        query: The query.
        answer: The answer; None if the query failed. For a consistency check, without its rows.
        reason: Why the query failed; empty if it did not.
        differences: The differences that a consistency check found.
    """

    query: SavedQuery
    answer: Answer | None
    reason: str = ""
    differences: tuple[Difference, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the query was answered and found no differences."""
        return self.answer is not None and not self.differences


def base_name(query: SavedQuery) -> str:
    """Return a query's name without its stream."""
    return query.name.partition(".")[0]


def chosen(queries: Sequence[SavedQuery], names: Sequence[str]) -> list[SavedQuery]:
    """Return the queries with the given names; all queries if there are no names.

    A name without a stream selects the query of every stream.

    Raises:
        LookupError: A name is unknown. The text is the name.
    """
    known = {name for query in queries for name in (query.name, base_name(query))}
    for name in names:
        if name not in known:
            raise LookupError(name)
    wanted = set(names)
    return [query for query in queries if not wanted or wanted & {query.name, base_name(query)}]


def run_all(
    queries: Sequence[SavedQuery],
    athena: Athena,
    choices: Choices,
    on_outcome: Callable[[Outcome], None],
) -> list[Outcome]:
    """Run queries concurrently. If an error or Ctrl-C ends this, running queries are stopped.

    Args:
        queries: The queries.
        athena: Runs the queries.
        choices: The options.
        on_outcome: Called with each outcome as soon as it is known.

    Returns:
        The outcomes, in the order of the queries.
    """
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        futures = [pool.submit(_run, query, athena, choices) for query in queries]
        for future in as_completed(futures):
            on_outcome(future.result())
    except BaseException:
        athena.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures]


def _run(query: SavedQuery, athena: Athena, choices: Choices) -> Outcome:
    is_check = base_name(query) == _CONSISTENCY_CHECK
    try:
        parameters = [_literal(name, athena, choices) for name in query.parameters]
        answer = athena.ask(
            query.sql, parameters, keep_rows=_ALL if is_check else choices.keep_rows
        )
        if not is_check:
            return Outcome(query, answer)
        found = differences(query, answer, choices.day)
        if found:
            # Meanwhile lines may have arrived, or a day may have been registered: check again.
            answer = athena.ask(query.sql, keep_rows=_ALL)
            found = lasting(found, differences(query, answer, choices.day))
        return Outcome(query, replace(answer, rows=()), "", tuple(found))
    except QueryError as error:
        return Outcome(query, None, str(error))


def _literal(parameter: str, athena: Athena, choices: Choices) -> str:
    match parameter:
        case "more_than":
            return str(choices.more_than)
        case "subscription_id":
            return _text(choices.subscription or _some_subscription(athena, choices.day))
        case _:
            raise QueryError(f"verify has no value for the query's parameter {parameter}")


def some_subscription() -> str:
    """Return the query for a subscription with an event on the newest of some days."""
    return read_sql("verify/some_subscription").format(stream=DEFAULT_EVENT_TYPE)


def _some_subscription(athena: Athena, day: str | None) -> str:
    """Return a subscription that has events; if there is none, an id without events."""
    first_day = day or (datetime.now(UTC) - _LAST).date().isoformat()
    days = (_text(first_day), _text(day or _LATEST))
    answer = athena.ask(some_subscription(), days, keep_rows=1)
    return (answer.rows[0][0] if answer.rows else None) or _NOBODY


def _text(value: str) -> str:
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
