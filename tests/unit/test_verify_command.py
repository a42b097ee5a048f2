"""The command that checks a deployed stack, against an Athena and a CloudFormation over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from drainctl.catalogue import saved_queries
from drainctl.group import drainctl
from drainctl.verify.checks import some_subscription
from simulator.child_process import ChildProcess
from tests.unit.athena_schema import athena_schema
from tests.unit.http_aws import STACK
from tests.unit.typed_sql import result_columns
from tests.unit.verify_endpoint import ENVIRONMENT, OUTPUTS, Scripted, Started, VerifyEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

_ROOT: Final = Path(__file__).parents[2]
_CUTOVER_COLUMNS: Final = ("dt", "expected", "rows", "ids")
_PERSON: Final = "made-up:subscription:o'hara"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[VerifyEndpoint]:
    """Yield the AWS that the command calls."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with VerifyEndpoint() as started:
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": started.url}.items():
            monkeypatch.setenv(name, value)
        yield started


def _verify(*arguments: str) -> Result:
    command = ["verify", "--stack-name", STACK, *arguments]
    return CliRunner().invoke(drainctl, command, env={"COLUMNS": "120"})


def _sql(name: str) -> str:
    return next(query.sql for query in saved_queries() if query.name == name)


def test_all_is_well(endpoint: VerifyEndpoint) -> None:
    """Every saved query runs in the stack's database and workgroup; the exit status is 0."""
    result = _verify()
    assert result.exit_code == 0, result.output
    assert "All 20 queries answered. No day differs." in result.stdout
    asked = {each.sql for each in endpoint.started} - {some_subscription()}
    assert asked == {query.sql for query in saved_queries()}
    assert {(each.database, each.work_group) for each in endpoint.started} == {
        (OUTPUTS["DatabaseName"], OUTPUTS["WorkGroupName"])
    }
    assert "1.2 MB" in result.stdout
    assert "1.5" in result.stdout


def test_some_at_once(endpoint: VerifyEndpoint) -> None:
    """At most five queries run concurrently, to leave room for the account's other users."""
    endpoint.script = lambda _: Scripted(states=("RUNNING", "SUCCEEDED"))
    assert _verify("--query", "seam_check", "--query", "lag_to_archive").exit_code == 0
    assert endpoint.most_at_once == 5


def test_subscription_is_found_and_not_printed(endpoint: VerifyEndpoint) -> None:
    """A subscription of the newest days is queried, and not printed."""
    endpoint.script = lambda started: (
        Scripted(columns=("subscription_id",), rows=((_PERSON,),))
        if started.sql == some_subscription()
        else Scripted(columns=("number",), rows=(("+4790000000",),) * 3)
    )
    result = _verify("--query", "subscriber_history")
    assert result.exit_code == 0, result.output
    search, history = endpoint.started
    assert search.parameters[1] == "'9999-12-31'"
    assert history.parameters == ("'made-up:subscription:o''hara'",)
    assert "o'hara" not in result.output
    assert "+4790000000" not in result.output
    assert "3" in result.stdout


def test_parameters_are_the_users(endpoint: VerifyEndpoint) -> None:
    """A given subscription and a given number are the parameters of queries."""
    result = _verify(
        *("--query", "subscriber_history", "--query", "sims_moved_often"),
        *("--subscription", _PERSON, "--more-than", "7"),
    )
    assert result.exit_code == 0, result.output
    assert {each.sql: each.parameters for each in endpoint.started} == {
        _sql("subscriber_history"): ("'made-up:subscription:o''hara'",),
        _sql("sims_moved_often"): ("7",),
    }


def test_day_is_where_a_subscription_is_taken(endpoint: VerifyEndpoint) -> None:
    """With a day, the subscription is searched only there; without one, its query is skipped."""
    result = _verify("--query", "subscriber_history", "--day", "2026-11-20")
    assert result.exit_code == 0, result.output
    assert [each.parameters for each in endpoint.started] == [
        ("'2026-11-20'", "'2026-11-20'"),
        ("'nobody'",),
    ]


def test_rows_are_shown_on_demand(endpoint: VerifyEndpoint) -> None:
    """The requested number of rows is printed, and their total."""
    endpoint.script = lambda _: Scripted(columns=("imei",), rows=(("first",), (None,), ("third",)))
    shown = _verify("--query", "software_updates", "--rows", "2").stdout
    assert "software_updates: 2 of 3 rows" in shown
    assert ("first" in shown, "third" in shown) == (True, False)


def test_failed_query(endpoint: VerifyEndpoint) -> None:
    """A failed query is reported with Athena's reason; others run, and the exit status is 1."""
    endpoint.script = lambda started: (
        Scripted(states=("FAILED",), reason="TABLE_NOT_FOUND: line 1:8 [made up]")
        if started.sql == _sql("software_updates")
        else Scripted()
    )
    result = _verify()
    assert result.exit_code == 1
    assert "software_updates: failed: TABLE_NOT_FOUND: line 1:8 [made up]" in result.stdout
    assert "queries answered" not in result.stdout
    assert len(endpoint.started) == len(saved_queries()) + 1


def _is_inconsistent(started: Started) -> Scripted:
    if started.sql != _sql("seam_check.first_attachment"):
        return Scripted(columns=_CUTOVER_COLUMNS)
    rows = (("2026-11-19", "10", "11", "10"), ("2026-11-21", "10", "9", None))
    return Scripted(columns=_CUTOVER_COLUMNS, rows=rows)


def test_day_that_differs(endpoint: VerifyEndpoint) -> None:
    """A day that differs is shown with its counts and the command that compacts it again."""
    endpoint.script = _is_inconsistent
    result = _verify("--query", "seam_check", "--region", "eu-north-1")
    assert result.exit_code == 1
    shown = [line.split("│")[1:-1] for line in result.stdout.splitlines() if "2026-11-19 │" in line]
    assert [cell.strip() for cell in shown[0]] == [
        "first_attachment", "2026-11-19", "10", "11", "10"
    ]  # fmt: skip
    assert (
        "aws stepfunctions start-execution --state-machine-arn"
        f" {OUTPUTS['CompactionStateMachineArn']} --input"
        """ '{"event_type": "first_attachment", "since": "2026-11-19"}' --region eu-north-1\n"""
    ) in result.stdout
    assert result.stdout.count("start-execution") == 1


def test_json(endpoint: VerifyEndpoint) -> None:
    """The JSON has each query's cost, or Athena's reason, and differences; rows on request."""
    endpoint.script = lambda started: (
        Scripted(states=("CANCELLED",), reason="made up")
        if started.sql == _sql("software_updates")
        else Scripted(columns=("dt", "n"), rows=(("2026-11-20", "1"), ("2026-11-19", None)))
        if started.sql == _sql("lag_to_archive.consent_change")
        else _is_inconsistent(started)
    )
    names = ("software_updates", "lag_to_archive.consent_change", "seam_check.first_attachment")
    chosen = [part for name in names for part in ("--query", name)]
    result = _verify("--json", "--rows", "2", *chosen)
    assert result.exit_code == 1, result.output
    found = json.loads(result.stdout)
    assert not found["is_well"]
    by_name = {each.pop("name"): each for each in found["queries"]}
    assert by_name["software_updates"] == {"is_answered": False, "error": "cancelled: made up"}
    cost = {"is_answered": True, "rows": 2, "scanned_bytes": 1_234_567, "seconds": 1.5}
    assert by_name["seam_check.first_attachment"] == cost
    first_rows = {"first_rows": [{"dt": "2026-11-20", "n": "1"}, {"dt": "2026-11-19", "n": None}]}
    assert by_name["lag_to_archive.consent_change"] == {**cost, **first_rows}
    assert found["differences"][0] == {
        "event_type": "first_attachment",
        "day": "2026-11-19",
        "events_archived": 10,
        "view_rows": 11,
        "view_events": 10,
    }
    assert found["differences"][1]["view_events"] == 0
    assert "start-execution" in found["to_fix"][0]


@pytest.mark.parametrize(("again", "status"), [("12", 0), ("10", 1)])
def test_day_that_differs_is_checked_again(
    endpoint: VerifyEndpoint, again: str, status: int
) -> None:
    """Only differences in both checks count, and only on the requested day."""

    def grows(started: Started) -> Scripted:
        ids = "11" if endpoint.started.count(started) == 1 else again
        return Scripted(columns=_CUTOVER_COLUMNS, rows=(("2026-11-24", "12", ids, ids),))

    endpoint.script = grows
    check = ("--query", "seam_check.first_attachment")
    assert _verify(*check).exit_code == status
    assert len(endpoint.started) == 2
    assert _verify(*check, "--day", "2026-11-25").exit_code == 0


def test_stack_without_a_catalogue(endpoint: VerifyEndpoint) -> None:
    """The error names the missing output."""
    del endpoint.outputs["WorkGroupName"]
    result = _verify()
    assert result.exit_code == 1
    assert "has no output WorkGroupName. To fix this, deploy the stack" in result.stderr
    assert endpoint.started == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ("--query", "lag"),
            "there is no query lag; the queries are duplicates_and_redeliveries, lag_to",
        ),
        (("--query", "lag_to_archive.sms"), "there is no query lag_to_archive.sms"),
        (("--day", "yesterday"), "it must be a date"),
        (("--day", "2026-02-31"), "it must be a date"),
        (("--day", "20261120"), "it must be a date"),
        (("--subscription", ""), "it is empty"),
        (("--rows", "-1"), "-1 is not in the range"),
    ],
)
def test_usage(endpoint: VerifyEndpoint, arguments: tuple[str, ...], reason: str) -> None:
    """Invalid options are rejected with 2, before any query."""
    result = _verify(*arguments)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert endpoint.started == []


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Let child processes be interrupted.

    In the background of a shell script, processes and their children ignore SIGINT.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_interrupt_stops_the_queries(endpoint: VerifyEndpoint) -> None:
    """Ctrl-C stops the queries that run at Athena, starts no more, and ends with 130."""
    endpoint.script = lambda _: Scripted(states=("RUNNING",))
    process = ChildProcess(
        [sys.executable, "-m", "drainctl", "verify", "--stack-name", STACK, "--query", "seam_check",
         "--query", "lag_to_archive"],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        while len(endpoint.started) < 5 and process.poll() is None:
            time.sleep(0.01)  # until the condition holds
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert "Interrupted" in stderr
    assert len(endpoint.started) == 5
    assert sorted(each.sql for each in endpoint.stopped) == sorted(
        each.sql for each in endpoint.started
    )


def test_subscription_query_is_sound() -> None:
    """The command's own query matches the catalogue."""
    assert result_columns(some_subscription(), athena_schema()) == {"subscription_id": "varchar"}
