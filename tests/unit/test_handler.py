from __future__ import annotations

import importlib.util
import json
import logging
import sys
from collections import Counter
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from drainctl.plan import rules
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
    "Completed": 1,
    "Received": 20,
    "Redelivered": 7,
    "ArchiveFailed": 2,
    "OutboxFailed": 3,
    "AckFailed": 1,
    "Quarantined": 2,
    "OldestEventAge": 460.0,
}
"""The stream's metrics of the report below, whose run has several problems."""
STACK_METRICS: Final = {"NotAcked": 2 + 3 + 1 + 7, "Warnings": 2, "OldestEventAge": 460.0}
"""The stack's metrics of the same report, which alarms evaluate."""
QUIET: Final[dict[str, Any]] = {
    "received": 0,
    "redelivered": 0,
    "quarantined": 0,
    "oversize": 0,
    "committed": 0,
    "acked": 0,
    "left": Counter(),
    "failed": Counter(),
    "batches": 0,
    "oldest_event_age_seconds": 0.0,
}
"""The fields of a report of a run without events."""
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def report(end_reason: EndReason = EndReason.IDLE, **values: Any) -> Report:
    """Make the report of a drain."""
    left = {LeftReason.ACK: 1, "archive": 2, "queue": 1, LeftReason.NOT_TAKEN: 2}
    fields: dict[str, Any] = {
        "received": 20,
        "redelivered": 7,
        "quarantined": 2,
        "oversize": 5,
        "committed": 15,
        "acked": 14,
        "left": Counter(left),
        "failed": Counter({"archive": 2, "queue": 3}),
        "batches": 2,
        "oldest_event_age_seconds": 460.0,
        "run_seconds": 4.25,
    }
    return Report("country_change", end_reason=end_reason, **(fields | values))


class Run(NamedTuple):
    """One run: its result (None if it raised), log lines, metrics, and started runs."""

    returned: dict[str, Any] | None
    lines: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    started: list[dict[str, Any]]

    @property
    def count_of_metrics(self) -> int:
        """How many metrics the run emitted; CloudWatch bills each."""
        return sum(
            len(directive["Metrics"])
            for line in self.metrics
            for directive in line["_aws"]["CloudWatchMetrics"]
        )

    @property
    def of_stream_first(self) -> list[dict[str, Any]]:
        """The lines of metrics: that of the stream, then those of the stack."""
        return sorted(self.metrics, key=lambda line: "event_type" not in line)


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
    emitted, *others = function.run().of_stream_first
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "EventDrain"
    assert [sorted(each) for each in directive["Dimensions"]] == [["event_type", "service"]]
    assert (emitted["event_type"], emitted["service"]) == ("country_change", "made-up-stack")
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert {name: emitted[name] for name in units} == {name: [n] for name, n in METRICS.items()}
    assert {name for name, unit in units.items() if unit == "Seconds"} == {"OldestEventAge"}
    for line in others:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "EventDrain"
        assert directive["Dimensions"] == [["service"]]
        assert line["service"] == "made-up-stack"
    assert {name: line[name] for line in others for name in STACK_METRICS.keys() & line} == {
        name: [n] for name, n in STACK_METRICS.items()
    }
    assert len(others) == len(STACK_METRICS)


def test_metrics_are_those_that_are_billed(function: Function) -> None:
    """A run without events emits `Completed` alone: CloudWatch bills each metric.

    One with events has a second metric, and one that leaves events waiting has two more.
    """
    few = QUIET | {"received": 1, "acked": 1}
    counts = []
    for ended in (report(**QUIET), report(**few), report(EndReason.LIMIT, **few)):
        function.report = ended
        counts.append(function.run().count_of_metrics)
    assert counts == list(
        accumulate(
            (rules.METRICS_OF_EVERY_RUN, rules.METRICS_OF_SOME_RUNS, rules.METRICS_OF_MANY_RUNS)
        )
    )
    assert counts[0] == 1


def test_line_of_metrics_has_what_the_doctor_reads(function: Function) -> None:
    """The doctor reads more of the run from the line of its metrics, which is always logged."""
    emitted = function.run().of_stream_first[0]
    names = ("end_reason", "acked", "oldest_event_age_seconds")
    assert [emitted[name] for name in names] == ["idle", 14, 460.0]


def test_each_sink_has_its_metric(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink's row names the metric of what it failed to write, which counts as not acked."""
    row = SimpleNamespace(name="ledger", failed_metric="LedgerFailed")
    monkeypatch.setattr(function.module, "SINKS", (*function.module.SINKS, row))
    function.report = report(**QUIET | {"failed": Counter(ledger=7)})
    emitted, of_stack = function.run().of_stream_first
    assert emitted["LedgerFailed"] == of_stack["NotAcked"] == [7]
    assert "ArchiveFailed" not in emitted


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (report(EndReason.IDLE), {"Backlog": None}),
        (report(EndReason.LIMIT), {"Backlog": 1}),
        (report(EndReason.WINDOW, last_events_age_seconds=61.0), {"Backlog": 1}),
        (report(EndReason.WINDOW, last_events_age_seconds=59.0), {"Backlog": None}),
        (report(oldest_event_age_seconds=450.0), {"OldestEventAge": None}),
        (report(**QUIET | {"left": Counter({LeftReason.NOT_TAKEN: 2})}), {"NotAcked": None}),
        (report(**QUIET | {"received": 3, "redelivered": 1}), {"NotAcked": None}),
        (report(**QUIET | {"received": 7, "redelivered": 2}), {"NotAcked": None}),
        (report(**QUIET | {"received": 6, "redelivered": 2}), {"NotAcked": 2}),
        (report(**QUIET | {"is_access_refused": True}), {"AuthenticationFailed": 1}),
        (report(**QUIET | {"token_renewals_failed": 2}), {"TokenRenewalFailed": 2, "Warnings": 2}),
        (report(**QUIET | {"tokens_too_short": 3}), {"Warnings": None, "TokenTooShort": 3}),
    ],
)
def test_alarms_metric_is_emitted_only_if_it_says_something(
    function: Function, ended: Report, expected: dict[str, float | None]
) -> None:
    """What alarms evaluate is a metric of the stack alone, and has no value without a problem."""
    function.report = ended
    _, *lines = function.run().of_stream_first
    emitted = {name: value for line in lines for name, value in line.items()}
    assert {name: emitted.get(name) for name in expected} == {
        name: None if value is None else [value] for name, value in expected.items()
    }


def test_failed_drain_is_raised(function: Function) -> None:
    """A drain that failed fails the function, after its metrics and report."""
    function.report = report(EndReason.FAILED, error="made up: do this")
    run = function.run(fails=DrainFailed)
    (line,) = run.lines
    assert (line["level"], line["report"]) == ("ERROR", function.report.as_json())
    assert line["report"]["error"] == "made up: do this"
    emitted = run.of_stream_first[0]
    assert (emitted["Completed"], emitted["end_reason"]) == ([0], "failed")


def test_run_that_waits_for_credentials(function: Function) -> None:
    """It completes, starts no other run, and its one line says how to put the credentials in."""
    function.report = report(EndReason.WAITING, error=NO_TOKEN, **QUIET)
    run = function.run()
    (line,) = run.lines
    assert line["level"] == "WARNING"
    assert "`make credentials STACK=made-up-stack`" in line["message"]
    (emitted,) = run.metrics
    assert (emitted["Completed"], emitted["end_reason"]) == ([1], "waiting")
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
            assert window == {"seconds": 20, "puller": number, "backlog_run": 0}
        emitted = run.of_stream_first[0]
        assert emitted["event_type"] == event_type
        assert emitted["Received"] == [ended.received]
        assert ("Backlog" in emitted) == (ended.end_reason is EndReason.LIMIT)


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


def test_metrics_of_alarms_do_not_wait_for_other_runs(
    function: Function, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are printed before the next run is started, which may take longer than the run has."""
    printed: list[str] = []
    monkeypatch.setenv("BACKLOG_RUNS", "1")
    function.report = report(EndReason.LIMIT)
    monkeypatch.setattr(
        function.module, "start_run", lambda *_, **__: printed.append(capsys.readouterr().out)
    )
    function.run()
    assert '"NotAcked"' in printed[0]


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
    assert run.of_stream_first[0]["StartsFailed"] == [1, 1]
