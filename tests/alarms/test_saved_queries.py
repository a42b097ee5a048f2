"""The saved queries of the log use only fields that its lines have."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from eventdrain.drain import LeftReason
from eventdrain.wiring import SINKS
from tests.alarms import outages
from tests.alarms.stack_alarms import named
from tests.packaging.expanded_template import ExpandedTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.alarms.timeline import RealRun
    from tests.faults.scene import Scene

    Recorded = Callable[[Callable[[Scene], Sequence[RealRun]]], Sequence[RealRun]]

_OF_INSIGHTS: Final = {"@timestamp", "@message", "@requestId", "@type", "@billedDuration"}
"""Fields that CloudWatch adds: "Supported logs and discovered fields" in its user guide."""
_COMMANDS: Final = {
    "SOURCE",
    "filter",
    "fields",
    "stats",
    "sort",
    "limit",
    "by",
    "as",
    "asc",
    "desc",
}
_FUNCTIONS: Final = {"and", "or", "not", "like", "count", "sum", "max", "coalesce", "ispresent"}
_OPERATIONS: Final = ExpandedTemplate().nested["Operations"]
_QUERIES: Final = {
    name: query["QueryString"]
    for name, query in _OPERATIONS.of_type("AWS::Logs::QueryDefinition").items()
}
_OF_DASHBOARD: Final = {
    widget["properties"]["title"]: widget["properties"]["query"]
    for widget in json.loads(
        named(_OPERATIONS, _OPERATIONS.properties("EventsDashboard")["DashboardBody"])
    )["widgets"]
    if widget["type"] == "log"
}


@pytest.fixture
def records(healthy: list[RealRun], recorded: Recorded) -> list[dict[str, Any]]:
    """Return all log lines of some real runs, successful and failed."""
    runs = [
        *healthy,
        *recorded(outages.archive_denied),
        *recorded(outages.acks_not_confirmed),
        *recorded(outages.setting_that_can_not_work),
        *recorded(outages.renewal_refused),
        *recorded(outages.others_can_not_be_started),
    ]
    lines = [json.loads(line) for run in runs for line in run.lines]
    return [line for line in lines if "_aws" not in line]


def paths(record: dict[str, Any], before: str = "") -> Iterator[str]:
    """Return the fields of a line with the names in Logs Insights, where nested ones have dots."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from paths(value, f"{before}{name}.")
        else:
            yield before + name


def asked_for(query: str) -> set[str]:
    """Return the fields in a query: its words except commands, functions and its own aliases."""
    text = re.sub(r"(?m)^\s*#.*$|'[^']*'|/[^/\n]+/", " ", query.replace('"', "'"))
    own = set(re.findall(r"\bas (\w+)", text))
    return set(re.findall(r"@?[a-zA-Z_][\w.]*", text)) - _COMMANDS - _FUNCTIONS - own


@pytest.mark.parametrize(
    "query", [*_QUERIES.values(), *_OF_DASHBOARD.values()], ids=[*_QUERIES, *_OF_DASHBOARD]
)
def test_fields_are_those_of_the_log(query: str, records: list[dict[str, Any]]) -> None:
    """Every field in a query is in a line of a real run, or is added by CloudWatch."""
    known = {path for record in records for path in paths(record)} | _OF_INSIGHTS
    # Not all reasons occur in these runs; their names are those in the report.
    known |= {f"report.left.{reason}" for reason in (*LeftReason, *(row.name for row in SINKS))}

    assert asked_for(query) - known == set()


@pytest.mark.parametrize("name", _QUERIES)
def test_results_name_a_stream_or_a_run(name: str) -> None:
    """A query's result leads to the stream or to the run."""
    assert asked_for(_QUERIES[name]) & {"run_id", "event_type"}


def test_there_are_six_and_each_is_the_stacks() -> None:
    """Their names begin with the stack's, so that the console groups them in a folder."""
    queries = _OPERATIONS.of_type("AWS::Logs::QueryDefinition")

    assert len(queries) == 6
    for query in queries.values():
        assert query["Name"]["Fn::Sub"].startswith("${ServiceName}/")
        assert query["LogGroupNames"] == [{"Ref": "DrainEventsLogGroup"}]


def test_tokens_are_found_by_their_words(recorded: Recorded) -> None:
    """Log lines about tokens have the words that the query searches for."""
    (pattern, *_) = re.findall(r"like /([^/]+)/", _QUERIES["TokensAndAuthenticationQuery"])
    for outage in (
        outages.client_refused,
        outages.credentials_malformed,
        outages.stream_not_allowed,
        outages.bare_token_expired,
        outages.renewal_refused,
        outages.token_not_cached,
    ):
        texts = [
            line.get("report", {}).get("error") or line.get("message", "")
            for run in recorded(outage)
            for line in map(json.loads, run.lines)
        ]
        assert any(re.search(pattern, text) for text in texts), outage.__name__
