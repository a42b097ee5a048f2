from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from eventdrain.drain import stream_request
from eventdrain.events import STREAMS
from eventdrain.settings import Settings

if TYPE_CHECKING:
    from wgtwo.events.v1.events_pb2 import StreamConfiguration

NEEDED: Final = {"ARCHIVE_BUCKET": "made-up", "QUEUE_URL": "made-up"}


def asked(**variables: str) -> StreamConfiguration:
    """Return the stream configuration for these variables."""
    settings = Settings.from_env(NEEDED | variables)
    request: Any = settings.stream.stream_request.FromString(stream_request(settings))
    configuration: StreamConfiguration = request.stream_configuration
    return configuration


def test_by_default() -> None:
    """By default: an unnamed durable queue, explicit acks within 25 s, the oldest event."""
    configuration = asked()
    assert configuration.WhichOneof("stream_type") == "durable_queue"
    assert configuration.durable_queue.custom_name == ""
    assert configuration.WhichOneof("acknowledge_option") == "custom_ack_timeout"
    assert configuration.custom_ack_timeout.ToTimedelta().total_seconds() == 25
    assert configuration.max_in_flight == 200
    assert configuration.WhichOneof("start_position") == "start_at_oldest_possible"


def test_each_setting_is_asked_for() -> None:
    """Each setting of the stream reaches the request."""
    configuration = asked(
        DURABLE_QUEUE_NAME="mine",
        ACK_TIMEOUT_SECONDS="600",
        MAX_IN_FLIGHT="1",
        START_POSITION="new",
    )
    assert configuration.durable_queue.custom_name == "mine"
    assert configuration.custom_ack_timeout.ToTimedelta().total_seconds() == 600
    assert configuration.max_in_flight == 1
    assert configuration.WhichOneof("start_position") == "start_at_new"


@pytest.mark.parametrize("event_type", STREAMS)
def test_every_stream_is_asked_alike(event_type: str) -> None:
    """Every stream's request has its own type and the same configuration."""
    assert asked(EVENT_TYPES=event_type) == asked()
