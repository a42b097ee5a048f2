"""The samples in ``events/`` are what they say they are."""

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


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _in_camel_case(value: Any) -> Any:
    """Rename all fields as protobuf's JSON form has them by default."""
    if isinstance(value, dict):
        return {_camel(name): _in_camel_case(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_in_camel_case(inner) for inner in value]
    return value


def test_every_stream_has_samples() -> None:
    """There is a file for each stream, one for the schedule, and none else."""
    assert {path.stem for path in _FOLDER.iterdir()} == {*STREAMS, "schedule"}
    assert all(_samples(event_type) for event_type in STREAMS)


@pytest.mark.parametrize("event_type", STREAMS)
def test_sample_becomes_its_line(event_type: str) -> None:
    """The line of each sample says what the sample says, and nothing of it is unknown."""
    stream = STREAMS[event_type]
    reader = EventReader(stream)
    event_ids = set()
    for sample in _samples(event_type):
        message = json_format.Parse(json.dumps(sample), stream.stream_response())
        delivery = reader.read(message.SerializeToString(), _RECEIVED_AT)
        metadata = sample["metadata"]
        subscription = metadata["identifier"]["subscriptionIdentifier"]
        line = json.loads(delivery.line)
        payload = line.pop("event")
        event_ids.add(line.pop("event_id"))
        assert _in_camel_case(payload) == sample[_camel(f"{event_type}_event")]
        assert list(line.items()) == [
            ("event_type", event_type),
            ("event_time", metadata["timestamp"]),
            ("subscription_id", subscription.get("wg2rn") or subscription["value"]),
            ("redelivered", metadata.get("isRedelivered", False)),
            ("received_at", "2026-02-03T04:05:06.789Z"),
        ]
        assert delivery.ack_info == metadata["ackInfo"]["value"]
    assert len(event_ids) == len(_samples(event_type))


@pytest.mark.parametrize("event_type", STREAMS)
def test_samples_can_be_published(event_type: str) -> None:
    """The event server takes the samples as they are."""
    server = EventServer()
    try:
        events = [Event.from_json(event_type, json.dumps(each)) for each in _samples(event_type)]
        assert server.publish(events) == list(range(1, len(events) + 1))
    finally:
        server.stop()


def test_samples_are_of_nobody() -> None:
    """Numbers are of no country, IMEIs and long IMSIs of the test ranges."""
    text = "".join((_FOLDER / f"{event_type}.json").read_text() for event_type in STREAMS)
    numbers = re.findall(r'"e164": "\+?(\d+)"', text)
    imeis = re.findall(r'"imei": "(\d+)"', text)
    imsis = re.findall(r'"value": "(\d{6,})"', text)
    assert numbers
    assert imeis
    assert imsis
    assert all(number.startswith("999") for number in numbers)
    assert all(imei.startswith("00100100") for imei in imeis)
    assert all(imsi.startswith("00101") for imsi in imsis)


def test_schedule_is_a_schedulers_invocation() -> None:
    """It is what EventBridge Scheduler sends where a schedule names no input."""
    event = json.loads((_FOLDER / "schedule.json").read_text())
    assert list(event) == [
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    ]
    assert (event["detail-type"], event["source"]) == ("Scheduled Event", "aws.scheduler")
    (schedule,) = event["resources"]
    prefix = f"arn:aws:scheduler:{event['region']}:{event['account']}:schedule/default/"
    assert schedule.startswith(prefix)
    assert json.loads(event["detail"]) == {}  # text, not an object: that is how it comes
