"""Archives made-up events as a drain does, in batches of a hundred; prints the count of objects."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

import boto3
import click

from eventdrain.events import (
    DEFAULT_EVENT_TYPE,
    STREAMS,
    ArchiveLayout,
    DeliveryReader,
    group_by_object,
    object_body,
)
from simulator.event_server import made_up_events

_BATCH: Final = 100
"""Events: what a drain archives together with the default settings."""


@click.command()
@click.option("--bucket", required=True, help="Where.")
@click.option("--events", required=True, type=int, help="How many.")
def main(bucket: str, events: int) -> None:
    """Archive EVENTS made-up events in BUCKET."""
    reader = DeliveryReader(STREAMS[DEFAULT_EVENT_TYPE])
    layout = ArchiveLayout(bucket, "events", "quarantine")
    now = datetime.now(UTC)
    read = (
        reader.read(event.undelivered, now) for event in made_up_events(DEFAULT_EVENT_TYPE, events)
    )
    deliveries = [delivery for delivery in read if delivery is not None]
    s3 = boto3.session.Session().client("s3")
    objects = 0
    for first in range(0, events, _BATCH):
        for together in group_by_object(deliveries[first : first + _BATCH]):
            s3.put_object(Bucket=bucket, Key=layout.key(together), Body=object_body(together))
            objects += 1
    click.echo(json.dumps({"objects": objects}))


if __name__ == "__main__":
    main()
