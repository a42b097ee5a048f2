"""Holds what the engine writes to ``schemas/json``: every line and message that a test reads.

The schemas are the strict ones, so that a property which the engine writes and they lack is found.
Tests read the embedded AWS by the functions of this module, not by those that it wraps.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from devtools.json_schemas import strict
from eventdrain.events import EVENTS, STREAMS, DeliveryReader
from simulator import reconciliation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

    from eventdrain.events import Delivery

_FOLDER: Final = Path(__file__).parents[1] / "schemas/json"
_read = DeliveryReader.read


@cache
def validators() -> dict[str, jsonschema_rs.Draft202012Validator]:
    """Compile the strict variant of each schema, by its title."""
    schemas = [strict(json.loads(path.read_text())) for path in _FOLDER.glob("*.json")]
    registry = jsonschema_rs.Registry([(f"json-schema:///{each['$id']}", each) for each in schemas])
    return {
        each["title"]: jsonschema_rs.Draft202012Validator(each, registry=registry)
        for each in schemas
    }


def check_line(line: dict[str, Any]) -> None:
    """Check a line, or the record of an original message."""
    title = f"{line['event_type'].title().replace('_', '')}Line"
    validators()["OriginalMessage" if "reason" in line else title].validate(line)


def check_message(body: str, attributes: dict[str, str]) -> None:
    """Check a message of the queue.

    Args:
        body: Its body.
        attributes: The value of each attribute.
    """
    parts = [json.loads(part) for part in body.split("\n")]
    for part in parts:
        if "pointer" not in attributes:
            check_line(part)  # its error says more than that of a message
        assert part["event_type"] == attributes["event_type"]
    validators()["Message"].validate({"attributes": attributes, "body": parts})


def archive_lines(s3: S3Client, bucket: str) -> Iterator[dict[str, Any]]:
    """Read every line of an archive and check it; see ``reconciliation.archive_lines``."""
    for line in reconciliation.archive_lines(s3, bucket):
        check_line(line)
        yield line


def take_messages(sqs: SQSClient, queue_url: str) -> list[dict[str, Any]]:
    """Take and check every message of a queue; see ``reconciliation.take_messages``."""
    messages = reconciliation.take_messages(sqs, queue_url)
    for message in messages:
        attributes = message["MessageAttributes"]
        numbers = {name for name, value in attributes.items() if value["DataType"] == "Number"}
        assert numbers == attributes.keys() & {EVENTS}
        check_message(
            message["Body"], {name: value["StringValue"] for name, value in attributes.items()}
        )
    return messages


def read(reader: DeliveryReader, message: bytes, received_at: datetime) -> Delivery | None:
    """Read a delivery and check its line; see ``DeliveryReader.read``."""
    delivery = _read(reader, message, received_at)
    if delivery is not None and delivery.event_type in STREAMS:
        check_line(json.loads(delivery.line))
        if delivery.original:
            check_line(json.loads(delivery.original))
    return delivery
