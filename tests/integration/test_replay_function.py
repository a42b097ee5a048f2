"""The replay function's handler, called in this process, with S3 and SQS of the embedded AWS."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import pytest

from simulator.aws import PROJECT_FOLDER
from tests.integration.replaying import attributes, lines_by_id, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.scene import Scene

EVENTS: Final = 60
POWERTOOLS: Final = {
    "POWERTOOLS_SERVICE_NAME": "made-up-stack",
    "POWERTOOLS_METRICS_NAMESPACE": "EventDrain",
    "RESERVE_SECONDS": "15",
}


@pytest.fixture
def invoke(scene: Scene) -> Iterator[Callable[..., dict[str, Any]]]:
    """Return a function that invokes the handler with a remaining time."""
    with patch.dict(os.environ, scene.environment() | POWERTOOLS):
        path = PROJECT_FOLDER / "functions" / "replay_events" / "app.py"
        spec = importlib.util.spec_from_file_location("replay_events_app", path)
        assert spec is not None
        assert spec.loader is not None
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)

        def call(seconds: float = 60, **event: Any) -> dict[str, Any]:
            context = SimpleNamespace(
                function_name="replay-events",
                memory_limit_in_mb=512,
                invoked_function_arn="arn:made-up-function",
                aws_request_id="made-up-request",
                get_remaining_time_in_millis=lambda: seconds * 1000,
            )
            app.logger.logger_handler.stream = sys.stdout
            answer: dict[str, Any] = app.handler(event, context)
            return answer

        yield call


def ids(scene: Scene) -> Counter[str]:
    """Take the queue's messages, and count them by event id."""
    return Counter(attributes(each)["event_id"][1] for each in messages(scene))


def test_it_goes_on_until_it_is_done(
    scene: Scene, invoke: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs that are too short each send a part; together they send all events exactly once."""
    scene.publish(EVENTS)
    scene.drain(max_in_flight=16)
    messages(scene)

    runs: list[dict[str, Any]] = []
    following = None
    while not runs or not runs[-1]["is_done"]:
        # Less its reserve a second and a half: the slices at 0 and 1 s, of 20 events each.
        runs.append(invoke(16.5, dry_run=False, rate=20, name="made-up", after=following))
        following = runs[-1]["next"]
        assert len(runs) <= EVENTS

    assert len(runs) > 1
    assert {run["end_reason"] for run in runs[:-1]} == {"window"}
    assert sum(run["events"] for run in runs) == EVENTS
    assert len({run["replay"] for run in runs}) == 1
    assert ids(scene) == Counter(lines_by_id(scene).keys())
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["report"]["next"] for line in logged if "report" in line] == [
        run["next"] for run in runs
    ]
