"""The request that opens a stream: what we ask of the event API, and why.

Source: the vendor's ``wgtwo/events/v1/events.proto`` and its documentation of event streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty

from eventdrain.settings import StartPosition
from wgtwo.events.v1.events_pb2 import DurableQueue, StreamConfiguration

if TYPE_CHECKING:
    from eventdrain.settings import Settings


def stream_request(settings: Settings) -> bytes:
    """Serialise the request for the stream of these settings.

    A durable queue with explicit acks, so that an event is the server's until it is ours. Where
    the server holds no position, it starts as far back as it can by default: a first deployment,
    and an outage longer than the server's memory, then lose as little as the server allows.
    """
    configuration = StreamConfiguration(
        durable_queue=DurableQueue(custom_name=settings.durable_queue_name),
        custom_ack_timeout=Duration(seconds=int(settings.ack_timeout.total_seconds())),
        max_in_flight=settings.max_in_flight,
    )
    if settings.start_position is StartPosition.NEW:
        configuration.start_at_new.CopyFrom(Empty())
    else:
        configuration.start_at_oldest_possible.CopyFrom(Empty())
    request = settings.stream.stream_request(stream_configuration=configuration)
    return request.SerializeToString()
