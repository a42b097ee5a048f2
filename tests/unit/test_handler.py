from __future__ import annotations

import importlib.util
import json
import logging
import sys
from collections import Counter
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

from eventdrain.drain import EndReason, LeftReason, Report
from eventdrain.errors import ConfigurationError, DrainFailed, StartFailed
from tests.unit.written_template import function_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

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
CONTEXT: Final = SimpleNamespace(
    function_name="drain-events",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:made-up-function",
    aws_request_id="made-up-request",
    get_remaining_time_in_millis=lambda: 90_000,
)
NO_TOKEN: Final = "made up: there is no token"
"""The error of a drain that gets no further than that."""
UNITS: Final = {
    "Received": "Count",
    "Redelivered": "Count",
    "Committed": "Count",
    "Acked": "Count",
    "Left": "Count",
    "ArchiveFailed": "Count",
    "OutboxFailed": "Count",
    "AckFailed": "Count",
    "Quarantined": "Count",
    "Oversize": "Count",
    "Completed": "Count",
    "Batches": "Count",
    "RunTime": "Seconds",
    "OldestEventAge": "Seconds",
}


def report(end_reason: EndReason = EndReason.IDLE, **values: Any) -> Report:
    """Make the report of a drain."""
    told: dict[str, Any] = {
        "received": 20,
        "redelivered": 3,
        "quarantined": 2,
        "oversize": 5,
        "committed": 15,
        "acked": 14,
        "left": Counter(
            {
                LeftReason.ACK: 1,
                LeftReason.ARCHIVE: 2,
                LeftReason.QUEUE: 1,
                LeftReason.NOT_TAKEN: 2,
            }
        ),
        "archive_failed": 2,
        "queue_failed": 3,
        "batches": 2,
        "oldest_event_age_seconds": 12.5,
        "run_seconds": 4.25,
    }
    return Report("country_change", end_reason=end_reason, **(told | values))


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Load the handler's module by its path, as Lambda does, with the template's environment."""
    for name, value in (POWERTOOLS | SETTINGS).items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("drain_events_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    module.metrics.clear_metrics()


@pytest.fixture
def drained(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[[Report], list[Any]]:
    """Let every drain end with a report; gives what the drains were asked for."""

    def end_with(result: Report) -> list[Any]:
        asked: list[Any] = []

        def run_drain(
            settings: Settings,
            *,
            remaining: timedelta,
            renews_early: bool,
            on_token: Callable[[], None],
        ) -> Report:
            asked.append((settings, remaining, renews_early))
            if result.error != NO_TOKEN:
                on_token()
            return result

        monkeypatch.setattr(app, "run_drain", run_drain)
        # Powertools writes to the stdout that it first met; each test has one of its own.
        app.logger.logger_handler.stream = sys.stdout
        return asked

    return end_with


def printed(
    capsys: pytest.CaptureFixture[str],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give the lines that were logged and the metrics that were emitted, in EMF."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return (
        [line for line in lines if "_aws" not in line],
        [line for line in lines if "_aws" in line],
    )


def test_report_is_returned_and_logged(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The caller and the log get the report, as JSON."""
    expected = report()
    drained(expected)

    returned = app.handler({}, CONTEXT)

    logged, _ = printed(capsys)
    assert json.loads(json.dumps(returned)) == expected.as_json()
    assert [(line["level"], line["report"]) for line in logged] == [("INFO", expected.as_json())]
    assert logged[0]["function_request_id"] == "made-up-request"


def test_drain_is_what_the_environment_says(
    app: ModuleType, drained: Callable[[Report], list[Any]]
) -> None:
    """The settings are the environment's, the time is what Lambda has left."""
    asked = drained(report())

    app.handler({"another": "key"}, CONTEXT)

    ((settings, remaining, _),) = asked
    assert settings.event_type == "country_change"
    assert settings.archive_bucket == "made-up-bucket"
    assert remaining == timedelta(seconds=90)


def test_metrics(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The counts are emitted as EMF, each with its unit, by stream and by function."""
    drained(report())

    app.handler({}, CONTEXT)

    _, (emitted,) = printed(capsys)
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "EventDrain"
    assert [sorted(each) for each in directive["Dimensions"]] == [["event_type", "service"]]
    assert emitted["event_type"] == "country_change"
    assert emitted["service"] == "made-up-stack"
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units == UNITS | {"EndedByIdle": "Count"}
    assert {name: emitted[name] for name in units} == {
        "Received": [20],
        "Redelivered": [3],
        "Committed": [15],
        "Acked": [14],
        "Left": [6],
        "ArchiveFailed": [2],
        "OutboxFailed": [3],
        "AckFailed": [1],
        "Quarantined": [2],
        "Oversize": [5],
        "Completed": [1],
        "Batches": [2],
        "RunTime": [4.25],
        "OldestEventAge": [12.5],
        "EndedByIdle": [1],
    }


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        (EndReason.IDLE, "EndedByIdle"),
        (EndReason.LIMIT, "EndedByLimit"),
        (EndReason.WINDOW, "EndedByWindow"),
    ],
)
def test_end_reason_is_a_metric(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    capsys: pytest.CaptureFixture[str],
    reason: EndReason,
    name: str,
) -> None:
    """Why a drain ended is counted by a metric of its own."""
    drained(report(reason))

    app.handler({}, CONTEXT)

    _, (emitted,) = printed(capsys)
    assert [each for each in emitted if each.startswith("EndedBy")] == [name]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"received": 0}, None, id="nothing came"),
        pytest.param({"oldest_event_age_seconds": -3.0}, [0.0], id="ahead of us"),
    ],
)
def test_age_of_the_oldest_event(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    capsys: pytest.CaptureFixture[str],
    values: dict[str, Any],
    expected: list[float] | None,
) -> None:
    """Where no event came there is no age; an event from the future has none either."""
    drained(report(**values))

    app.handler({}, CONTEXT)

    _, (emitted,) = printed(capsys)
    assert emitted.get("OldestEventAge") == expected


def test_failed_drain_is_raised(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A drain that failed fails the function, with the reason, after its metrics and report."""
    failed = report(EndReason.FAILED, error="made up: do this")
    drained(failed)

    with pytest.raises(DrainFailed, match="made up: do this"):
        app.handler({}, CONTEXT)

    logged, (emitted,) = printed(capsys)
    assert [(line["level"], line["report"]) for line in logged] == [("ERROR", failed.as_json())]
    assert (emitted["EndedByFailed"], emitted["Completed"]) == ([1], [0])
    assert emitted["Acked"] == [14]


def test_runs_do_not_add_up(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An environment that runs again emits the new run's counts alone."""
    drained(report(EndReason.LIMIT))
    app.handler({}, CONTEXT)
    drained(report(EndReason.IDLE, received=1))

    app.handler({}, CONTEXT)

    _, (_, emitted) = printed(capsys)
    assert emitted["Received"] == [1]
    assert "EndedByLimit" not in emitted
    assert emitted["event_type"] == "country_change"


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_wrong_settings_are_raised(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Settings that can't work fail the function before anything is drained."""
    asked = drained(report())
    monkeypatch.setenv("MAX_IN_FLIGHT", "0")

    with pytest.raises(ConfigurationError, match="MAX_IN_FLIGHT"):
        app.handler({}, CONTEXT)

    assert asked == []
    assert printed(capsys) == ([], [])


def test_nothing_of_the_invocation_is_printed(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the function is invoked with is not logged: nobody knows what is in it."""
    drained(report())

    app.handler({"number": "+9990000000001"}, CONTEXT)

    assert "+999" not in capsys.readouterr().out


# --- What is told where it happens ---


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (report(EndReason.LIMIT), [1]),
        (report(EndReason.WINDOW, last_events_age_seconds=61.0), [1]),
        (report(EndReason.WINDOW, last_events_age_seconds=59.0), None),
        (report(EndReason.IDLE), None),
    ],
    ids=["limit", "window, behind", "window, not behind", "idle"],
)
def test_backlog_is_a_metric_where_there_is_one(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    capsys: pytest.CaptureFixture[str],
    result: Report,
    expected: list[int] | None,
) -> None:
    """A run that left events waiting counts as such; any other has no such metric to pay for."""
    drained(result)

    app.handler({}, CONTEXT)

    _, (emitted,) = printed(capsys)
    assert emitted.get("Backlog") == expected


@pytest.mark.parametrize(
    ("values", "name", "count"),
    [
        ({"is_access_refused": True}, "AuthenticationFailed", 1),
        ({"token_renewals_failed": 2}, "TokenRenewalFailed", 2),
        ({"tokens_too_short": 1}, "TokenTooShort", 1),
    ],
)
def test_token_is_the_stacks(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    capsys: pytest.CaptureFixture[str],
    values: dict[str, Any],
    name: str,
    count: int,
) -> None:
    """What befalls the shared token is counted by the stack alone, in a line of its own."""
    drained(report(**values))

    app.handler({}, CONTEXT)

    _, lines = printed(capsys)
    (emitted,) = [line for line in lines if name in line]
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["service"]]
    assert (emitted["service"], emitted[name]) == ("made-up-stack", [count])
    assert len(lines) == 2
    assert "Received" not in emitted


# --- The log ---


def test_every_line_tells_run_window_and_stream(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The handler's lines and the engine's say which run they are of; the next run's say that."""
    monkeypatch.setenv("EVENT_TYPES", "country_change,consent_change")
    drained(report())
    end_with_report = app.run_drain

    def run_drain(*arguments: Any, **options: Any) -> Report:
        logging.getLogger("eventdrain.drain.drain").warning("made up: a line of the engine")
        result: Report = end_with_report(*arguments, **options)
        return result

    monkeypatch.setattr(app, "run_drain", run_drain)
    for number, event_type in enumerate(("country_change", "consent_change"), start=1):
        context = SimpleNamespace(**vars(CONTEXT) | {"aws_request_id": f"made-up-{number}"})
        app.handler({"event_type": event_type, "puller": number}, context)

    logged, _ = printed(capsys)
    assert [(line["run_id"], line["event_type"], line["window"]["puller"]) for line in logged] == [
        ("made-up-1", "country_change", 1)
    ] * 2 + [("made-up-2", "consent_change", 2)] * 2
    for line in logged:
        assert line["window"]["seconds"] == 240
        assert datetime.fromisoformat(line["window"]["opened_at"]).tzinfo is not None
        assert line["window"]["backlog_run"] == 0


def test_no_line_names_another_runs_stream(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A line that is logged before a run's stream is known has no stream, not the last run's."""
    drained(report())
    app.handler({}, CONTEXT)

    def of(_event: dict[str, Any]) -> Start:
        logging.getLogger("eventdrain.drain.start").warning("made up: before the stream is known")
        raise ConfigurationError("made up")

    monkeypatch.setattr(app.Start, "of", of)
    with (
        pytest.warns(UserWarning, match="No application metrics to publish"),
        pytest.raises(ConfigurationError),
    ):
        app.handler({}, SimpleNamespace(**vars(CONTEXT) | {"aws_request_id": "made-up-2"}))

    logged, _ = printed(capsys)
    assert logged[-1]["run_id"] == "made-up-2"
    assert "event_type" not in logged[-1]
    assert "window" not in logged[-1]


# --- Other runs ---


@pytest.fixture
def started(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Give the events that other runs are started with."""
    events: list[dict[str, Any]] = []

    def start_run(start: Start, *, function: str) -> None:
        assert function == CONTEXT.invoked_function_arn
        events.append(start.as_event())

    monkeypatch.setattr(app, "start_run", start_run)
    return events


def invoke(app: ModuleType, started: list[dict[str, Any]], **event: Any) -> list[dict[str, Any]]:
    """Run the function, and give the events of the runs that it started."""
    del started[:]
    app.handler({"event_type": "country_change"} | event, CONTEXT)
    return list(started)


def test_first_run_starts_the_other_pullers(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    started: list[dict[str, Any]],
) -> None:
    """The schedule's run starts each of the others once; these start none."""
    drained(report())
    monkeypatch.setenv("PULLERS", "3")

    others = invoke(app, started)

    expected = {"event_type": "country_change", "backlog_run": 0}
    assert sorted(others, key=itemgetter("puller")) == [
        expected | {"puller": 2},
        expected | {"puller": 3},
    ]
    assert [invoke(app, started, **other) for other in others] == [[], []]


def test_no_others_are_started_without_a_token(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    started: list[dict[str, Any]],
) -> None:
    """Where the first run gets no token the others would get none either, and aren't started."""
    drained(report(EndReason.FAILED, error=NO_TOKEN))
    monkeypatch.setenv("PULLERS", "8")

    with pytest.raises(DrainFailed, match=NO_TOKEN):
        invoke(app, started)

    assert started == []


def test_backlog_is_followed_until_the_brake(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    started: list[dict[str, Any]],
) -> None:
    """A backlog that never ends starts run after run, and no more of them than it is allowed."""
    drained(report(EndReason.LIMIT))
    monkeypatch.setenv("BACKLOG_RUNS", "3")
    monkeypatch.setenv("PULLERS", "2")

    waiting: list[dict[str, Any]] = [{}]
    runs = 0
    while waiting:
        runs += 1
        waiting += invoke(app, started, **waiting.pop())
        assert runs <= 100, "a runaway"

    assert runs == 2 * (1 + 3)


@pytest.mark.parametrize(
    ("reason", "backlog_runs"),
    [(EndReason.IDLE, "4"), (EndReason.LIMIT, "0")],
    ids=["nothing waits", "switched off"],
)
def test_no_next_run(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    started: list[dict[str, Any]],
    reason: EndReason,
    backlog_runs: str,
) -> None:
    """Where nothing waits, or nobody wants it, what comes is left to the schedule."""
    drained(report(reason))
    monkeypatch.setenv("BACKLOG_RUNS", backlog_runs)

    assert invoke(app, started) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StartFailed("made up: check the role"), "made up: check the role"),
        (ZeroDivisionError("+999"), "unexpected ZeroDivisionError"),
    ],
    ids=["refused", "a bug"],
)
def test_start_that_fails_does_not_fail_the_run(
    *,
    error: Exception,
    reason: str,
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """That others can't be started is logged and counted, and this run drains all the same."""
    drained(report(EndReason.LIMIT))
    monkeypatch.setenv("BACKLOG_RUNS", "1")

    def start_run(_start: Start, *, function: str) -> None:
        assert function
        raise error

    monkeypatch.setattr(app, "start_run", start_run)
    monkeypatch.setenv("PULLERS", "2")

    assert app.handler({}, CONTEXT)["acked"] == 14

    logged, (emitted,) = printed(capsys)
    reasons = [line["reason"] for line in logged if "reason" in line]
    assert [reason in each for each in reasons] == [True] * 2
    assert "+999" not in json.dumps(logged)
    assert emitted["StartsFailed"] == [1, 1]
    assert "Started" not in emitted


@pytest.mark.parametrize(
    ("event", "renews_early"),
    [
        ({"event_type": "country_change"}, True),
        ({"event_type": "country_change", "puller": 2}, False),
        ({"event_type": "country_change", "backlog_run": 1}, False),
        ({"event_type": "consent_change"}, False),
    ],
)
def test_one_run_renews_the_token_for_all(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    event: dict[str, Any],
    *,
    renews_early: bool,
) -> None:
    """Of the runs that one tick starts, the first over the stack's first stream renews early."""
    monkeypatch.setenv("EVENT_TYPES", "country_change,consent_change")
    asked = drained(report())

    app.handler(event, CONTEXT)

    assert asked[0][2] is renews_early


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
@pytest.mark.parametrize(
    "event", [{"event_type": 1}, {"puller": 0}, {"puller": "2"}, {"backlog_run": -1}]
)
def test_start_of_the_wrong_kind_is_refused(
    app: ModuleType, drained: Callable[[Report], list[Any]], event: dict[str, Any]
) -> None:
    """An invocation that makes no sense drains nothing, and is told what is wrong."""
    asked = drained(report())

    with pytest.raises(ConfigurationError, match=next(iter(event))):
        app.handler(event, CONTEXT)

    assert asked == []


def test_environment_that_runs_over_another_stream_counts_for_that(
    app: ModuleType,
    drained: Callable[[Report], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Lambda uses an environment again for whichever stream is due; its metrics are that one's."""
    monkeypatch.setenv("EVENT_TYPES", "country_change,consent_change")
    drained(report())

    for event_type in ("country_change", "consent_change"):
        app.handler({"event_type": event_type}, CONTEXT)

    _, emitted = printed(capsys)
    assert [each["event_type"] for each in emitted] == ["country_change", "consent_change"]
