"""What alarms say of themselves, and what docs/alarms.md says of them."""

from __future__ import annotations

import re

from simulator.aws import PROJECT_FOLDER
from tests.alarms.rows import ROWS, STREAM
from tests.alarms.stack_alarms import alarm_definitions
from tests.alarms.timeline import INTERVAL, MINUTE


def test_descriptions_lead_to_the_document() -> None:
    """Each alarm's text names its section of docs/alarms.md, and no section is left over."""
    document = (PROJECT_FOLDER / "docs" / "alarms.md").read_text()
    sections = set(re.findall(r"^### (.+)$", document, re.MULTILINE))
    named = set()
    for name, definition in alarm_definitions().items():
        found = re.search(r"docs/alarms\.md, (.+?)\.$", definition["AlarmDescription"].strip())
        assert found is not None, name
        named.add(found[1])

    assert named == sections


def test_document_has_the_minutes() -> None:
    """How long docs/alarms.md says that an alarm takes is how long its test waits for it."""
    document = (PROJECT_FOLDER / "docs" / "alarms.md").read_text()
    documented = {
        name.replace(" ", "").lower(): int(minutes)
        for name, minutes in re.findall(
            r"^\| \[(.+?)\].+?\| (\d+) minutes?\b", document, re.MULTILINE
        )
    }
    interval = INTERVAL // MINUTE
    # Told from the last completed run, which is an interval before the first that is missing; and
    # from the end of a run that is stopped after five minutes.
    shifts = {"notdrained": interval, "timedout": -interval}
    expected: dict[str, int] = {}
    for row in ROWS:
        name = row.alarm.partition(".")[2].removesuffix("Alarm").lower()
        minutes = row.minutes + shifts.get(name, 0)
        expected[name] = min(minutes, expected.get(name, minutes))
    plural = {"outboxdeadletter": "outboxdeadletters", "scheduledeadletter": "scheduledeadletters"}

    assert documented == {plural.get(name, name): minutes for name, minutes in expected.items()}


def test_descriptions_of_streams_name_theirs() -> None:
    """Whoever is woken up by a stream's alarm reads at once which stream it is."""
    for name, definition in alarm_definitions().items():
        if name.startswith(STREAM):
            assert "handset_change" in definition["AlarmDescription"]
