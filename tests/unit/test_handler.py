from __future__ import annotations

import importlib.util
import json
import logging
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from eventdrain.drain import EndReason, LeftReason, Report
from eventdrain.errors import ConfigurationError, DrainFailed, StartFailed
from tests.unit.written_template import function_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eventdrain.drain import Start
    from eventdrain.settings import Settings

APP: Final = Path(__file__).parents[2] / "functions" / "drain_events" / "app.py"
POWERTOOLS: Final = {
    name: value for name, value in function_variables().items() if name.startswith("POWERTOOLS_")
} | {"POWERTOOLS_LOG_LEVEL": "INFO", "POWERTOOLS_SERVICE_NAME": "made-up-stack"}
SETTINGS: Final = {
    "BACKLOG_RUNS": "0",
    "ARCHIVE_BUCKET": "made-up-bucket",
    "QUEUE_URL": "https://sqs.example/made-up",
    "EVENT_TYPES": "country_change",
}
NO_TOKEN: Final = "made up: there is no token"
"""The error of a drain without a token."""
TWO_STREAMS: Final = "country_change,consent_change"
METRICS: Final = {
    "Received": 20,
    "Redelivered": 3,
    "Committed": 15,
    "Acked": 14,
    "Left": 6,
    "ArchiveFailed": 2,
    "OutboxFailed": 3,
    "AckFailed": 1,
    "Quarantined": 2,
    "Oversize": 5,
    "Completed": 1,
    "Batches": 2,
    "RunTime": 4.25,
    "OldestEventAge": 12.5,
}
"""The metrics that every run emits."""
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def report(end_reason: EndReason = EndReason.IDLE, **values: Any) -> Report:
    """Make the report of a drain."""
    left = {LeftReason.ACK: 1, "archive": 2, "queue": 1, LeftReason.NOT_TAKEN: 2}
    fields: dict[str, Any] = {
        "received": 20,
        "redelivered": 3,
        "quarantined": 2,
        "oversize": 5,
        "committed": 15,
        "acked": 14,
        "left": Counter(left),
        "failed": Counter({"archive": 2, "queue": 3}),
        "batches": 2,
        "oldest_event_age_seconds": 12.5,
        "run_seconds": 4.25,
    }
    return Report("country_change", end_reason=end_reason, **(fields | values))


class Run(NamedTuple):
    """One run: its result (None if it raised), log lines, metrics, and started runs."""

    returned: dict[str, Any] | None
    lines: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    started: list[dict[str, Any]]


class Function:
    """The function, loaded by its path as Lambda does, over drains that end with ``report``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        spec = importlib.util.spec_from_file_location("drain_events_app", APP)
        assert spec is not None
        assert spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        monkeypatch.setattr(self.module, "run_drain", self._run_drain)
        monkeypatch.setattr(self.module, "start_run", self._start_run)
        self._capsys = capsys
        self._started: list[dict[str, Any]] = []
        self.asked: list[tuple[Settings, timedelta]] = []
        self.report = report()
        self.on_drain: Callable[[], None] = lambda: None
        self.start_error: Exception | None = None

    def _run_drain(
        self, settings: Settings, *, remaining: timedelta, on_token: Callable[[], None]
    ) -> Report:
        self.asked.append((settings, remaining))
        self.on_drain()
        if self.report.error != NO_TOKEN:
            on_token()
        return self.report

    def _start_run(self, start: Start, *, function: str) -> None:
        assert function == "arn:made-up-function"
        if self.start_error is not None:
            raise self.start_error
        self._started.append(start.to_event())

    def run(
        self,
        event: dict[str, Any] | None = None,
        *,
        run_id: str = "made-up-request",
        fails: type[Exception] | None = None,
    ) -> Run:
        """Invoke the function, which must fail if ``error`` is given."""
        self._started.clear()
        # Powertools keeps the stdout of its first use; each test has another one.
        self.module.logger.logger_handler.stream = sys.stdout
        context = SimpleNamespace(
            function_name="drain-events",
            memory_limit_in_mb=512,
            invoked_function_arn="arn:made-up-function",
            aws_request_id=run_id,
            get_remaining_time_in_millis=lambda: 90_000,
        )
        returned = None
        if fails is None:
            returned = self.module.handler(event or {}, context)
        else:
            with pytest.raises(fails):
                self.module.handler(event or {}, context)
        printed = [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]
        return Run(
            returned,
            [line for line in printed if "_aws" not in line],
            [line for line in printed if "_aws" in line],
            list(self._started),
        )


@pytest.fixture
def function(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Function]:
    """Load the function with the template's environment."""
    for name, value in (POWERTOOLS | SETTINGS).items():
        monkeypatch.setenv(name, value)
    loaded = Function(monkeypatch, capsys)
    yield loaded
    loaded.module.metrics.clear_metrics()


# --- One run ---


def test_report_is_returned_and_logged(function: Function) -> None:
    """The report is returned and logged as JSON, without the invocation's event."""
    run = function.run({"number": "+9990000000001"})
    assert json.loads(json.dumps(run.returned)) == function.report.as_json()
    (line,) = run.lines
    assert (line["level"], line["report"]) == ("INFO", function.report.as_json())
    assert line["function_request_id"] == "made-up-request"
    assert "+999" not in json.dumps(line)
    ((settings, remaining),) = function.asked
    assert (settings.event_type, settings.archive_bucket) == ("country_change", "made-up-bucket")
    assert remaining == timedelta(seconds=90)


def test_metrics(function: Function) -> None:
    """The counts are emitted as EMF, each with its unit, by stream and by stack."""
    (emitted,) = function.run().metrics
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "EventDrain"
    assert [sorted(each) for each in directive["Dimensions"]] == [["event_type", "service"]]
    assert (emitted["event_type"], emitted["service"]) == ("country_change", "made-up-stack")
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    expected = METRICS | {"EndedByIdle": 1}
    assert {name: emitted[name] for name in units} == {name: [n] for name, n in expected.items()}
    in_seconds = {name for name, unit in units.items() if unit == "Seconds"}
    assert in_seconds == {"RunTime", "OldestEventAge"}
    assert {units[name] for name in units.keys() - in_seconds} == {"Count"}


def test_each_sink_has_its_metric(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink's row names the metric of its failures."""
    row = SimpleNamespace(name="ledger", failed_metric="LedgerFailed")
    monkeypatch.setattr(function.module, "SINKS", (*function.module.SINKS, row))
    function.report = report(failed=Counter(ledger=7))
    (emitted,) = function.run().metrics
    assert (emitted["LedgerFailed"], emitted["ArchiveFailed"]) == ([7], [0])


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (report(EndReason.IDLE), {"EndedByIdle": [1], "Backlog": None, "Heartbeats": None}),
        (report(EndReason.LIMIT), {"EndedByLimit": [1], "EndedByIdle": None, "Backlog": [1]}),
        (report(EndReason.WINDOW, last_events_age_seconds=61.0), {"Backlog": [1]}),
        (report(EndReason.WINDOW, last_events_age_seconds=59.0), {"Backlog": None}),
        (report(received=0, batches=0), {"OldestEventAge": None, "Batches": None}),
        (report(oldest_event_age_seconds=-3.0), {"OldestEventAge": [0.0]}),
        (report(heartbeats=4), {"Heartbeats": [4]}),
    ],
)
def test_metric_is_emitted_only_where_it_says_something(
    function: Function, ended: Report, expected: dict[str, list[float] | None]
) -> None:
    """Metrics cost money, so backlog, batches and age are emitted only if they have a meaning."""
    function.report = ended
    (emitted,) = function.run().metrics
    assert {name: emitted.get(name) for name in expected} == expected


def test_token_is_the_stacks(function: Function) -> None:
    """Metrics of the shared token have only the stack as dimension, in a separate line."""
    function.report = report(is_access_refused=True, token_renewals_failed=2, tokens_too_short=3)
    expected = {"AuthenticationFailed": [1], "TokenRenewalFailed": [2], "TokenTooShort": [3]}
    _, *lines = sorted(function.run().metrics, key=lambda line: "Received" not in line)
    assert {name: line.get(name) for line in lines for name in expected.keys() & line} == expected
    for line in lines:
        assert "Received" not in line
        assert line["service"] == "made-up-stack"
        assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]


def test_failed_drain_is_raised(function: Function) -> None:
    """A drain that failed fails the function, after its metrics and report."""
    function.report = report(EndReason.FAILED, error="made up: do this")
    run = function.run(fails=DrainFailed)
    (line,) = run.lines
    assert (line["level"], line["report"]) == ("ERROR", function.report.as_json())
    assert line["report"]["error"] == "made up: do this"
    (emitted,) = run.metrics
    assert [emitted[name] for name in ("EndedByFailed", "Completed", "Acked")] == [[1], [0], [14]]


def test_run_that_waits_for_credentials(function: Function) -> None:
    """It completes, starts no other run, and its one line says how to put the credentials in."""
    function.report = report(EndReason.WAITING, error=NO_TOKEN, acked=0)
    run = function.run()
    (line,) = run.lines
    assert line["level"] == "WARNING"
    assert "`make credentials STACK=made-up-stack`" in line["message"]
    (emitted,) = run.metrics
    assert [emitted[name] for name in ("EndedByWaiting", "Completed")] == [[1], [1]]
    assert run.started == []


@pytest.mark.parametrize(
    ("event", "max_in_flight"),
    [
        *(({}, "0"), ({"event_type": 1}, "1"), ({"puller": 0}, "1"), ({"puller": "2"}, "1")),
        ({"backlog_run": -1}, "1"),
    ],
)
def test_wrong_start_and_settings_are_raised(
    function: Function, monkeypatch: pytest.MonkeyPatch, event: dict[str, Any], max_in_flight: str
) -> None:
    """An invalid start or invalid settings fail the function before it drains."""
    monkeypatch.setenv("MAX_IN_FLIGHT", max_in_flight)
    run = function.run(event, fails=ConfigurationError)
    assert (function.asked, run.lines, run.metrics) == ([], [], [])


# --- One environment, several runs ---


def test_runs_do_not_mix(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a reused environment, log lines and metrics are those of the current run's stream."""
    monkeypatch.setenv("EVENT_TYPES", TWO_STREAMS)
    engine = logging.getLogger("eventdrain.drain.drain")
    function.on_drain = lambda: engine.warning("made up: a line of the engine")
    starts = (
        ("country_change", 1, report(EndReason.LIMIT)),
        ("consent_change", 2, report(received=1)),
    )
    for event_type, number, ended in starts:
        function.report = ended
        event = {"event_type": event_type, "puller": number}
        run = function.run(event, run_id=f"made-up-{number}")
        assert len(run.lines) == 2  # one is the engine's
        for line in run.lines:
            assert (line["run_id"], line["event_type"]) == (f"made-up-{number}", event_type)
            window = line["window"]
            assert datetime.fromisoformat(window.pop("opened_at")).tzinfo is not None
            assert window == {"seconds": 240, "puller": number, "backlog_run": 0}
        (emitted,) = run.metrics
        assert emitted["event_type"] == event_type
        assert emitted["Received"] == [ended.received]
        assert ("EndedByLimit" in emitted) == (ended.end_reason is EndReason.LIMIT)


def test_no_line_names_another_runs_stream(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line logged before the stream is known has no stream, not that of the last run."""
    function.run()

    def from_event(_event: dict[str, Any]) -> Start:
        logging.getLogger("eventdrain.drain.start").warning("made up: before the stream is known")
        raise ConfigurationError("made up")

    monkeypatch.setattr(function.module.Start, "from_event", from_event)
    line = function.run(run_id="made-up-2", fails=ConfigurationError).lines[-1]
    assert line["run_id"] == "made-up-2"
    assert not {"event_type", "window"} & line.keys()


# --- Other runs ---


def test_first_run_starts_the_others(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule's run starts each concurrent run once, if it has a token; these start none."""
    monkeypatch.setenv("PULLERS", "3")
    others = function.run().started
    assert sorted(other["puller"] for other in others) == [2, 3]
    assert [function.run(other).started for other in others] == [[], []]
    function.report = report(EndReason.FAILED, error=NO_TOKEN)
    assert function.run(fails=DrainFailed).started == []


@pytest.mark.parametrize(
    ("reason", "backlog_runs", "expected"),
    [(EndReason.LIMIT, 3, 2 * (1 + 3)), (EndReason.LIMIT, 0, 2), (EndReason.IDLE, 4, 2)],
)
def test_backlog_is_followed_until_the_limit(
    function: Function,
    monkeypatch: pytest.MonkeyPatch,
    reason: EndReason,
    backlog_runs: int,
    expected: int,
) -> None:
    """A permanent backlog starts one run after another, up to the limit."""
    function.report = report(reason)
    monkeypatch.setenv("BACKLOG_RUNS", str(backlog_runs))
    monkeypatch.setenv("PULLERS", "2")
    waiting: list[dict[str, Any]] = [{}]
    runs = 0
    while waiting:
        runs += 1
        waiting += function.run(waiting.pop()).started
        assert runs <= 100, "a runaway"
    assert runs == expected


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StartFailed("made up: check the role"), "made up: check the role"),
        (ZeroDivisionError("+999"), "unexpected ZeroDivisionError"),
    ],
)
def test_start_that_fails_does_not_fail_the_run(
    function: Function, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    """A failed start of another run is logged and counted, and this run drains."""
    function.report = report(EndReason.LIMIT)
    function.start_error = error
    monkeypatch.setenv("BACKLOG_RUNS", "1")
    monkeypatch.setenv("PULLERS", "2")

    run = function.run()

    assert run.returned is not None
    assert run.returned["acked"] == 14
    assert [reason in line["reason"] for line in run.lines if "reason" in line] == [True] * 2
    assert "+999" not in json.dumps(run.lines)
    (emitted,) = run.metrics
    assert emitted["StartsFailed"] == [1, 1]
    assert "Started" not in emitted
