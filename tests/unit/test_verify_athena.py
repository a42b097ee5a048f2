"""A query on Athena: waits, ends, pages, and failures."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from drainctl.verify import Athena, QueryError
from tests.unit.verify_endpoint import Scripted, VerifyEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def endpoint() -> Iterator[VerifyEndpoint]:
    """An Athena over HTTP."""
    with VerifyEndpoint() as started:
        yield started


def _athena(url: str, **options: Any) -> Athena:
    client = boto3.client(
        "athena",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="made-up",
        aws_secret_access_key="made-up",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
    )
    return Athena(client, "events", "group", **options)


def test_waits_until_the_end(endpoint: VerifyEndpoint) -> None:
    """It polls while the query is queued or runs, with waits that grow up to a maximum."""
    endpoint.script = lambda _: Scripted(states=("QUEUED", *["RUNNING"] * 12, "SUCCEEDED"))
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    assert _athena(endpoint.url, wait=wait).ask("SELECT 1", keep_rows=0).row_count == 0
    assert len(waits) == 13
    assert all(first < then for first, then in pairwise(waits[:8]))
    assert waits[0] < 1
    assert max(waits) == waits[-1] == 5
    assert endpoint.stopped == []


def test_query_that_does_not_end(endpoint: VerifyEndpoint) -> None:
    """A query is stopped after the limit, and has failed."""
    endpoint.script = lambda _: Scripted(states=("RUNNING",))
    now = [0.0]

    def wait(seconds: float) -> bool:
        now[0] += seconds * 100
        return False

    athena = _athena(endpoint.url, wait=wait, clock=lambda: now[0])
    with pytest.raises(QueryError, match="longer than 30 minutes"):
        athena.ask("SELECT 1", keep_rows=0)
    assert endpoint.stopped == endpoint.started
    assert now[0] > 30 * 60


def test_throttled_calls_are_made_again(endpoint: VerifyEndpoint) -> None:
    """Throttled calls are retried; after the last attempt AWS's code is reported."""
    endpoint.throttled = 1
    assert _athena(endpoint.url).ask("SELECT 1", keep_rows=0).row_count == 0
    assert len(endpoint.started) == 1
    endpoint.throttled = 100
    with pytest.raises(QueryError, match="ThrottlingException: Rate exceeded"):
        _athena(endpoint.url).ask("SELECT 1", keep_rows=0)


def test_nobody_answers() -> None:
    """An unreachable endpoint fails the query."""
    with pytest.raises(QueryError, match="Could not connect"):
        _athena("http://127.0.0.1:1").ask("SELECT 1", keep_rows=0)
