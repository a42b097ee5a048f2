"""One query on Athena: waits, ends, pages, and what goes wrong."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from drainctl.verify import Athena, QueryError, QueryStoppedError
from tests.unit.verify_endpoint import Scripted, Started, VerifyEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_athena import AthenaClient


@pytest.fixture
def endpoint() -> Iterator[VerifyEndpoint]:
    """An Athena over HTTP."""
    with VerifyEndpoint() as started:
        yield started


@pytest.fixture
def client(endpoint: VerifyEndpoint) -> AthenaClient:
    """A real client of it."""
    return _client(endpoint.url)


def _client(url: str) -> AthenaClient:
    return boto3.client(
        "athena",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="made-up",
        aws_secret_access_key="made-up",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
    )


def _athena(client: AthenaClient, wait: Callable[[float], bool] | None = None) -> Athena:
    return Athena(client, "events", "group", wait=wait or (lambda _seconds: False))


def test_query_is_run_where_it_belongs(endpoint: VerifyEndpoint, client: AthenaClient) -> None:
    """Database, workgroup and parameters reach Athena; without parameters none are sent."""
    _athena(client).ask("SELECT 1 WHERE 'a' = ?", ["'a'"], keep_rows=0)
    _athena(client).ask("SELECT 1", keep_rows=0)
    assert [(each.database, each.work_group, each.parameters) for each in endpoint.started] == [
        ("events", "group", ("'a'",)),
        ("events", "group", ()),
    ]


def test_answer_of_several_pages(endpoint: VerifyEndpoint, client: AthenaClient) -> None:
    """All rows are counted, without the heading; as many as wanted are kept, nulls as None."""
    rows = tuple((f"2026-11-0{day}", None) for day in range(1, 8))
    endpoint.script = lambda _: Scripted(columns=("dt", "imsi"), rows=rows, scanned=42)
    answer = _athena(client).ask("SELECT 1", keep_rows=3)
    assert answer.columns == ("dt", "imsi")
    assert answer.rows == rows[:3]
    assert answer.row_count == 7
    assert (answer.scanned_bytes, answer.seconds) == (42, 1.5)


def test_waits_until_the_end(endpoint: VerifyEndpoint, client: AthenaClient) -> None:
    """It looks again while the query is queued or runs, with waits that grow up to a bound."""
    endpoint.script = lambda _: Scripted(states=("QUEUED", *["RUNNING"] * 12, "SUCCEEDED"))
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    assert _athena(client, wait).ask("SELECT 1", keep_rows=0).row_count == 0
    assert len(waits) == 13
    assert all(first < then for first, then in pairwise(waits[:8]))
    assert waits[0] < 1
    assert max(waits) == waits[-1] == 5
    assert endpoint.stopped == []


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_query_without_success(endpoint: VerifyEndpoint, client: AthenaClient, state: str) -> None:
    """The error has Athena's reason."""
    endpoint.script = lambda _: Scripted(states=(state,), reason="HIVE_BAD_DATA: made up")
    with pytest.raises(QueryError, match=rf"{state.lower()}: HIVE_BAD_DATA: made up"):
        _athena(client).ask("SELECT 1", keep_rows=0)


def test_query_that_does_not_end(endpoint: VerifyEndpoint, client: AthenaClient) -> None:
    """After the limit it is stopped and has failed."""
    endpoint.script = lambda _: Scripted(states=("RUNNING",))
    now = [0.0]

    def wait(seconds: float) -> bool:
        now[0] += seconds * 100
        return False

    athena = Athena(client, "events", "group", wait=wait, clock=lambda: now[0])
    with pytest.raises(QueryError, match="longer than 30 minutes"):
        athena.ask("SELECT 1", keep_rows=0)
    assert endpoint.stopped == endpoint.started
    assert now[0] > 30 * 60


def test_stop(endpoint: VerifyEndpoint, client: AthenaClient) -> None:
    """What is under way is stopped at Athena, and nothing is started any more."""
    athena = Athena(client, "events", "group")

    def stop_at_the_first_look(_started: Started) -> Scripted:
        athena.stop()
        return Scripted(states=("RUNNING",))

    endpoint.script = stop_at_the_first_look
    with pytest.raises(QueryStoppedError):
        athena.ask("SELECT 1", keep_rows=0)
    assert len(endpoint.stopped) == 1
    with pytest.raises(QueryStoppedError):
        athena.ask("SELECT 2", keep_rows=0)
    assert len(endpoint.started) == 1


def test_throttled_calls_are_made_again(endpoint: VerifyEndpoint, client: AthenaClient) -> None:
    """A call that comes too early is no failure."""
    endpoint.throttled = 1
    assert _athena(client).ask("SELECT 1", keep_rows=0).row_count == 0
    assert len(endpoint.started) == 1


def test_refused_call(endpoint: VerifyEndpoint, client: AthenaClient) -> None:
    """What AWS refuses is told with its code and message."""
    endpoint.throttled = 100
    with pytest.raises(QueryError, match="ThrottlingException: Rate exceeded"):
        _athena(client).ask("SELECT 1", keep_rows=0)


def test_nobody_answers() -> None:
    """An endpoint that isn't there fails the query, not the program."""
    with pytest.raises(QueryError, match="Could not connect"):
        _athena(_client("http://127.0.0.1:1")).ask("SELECT 1", keep_rows=0)
