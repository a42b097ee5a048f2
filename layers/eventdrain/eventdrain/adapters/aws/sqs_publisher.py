"""The queue sink: sends messages to SQS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from eventdrain.adapters.aws.errors import ServiceError, failure_from, safe_code
from eventdrain.adapters.http import HTTPClientError
from eventdrain.errors import Failure, FailureKind, unexpected_failure
from eventdrain.events import EVENTS, Message, is_fifo, json_string, mark_replayed, messages, pack
from eventdrain.json_shape import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventdrain.adapters.aws.signed_http import AwsHttp
    from eventdrain.events import ArchiveLayout, Delivery

_HEADERS: Final = (
    ("Content-Type", "application/x-amz-json-1.0"),
    ("X-Amz-Target", "AmazonSQS.SendMessageBatch"),
)
"""SQS developer guide, "Making Amazon SQS API requests with AWS JSON protocol"."""
_NO_RESULT: Final = Failure(
    code="NotNamed",
    message="SQS did not confirm a message",
    kind=FailureKind.RETRYABLE,
)


class _Entry(Struct, rename="pascal"):
    id: str
    code: str | None = None
    sender_fault: bool | None = None


class _Answer(Struct, rename="pascal"):
    successful: list[_Entry] | None = None
    failed: list[_Entry] | None = None


class SqsPublisher:
    """Sends messages to one queue; see ``ports.Sink`` and ``events.queue_message``.

    If SQS does not confirm a message, all of its events fail. If SQS had accepted the message, a
    retry may send its events again in messages with other events.

    Args:
        sqs: Calls SQS.
        queue_url: The queue's URL. A name that ends in ``.fifo`` means a FIFO queue, whose messages
            get group and deduplication ids.
        layout: The archive that pointers point to.
        events_per_message: The maximum number of events in a message; at most
            ``max_events_per_message``.
        replay: The replay's name; empty for a drain.
        hint: The hint for permanent failures.
    """

    def __init__(
        self,
        sqs: AwsHttp,
        *,
        queue_url: str,
        layout: ArchiveLayout,
        events_per_message: int = 1,
        replay: str = "",
        hint: str = "check QUEUE_URL, the function's role, and the queue's encryption key",
    ) -> None:
        self._sqs = sqs
        self._layout = layout
        self._queue_url = queue_url
        self._events_per_message = events_per_message
        self._replay = replay
        self._hint = hint
        self._is_fifo = is_fifo(queue_url)

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """See ``ports.Sink``."""
        made = messages(deliveries, self._layout, events_per_message=self._events_per_message)
        if self._replay:
            made = mark_replayed(made, self._replay)
        failed: dict[str, Failure] = {}
        for result in await asyncio.gather(*(self._send(batch) for batch in pack(made))):
            failed |= result
        return failed

    async def _send(self, batch: Sequence[Message]) -> Mapping[str, Failure]:
        try:
            entries = ",".join([self._entry(index, each) for index, each in enumerate(batch)])
            body = f'{{"QueueUrl":{json_string(self._queue_url)},"Entries":[{entries}]}}'
            text = await self._sqs.call("POST", "/", _HEADERS, body.encode())
        except (HTTPClientError, ServiceError) as error:
            result = failure_from(
                error,
                action=f"sqs:SendMessage to {self._queue_url}",
                hint=self._hint,
            )
            return {event_id: result for each in batch for event_id in each.event_ids}
        except Exception as error:  # noqa: BLE001 - a bug in one call must not end the others
            result = unexpected_failure(error, "a call of SQS")
            return {event_id: result for each in batch for event_id in each.event_ids}
        answer = parse_json(text, _Answer) or _Answer()
        failed = {entry.id: _entry_failure(entry) for entry in answer.failed or ()}
        # An entry that is listed as both successful and failed is not confirmed.
        taken = {entry.id for entry in answer.successful or ()} - failed.keys()
        return {
            event_id: failed.get(str(index), _NO_RESULT)
            for index, each in enumerate(batch)
            if str(index) not in taken
            for event_id in each.event_ids
        }

    def _entry(self, index: int, each: Message) -> str:
        """Return an entry as JSON. Formatting costs a third of encoding a dictionary."""
        attributes = ",".join(
            [
                f'"{name}":{{"DataType":"{"Number" if name == EVENTS else "String"}",'
                f'"StringValue":{json_string(value)}}}'
                for name, value in each.attributes.items()
            ]
        )
        fifo = ""
        if self._is_fifo:
            (event_id,) = each.event_ids
            fifo = (
                f',"MessageGroupId":{json_string(each.group_id)}'
                f',"MessageDeduplicationId":{json_string(event_id)}'
            )
        return (
            f'{{"Id":"{index}","MessageBody":{json_string(each.body)},'
            f'"MessageAttributes":{{{attributes}}}{fifo}}}'
        )


def _entry_failure(failed: _Entry) -> Failure:
    code = safe_code(failed.code)
    kind = FailureKind.EVENT_REJECTED if failed.sender_fault else FailureKind.RETRYABLE
    return Failure(code, f"SQS rejected a message with {code}", kind)
