"""Handles each event of an event drain's queue once. Your own code goes into `handle`.

Lambda receives up to `BatchSize` messages at a time. A message holds one event, several, or a
pointer to one in S3. If an event fails, its message alone stays in the queue, and the other events
of the message are not handled again: what was handled is remembered by event id, not by message.
"""

from __future__ import annotations

import gzip
import json
import os
from typing import TYPE_CHECKING, Any, Final, TypedDict

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    SqsFifoPartialProcessor,
    process_partial_response,
)
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
s3 = boto3.client("s3")

HANDLED: Final = DynamoDBPersistenceLayer(table_name=os.environ["TABLE_NAME"])
# Without a replay both are the same, so that a change of ReplayedEvents brings no event again.
KEYS: Final = {"skip": "[event_id, `null`]", "handle": "[event_id, replayed]"}
ONCE: Final = IdempotencyConfig(
    event_key_jmespath=KEYS[os.environ["REPLAYED_EVENTS"]],
    raise_on_no_idempotency_key=True,
    expires_after_seconds=15 * 24 * 3600,  # SQS keeps a message for 14 days at most
)


class Event(TypedDict):
    """What this consumer uses of a line; schemas/json has all of it, for each stream."""

    event_id: str
    event_type: str
    event: dict[str, Any]
    replayed: str | None  # added here: the name of the replay that sent the message


@idempotent_function(  # type: ignore[untyped-decorator]
    data_keyword_argument="event", persistence_store=HANDLED, config=ONCE, key_prefix="event"
)
def handle(*, event: Event) -> None:
    """Handle one event: put your own code here.

    It is called again for this event only if it raised, or if its end could not be recorded. Log
    ids and types only: the rest of an event, and the text of an error, may be personal data.
    """
    logger.info(
        "handled",
        event_id=event["event_id"],
        event_type=event["event_type"],
        replayed=event["replayed"],
    )


def handle_line(line: str, message: SQSRecord) -> None:
    """Handle one line of a message's body: an event, or a pointer to one."""
    event = json.loads(line)
    match attribute(message, "pointer"):
        case "quarantine":  # not an event, so not for consumers: an alarm informs the operators
            logger.warning("quarantined", event_id=event["event_id"])
            return
        case "oversize":
            event = archived(event)
    handle(event={**event, "replayed": attribute(message, "replayed")})


def archived(pointer: Any) -> Any:
    """Return the line that a pointer points to, from the archive."""
    body = s3.get_object(Bucket=pointer["s3"]["bucket"], Key=pointer["s3"]["key"])["Body"].read()
    lines = map(json.loads, gzip.decompress(body).splitlines())
    return next(line for line in lines if line["event_id"] == pointer["event_id"])


def attribute(message: SQSRecord, name: str) -> str | None:
    """Return the value of a message attribute; None if the message has no such attribute."""
    found = message.message_attributes[name]
    return None if found is None else found.string_value


def handle_message(record: SQSRecord) -> None:
    """Handle all events of a message. If some fail, raise, so that SQS delivers it again later."""
    failed = 0
    for line in record.body.split("\n"):
        try:
            handle_line(line, record)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other events are handled
            failed += 1
            logger.warning("failed", message_id=record.message_id, error=type(error).__name__)
    if failed:
        raise RuntimeError(f"{failed} events of a message failed")


def handler(batch: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Handle a batch of messages; return those that failed, which stay in the queue."""
    ONCE.register_lambda_context(context)  # an event that a time-out interrupts is handled again
    processor = BatchProcessor(EventType.SQS)
    if batch["Records"][0]["eventSourceARN"].endswith(".fifo"):
        # After a failed message, the later ones of its group fail too, to keep their order.
        processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False  # the response is the same as for some of them
    return process_partial_response(batch, handle_message, processor, context)
