"""Queries on Athena."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import (
        QueryExecutionTypeDef,
        RowTypeDef,
        StartQueryExecutionInputTypeDef,
    )

_ENDS: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
_FIRST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 5.0
_GROWTH: Final = 1.5
_LIMIT: Final = 30 * 60.0
"""In seconds. Athena's default limit for a query is the same ("Service Quotas")."""


class QueryError(Exception):
    """A query failed. The text is the reason, in Athena's words if known."""


class QueryStoppedError(Exception):
    """A query was stopped, or not started, because ``Athena.stop`` was called."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query.

    Attributes:
        columns: The names of the columns.
        rows: The first rows. Values are strings; None stands for null.
        row_count: The number of all rows.
        scanned_bytes: The bytes that Athena scanned and bills.
        seconds: The duration, including the time in Athena's queue.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    row_count: int
    scanned_bytes: int
    seconds: float


class Athena:
    """Runs queries in one database and waits for their answers. It is thread-safe.

    Args:
        client: The Athena client. It must retry throttled calls.
        database: The database of unqualified names.
        work_group: The workgroup, which sets the scan limit and the location of results.
        wait: Waits for a number of seconds or until ``stop`` is called; returns whether it was
            called.
        clock: Returns seconds.
    """

    def __init__(
        self,
        client: AthenaClient,
        database: str,
        work_group: str,
        *,
        wait: Callable[[float], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._database = database
        self._work_group = work_group
        self._is_stopped = Event()
        self._wait = wait or self._is_stopped.wait
        self._clock = clock

    def stop(self) -> None:
        """Stop all running queries and start no more. Each query's own thread stops it."""
        self._is_stopped.set()

    def ask(self, sql: str, parameters: Sequence[str] = (), *, keep_rows: int) -> Answer:
        """Run a query and return its answer.

        Args:
            sql: One statement.
            parameters: A literal for each ``?``, such as ``3`` or ``'text'``.
            keep_rows: The maximum number of rows in the answer. Further rows are only counted.

        Raises:
            QueryError: The query failed.
            QueryStoppedError: ``stop`` was called.
        """
        try:
            execution = self._run(sql, parameters)
            return self._read(execution, keep_rows)
        except ClientError as error:
            what = error.response["Error"]
            raise QueryError(f"{what['Code']}: {what['Message']}") from error
        except BotoCoreError as error:
            raise QueryError(str(error)) from error

    def _run(self, sql: str, parameters: Sequence[str]) -> QueryExecutionTypeDef:
        if self._is_stopped.is_set():
            raise QueryStoppedError
        request: StartQueryExecutionInputTypeDef = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": self._database},
            "WorkGroup": self._work_group,
        }
        if parameters:
            request["ExecutionParameters"] = parameters
        execution_id = self._client.start_query_execution(**request)["QueryExecutionId"]
        try:
            execution = self._finished(execution_id)
        except BaseException:
            # Nobody needs the answer any more, and scanned bytes are billed.
            with suppress(ClientError, BotoCoreError):
                self._client.stop_query_execution(QueryExecutionId=execution_id)
            raise
        status = execution["Status"]
        if status["State"] != "SUCCEEDED":
            reason = status.get("StateChangeReason", "Athena gave no reason")
            raise QueryError(f"{status['State'].lower()}: {reason}")
        return execution

    def _finished(self, execution_id: str) -> QueryExecutionTypeDef:
        """Wait until a query has ended, successfully or not; return its execution."""
        deadline = self._clock() + _LIMIT
        wait = _FIRST_WAIT
        while True:
            answer = self._client.get_query_execution(QueryExecutionId=execution_id)
            execution = answer["QueryExecution"]
            if execution["Status"]["State"] in _ENDS:
                return execution
            if self._clock() > deadline:
                raise QueryError(f"it took longer than {_LIMIT / 60:.0f} minutes and was stopped")
            if self._wait(wait):
                raise QueryStoppedError
            wait = min(_LONGEST_WAIT, wait * _GROWTH)

    def _read(self, execution: QueryExecutionTypeDef, keep_rows: int) -> Answer:
        pages = self._client.get_paginator("get_query_results").paginate(
            QueryExecutionId=execution["QueryExecutionId"]
        )
        columns: tuple[str, ...] = ()
        rows: list[tuple[str | None, ...]] = []
        count = -1  # the first row holds the names of the columns
        for page in pages:
            for row in page["ResultSet"]["Rows"]:
                if count < 0:
                    columns = tuple(str(value) for value in _values(row))
                elif count < keep_rows:
                    rows.append(tuple(_values(row)))
                count += 1
        statistics = execution.get("Statistics", {})
        return Answer(
            columns=columns,
            rows=tuple(rows),
            row_count=count,
            scanned_bytes=statistics.get("DataScannedInBytes", 0),
            seconds=statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
        )


def _values(row: RowTypeDef) -> Iterator[str | None]:
    return (datum.get("VarCharValue") for datum in row["Data"])
