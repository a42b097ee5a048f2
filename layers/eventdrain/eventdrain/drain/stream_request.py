"""The request that opens a stream.

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
    """Return the serialised request that opens the stream of these settings.

    The request uses a durable queue with explicit acks, so that the server keeps an event until it
    is acked. If the server holds no position for the queue, the stream by default starts as far
    back as possible. This minimises the loss on a first deployment, and after an outage that is
    longer than the server's history.
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
