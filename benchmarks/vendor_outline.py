"""A client with the outline of the vendor's example, to measure what a simple port would cost.

It opens the stream with ten events in flight and a pool of ten threads. Each event is written as
one object and one message, and acked by one call.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Final

import boto3
import click
import grpc
from google.protobuf.json_format import MessageToJson

from benchmarks.measured import measured
from wgtwo.events.v1.events_pb2 import AckStatus, DurableQueue, StreamConfiguration
from wgtwo.subscription.v1.subscription_events_pb2 import (
    AckHandsetChangeEventRequest,
    StreamHandsetChangeEventsRequest,
)
from wgtwo.subscription.v1.subscription_events_pb2_grpc import SubscriptionEventServiceStub

if TYPE_CHECKING:
    from wgtwo.subscription.v1.subscription_events_pb2 import StreamHandsetChangeEventsResponse

_THREADS: Final = 10


def drain(target: str, events: int) -> None:
    """Receive, write and ack events.

    Args:
        target: The event server.
        events: How many events to drain.
    """
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    bucket, queue_url = os.environ["ARCHIVE_BUCKET"], os.environ["QUEUE_URL"]
    with grpc.insecure_channel(target) as channel, ThreadPoolExecutor(_THREADS) as pool:
        stub = SubscriptionEventServiceStub(channel)

        def handle(delivery: StreamHandsetChangeEventsResponse) -> None:
            body = MessageToJson(delivery, indent=None, preserving_proto_field_name=True)
            handle = delivery.metadata.ack_info
            s3.put_object(Bucket=bucket, Key=f"events/{handle.value}.json", Body=f"{body}\n")
            sqs.send_message(QueueUrl=queue_url, MessageBody=body)
            answer = stub.AckHandsetChangeEvent(AckHandsetChangeEventRequest(ack_info=handle))
            assert answer.ack_status.status_code == AckStatus.STATUS_CODE_SUCCESS

        configuration = StreamConfiguration(durable_queue=DurableQueue(), max_in_flight=_THREADS)
        call = stub.StreamHandsetChangeEvents(
            StreamHandsetChangeEventsRequest(stream_configuration=configuration)
        )
        handled = [pool.submit(handle, delivery) for delivery in islice(call, events)]
        for each in handled:
            each.result()
        call.cancel()


@click.command()
@click.option("--target", required=True, help="The event server: host and port.")
@click.option("--events", required=True, type=int, help="Number of events to drain.")
def main(target: str, events: int) -> None:
    """Drain in the vendor's outline and print the figures."""
    with measured():
        drain(target, events)


if __name__ == "__main__":
    main()
