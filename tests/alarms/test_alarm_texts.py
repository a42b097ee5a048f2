"""The alarms' descriptions and docs/alarms.md."""

from __future__ import annotations

import re

from simulator.aws import PROJECT_FOLDER
from tests.alarms.rows import ROWS, STREAM
from tests.alarms.stack_alarms import alarm_definitions
from tests.alarms.timeline import INTERVAL, MINUTE
from tests.packaging.expanded_template import ExpandedTemplate


def test_descriptions_lead_to_the_document() -> None:
    """Each description names its section of docs/alarms.md, and each section has an alarm."""
    document = (PROJECT_FOLDER / "docs" / "alarms.md").read_text()
    sections = set(re.findall(r"^### (.+)$", document, re.MULTILINE))
    named = set()
    for name, definition in alarm_definitions().items():
        found = re.search(r"docs/alarms\.md, (.+?)\.$", definition["AlarmDescription"].strip())
        assert found is not None, name
        named.add(found[1])

    assert named == sections


def test_document_has_the_minutes() -> None:
    """The time to fire in docs/alarms.md is the one that the alarm's test checks."""
    document = (PROJECT_FOLDER / "docs" / "alarms.md").read_text()
    documented = {
        name.replace(" ", "").lower(): int(minutes)
        for name, minutes in re.findall(
            r"^\| \[(.+?)\].+?\| (\d+) minutes?\b", document, re.MULTILINE
        )
    }
    interval = INTERVAL // MINUTE
    # In the document, NotDrained counts from the last completed run, one interval before the first
    # missing one.
    shifts = {"notdrained": interval}
    expected: dict[str, int] = {}
    for row in ROWS:
        name = row.alarm.partition(".")[2].removesuffix("Alarm").lower()
        minutes = row.minutes + shifts.get(name, 0)
        expected[name] = min(minutes, expected.get(name, minutes))
    plural = {"outboxdeadletter": "outboxdeadletters", "scheduledeadletter": "scheduledeadletters"}

    assert documented == {plural.get(name, name): minutes for name, minutes in expected.items()}


def test_named_saved_queries_exist() -> None:
    """Each saved query that a description names is one of the stack's."""
    queries = ExpandedTemplate().nested["Operations"].of_type("AWS::Logs::QueryDefinition")
    names = {query["Name"]["Fn::Sub"].partition("/")[2] for query in queries.values()}
    texts = [definition["AlarmDescription"] for definition in alarm_definitions().values()]
    named = [name for text in texts for name in re.findall(r'saved query "([^"]+)"', text)]

    assert len(named) == 5
    assert set(named) <= names


def test_descriptions_of_streams_name_theirs() -> None:
    """The description of a stream's alarm names the stream."""
    for name, definition in alarm_definitions().items():
        if name.startswith(STREAM):
            assert "handset_change" in definition["AlarmDescription"]
