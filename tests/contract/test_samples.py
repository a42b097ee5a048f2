"""The samples in ``events/`` are valid events and invocations."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf import json_format

from eventdrain.events import STREAMS
from simulator.event_server import Event, EventServer
from tests.deliveries import EventReader

_FOLDER: Final = Path(__file__).parents[2] / "events"
_RECEIVED_AT: Final = datetime(2026, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)


def _samples(event_type: str) -> list[dict[str, Any]]:
    samples: list[dict[str, Any]] = json.loads((_FOLDER / f"{event_type}.json").read_text())
    return samples


def test_every_stream_has_samples() -> None:
    """There is a file for each stream and one for the schedule."""
    assert {path.stem for path in _FOLDER.iterdir()} == {*STREAMS, "schedule"}
    assert all(_samples(event_type) for event_type in STREAMS)


@pytest.mark.parametrize("event_type", STREAMS)
def test_sample_becomes_its_line(event_type: str) -> None:
    """The event server can send each sample, and its line has the sample's content."""
    stream = STREAMS[event_type]
    event_ids = set()
    for sample in _samples(event_type):
        message = json_format.Parse(json.dumps(sample), stream.stream_response())
        delivery = EventReader(stream).read(message.SerializeToString(), _RECEIVED_AT)
        metadata = sample["metadata"]
        subscription = metadata["identifier"]["subscriptionIdentifier"]
        line = json.loads(delivery.line)
        event_ids.add(line.pop("event_id"))
        payload = json_format.ParseDict(
            {f"{event_type}_event": line.pop("event")}, stream.stream_response()
        )
        message.ClearField("metadata")
        assert payload == message
        assert list(line.items()) == [
            ("event_type", event_type),
            ("event_time", metadata["timestamp"]),
            ("subscription_id", subscription.get("wg2rn") or subscription["value"]),
            ("redelivered", metadata.get("isRedelivered", False)),
            ("received_at", "2026-02-03T04:05:06.789Z"),
        ]
        assert delivery.ack_info == metadata["ackInfo"]["value"]
    assert len(event_ids) == len(_samples(event_type))
    with EventServer() as server:
        events = [Event.from_json(event_type, json.dumps(each)) for each in _samples(event_type)]
        assert server.publish(events) == list(range(1, len(events) + 1))


def test_samples_are_of_nobody() -> None:
    """Numbers have an unused country code; IMEIs and long IMSIs are in the test ranges."""
    text = "".join((_FOLDER / f"{event_type}.json").read_text() for event_type in STREAMS)
    for pattern, beginning in (
        (r'"e164": "\+?(\d+)"', "999"),
        (r'"imei": "(\d+)"', "00100100"),
        (r'"value": "(\d{6,})"', "00101"),
    ):
        found = re.findall(pattern, text)
        assert found
        assert all(each.startswith(beginning) for each in found)


def test_schedule_is_a_schedulers_invocation() -> None:
    """It is the default input of EventBridge Scheduler."""
    event = json.loads((_FOLDER / "schedule.json").read_text())
    keys = "version id detail-type source account time region resources detail"
    assert list(event) == keys.split()
    assert (event["detail-type"], event["source"]) == ("Scheduled Event", "aws.scheduler")
    (schedule,) = event["resources"]
    prefix = f"arn:aws:scheduler:{event['region']}:{event['account']}:schedule/default/"
    assert schedule.startswith(prefix)
    assert json.loads(event["detail"]) == {}  # the scheduler sends text, not an object
