"""The function that replays: what it answers, logs and counts."""

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
    from collections.abc import Callable, Iterator
    from types import ModuleType

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


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Load the handler's module by its path, as Lambda does."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("replay_events_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    module.metrics.clear_metrics()


@pytest.fixture
def replayed(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Let every replay end in a way; gives what the replays were asked for."""

    def end_with(*checkpoints: Checkpoint, **values: Any) -> list[Any]:
        asked: list[Any] = []

        def run_replay(
            job: ReplayJob,
            report: ReplayReport,
            *,
            seconds: float,
            after: Checkpoint | None,
            on_checkpoint: Callable[[Checkpoint], None],
        ) -> ReplayReport:
            asked.append((job, seconds, after))
            for checkpoint in checkpoints:
                on_checkpoint(checkpoint)
            for name, value in values.items():
                setattr(report, name, value)
            return report

        monkeypatch.setattr(app, "run_replay", run_replay)
        # Powertools writes to the stdout that it first met; each test has one of its own.
        app.logger.logger_handler.stream = sys.stdout
        return asked

    return end_with


def checkpoint_at(lines: int) -> Checkpoint:
    """Make a checkpoint."""
    return Checkpoint("a" * 64, "made-up", KEY, lines, "b" * 64)


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the line that was logged and the metrics that were emitted."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (logged,) = [line for line in lines if "_aws" not in line]
    (emitted,) = [line for line in lines if "_aws" in line]
    return logged, emitted


def test_done(
    app: ModuleType, replayed: Callable[..., list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is done has no next; answer and log have the same report, and the events are counted."""
    asked = replayed(checkpoint_at(5), end_reason=ReplayEnd.DONE, events=40)

    answer = app.handler({"dry_run": False, "rate": 20, "subscriptions": [PERSONAL]}, CONTEXT)

    ((job, seconds, after),) = asked
    assert (job.rate, seconds, after) == (20, 75.0, None)
    assert (answer["is_done"], answer["next"], answer["events"]) == (True, None, 40)
    assert answer["seconds_at_rate"] == 2.0
    logged, emitted = printed(capsys)
    assert (logged["level"], logged["report"]) == ("INFO", json.loads(json.dumps(answer)))
    assert (emitted["Replayed"], emitted["ReplayFailed"]) == ([40], [0])
    assert PERSONAL not in json.dumps([logged, emitted, answer])


def test_more_to_be_done(app: ModuleType, replayed: Callable[..., list[Any]]) -> None:
    """Where the time was too short the answer says where to go on: at the last checkpoint."""
    replayed(checkpoint_at(5), checkpoint_at(9), end_reason=ReplayEnd.WINDOW)

    answer = app.handler({"dry_run": False}, CONTEXT)

    assert (answer["is_done"], answer["next"]) == (False, checkpoint_at(9).as_json())


def test_no_further_than_before(app: ModuleType, replayed: Callable[..., list[Any]]) -> None:
    """A run that gets nowhere answers with what it was given, so that nothing is begun anew."""
    asked = replayed(end_reason=ReplayEnd.WINDOW)
    job_digest = _digest_of(app, asked)
    before = Checkpoint(job_digest, "made-up", KEY, 5, "b" * 64).as_json()

    answer = app.handler({"dry_run": False, "after": before}, CONTEXT)

    assert (answer["is_done"], answer["next"]) == (False, before)


def _digest_of(app: ModuleType, asked: list[Any]) -> str:
    app.handler({"dry_run": False}, CONTEXT)
    digest: str = asked[-1][0].digest
    return digest


def test_failed(
    app: ModuleType, replayed: Callable[..., list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """A failure is an error in the log and a metric, and the answer still says where to go on."""
    replayed(checkpoint_at(5), end_reason=ReplayEnd.FAILED, error="made up: do this")

    answer = app.handler({"dry_run": False}, CONTEXT)

    assert (answer["error"], answer["next"]) == ("made up: do this", checkpoint_at(5).as_json())
    logged, emitted = printed(capsys)
    assert (logged["level"], emitted["ReplayFailed"]) == ("ERROR", [1])


def test_dry_run_is_the_default_and_counts_nothing_as_sent(
    app: ModuleType, replayed: Callable[..., list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever asks for nothing gets counts; the metric of events that were sent stays 0."""
    asked = replayed(end_reason=ReplayEnd.DONE, events=40)

    assert app.handler({}, CONTEXT)["is_dry_run"] is True

    assert asked[0][0].is_dry_run
    assert printed(capsys)[1]["Replayed"] == [0]


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_malformed_request_is_raised(
    app: ModuleType, replayed: Callable[..., list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """What can't be done is an error before anything is read, and nothing of it is printed."""
    asked = replayed(end_reason=ReplayEnd.DONE)
    with pytest.raises(ConfigurationError, match=r"subscriptions .* give a list"):
        app.handler({"subscriptions": PERSONAL}, CONTEXT)
    assert asked == []
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
