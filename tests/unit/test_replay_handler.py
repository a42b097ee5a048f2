"""The replay function: its answer, log and metrics."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import Mock

import pytest

from eventdrain import replay_wiring
from eventdrain.errors import ConfigurationError
from eventdrain.replay import Checkpoint, ReplayEnd, ReplayReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from eventdrain.replay import ReplayJob

APP: Final = Path(__file__).parents[2] / "functions" / "replay_events" / "app.py"
ENVIRONMENT: Final = {
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "POWERTOOLS_SERVICE_NAME": "made-up-stack",
    "POWERTOOLS_METRICS_NAMESPACE": "EventDrain",
    "ARCHIVE_BUCKET": "made-up-bucket",
    "QUEUE_URL": "https://sqs.example/made-up",
    "EVENT_TYPES": "handset_change",
    "RESERVE_SECONDS": "15",
}
CONTEXT: Final = SimpleNamespace(
    function_name="replay-events",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:made-up-function",
    aws_request_id="made-up-request",
    get_remaining_time_in_millis=lambda: 90_000,
)
KEY: Final = "events/handset_change/dt=2026-03-01/0.ndjson.gz"
PERSONAL: Final = "madeup:eu:5"


class Function:
    """The function, loaded by its path as Lambda does, over a replay that ends in a given way.

    Attributes:
        jobs: The jobs, times and checkpoints of replays.
        checkpoints: The checkpoints that the next replays report.
        ending: Attributes of their final report.
        logged: The last run's log line.
        emitted: The last run's metrics.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        spec = importlib.util.spec_from_file_location("replay_events_app", APP)
        assert spec is not None
        assert spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        monkeypatch.setattr(self.module, "run_replay", self._run_replay)
        self._capsys = capsys
        self.jobs: list[tuple[ReplayJob, float, Checkpoint | None]] = []
        self.checkpoints: list[Checkpoint] = []
        self.ending: Mapping[str, Any] = {"end_reason": ReplayEnd.DONE, "events": 40}

    def _run_replay(
        self,
        job: ReplayJob,
        report: ReplayReport,
        *,
        seconds: float,
        after: Checkpoint | None,
        on_checkpoint: Callable[[Checkpoint], None],
    ) -> ReplayReport:
        self.jobs.append((job, seconds, after))
        for checkpoint in self.checkpoints:
            on_checkpoint(checkpoint)
        for name, value in self.ending.items():
            setattr(report, name, value)
        return report

    def run(self, **event: Any) -> dict[str, Any]:
        """Invoke the function, and return its answer."""
        # Powertools keeps the stdout of its first use; each test has another one.
        self.module.logger.logger_handler.stream = sys.stdout
        answer: dict[str, Any] = self.module.handler(event, CONTEXT)
        lines = [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]
        (self.logged,) = [line for line in lines if "_aws" not in line]
        (self.emitted,) = [line for line in lines if "_aws" in line]
        return answer


@pytest.fixture
def function(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Function]:
    """Load the function with a made-up stack's environment."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    loaded = Function(monkeypatch, capsys)
    yield loaded
    loaded.module.metrics.clear_metrics()


def checkpoint_at(lines: int, digest: str = "a" * 64) -> Checkpoint:
    """Make a checkpoint."""
    return Checkpoint(digest, "made-up", KEY, lines, "b" * 64)


def test_done(function: Function) -> None:
    """A complete replay has no `next`; answer and log have its report, and events are counted."""
    function.checkpoints = [checkpoint_at(5)]

    answer = function.run(dry_run=False, rate=20, subscriptions=[PERSONAL])

    ((job, seconds, after),) = function.jobs
    assert (job.rate, seconds, after) == (20, 75.0, None)
    assert (answer["is_done"], answer["next"], answer["events"]) == (True, None, 40)
    assert answer["seconds_at_rate"] == 2.0
    report = json.loads(json.dumps(answer))
    assert (function.logged["level"], function.logged["report"]) == ("INFO", report)
    assert (function.emitted["Replayed"], function.emitted["ReplayFailed"]) == ([40], [0])
    assert PERSONAL not in json.dumps([function.logged, function.emitted, answer])


def test_more_to_be_done(function: Function) -> None:
    """An incomplete run answers with its last checkpoint, or the one that it was given."""
    function.ending = {"end_reason": ReplayEnd.WINDOW}
    function.run(dry_run=False)
    before = checkpoint_at(5, function.jobs[0][0].digest).as_json()
    no_further = function.run(dry_run=False, after=before)
    assert (no_further["is_done"], no_further["next"]) == (False, before)
    function.checkpoints = [checkpoint_at(5), checkpoint_at(9)]
    assert function.run(dry_run=False)["next"] == checkpoint_at(9).as_json()


def test_failed(function: Function) -> None:
    """A failure is logged as an error and counted; the answer still has the checkpoint."""
    function.checkpoints = [checkpoint_at(5)]
    function.ending = {"end_reason": ReplayEnd.FAILED, "error": "made up: do this"}
    answer = function.run(dry_run=False)
    assert (answer["error"], answer["next"]) == ("made up: do this", checkpoint_at(5).as_json())
    assert (function.logged["level"], function.emitted["ReplayFailed"]) == ("ERROR", [1])


def test_dry_run_is_the_default_and_counts_nothing_as_sent(function: Function) -> None:
    """By default the function only counts, and the metric of sent events is 0."""
    assert function.run()["is_dry_run"] is True
    assert function.jobs[0][0].is_dry_run
    assert function.emitted["Replayed"] == [0]


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_malformed_request_is_raised(
    function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    """A malformed request is an error before anything is read, and is not printed."""
    with pytest.raises(ConfigurationError, match=r"subscriptions .* use a list"):
        function.run(subscriptions=PERSONAL)
    assert function.jobs == []
    assert PERSONAL not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "reported"),
    [(ConfigurationError("made up: no region"), "made up: no region"), (KeyError(1), "KeyError")],
    ids=["configuration", "bug"],
)
def test_what_ends_a_replay_before_its_begin_is_reported(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reported: str
) -> None:
    """An error before anything is read, a bug too, ends in the report."""
    monkeypatch.setattr(replay_wiring, "opened_replay", Mock(side_effect=error))
    report = replay_wiring.run_replay(
        Mock(),
        ReplayReport("made-up", is_dry_run=False),
        seconds=1.0,
        after=None,
        on_checkpoint=Mock(),
    )
    assert reported in str(report.error)
