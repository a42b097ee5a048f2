"""The queue in SQS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from eventdrain.adapters.aws.errors import as_code, failure
from eventdrain.errors import Failure, FailureKind, unexpected_failure
from eventdrain.events import EVENTS, Message, json_string, mark_replayed, messages, pack
from eventdrain.json_shape import json_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventdrain.adapters.aws.signed_http import AwsHttp
    from eventdrain.events import ArchiveLayout, Delivery

_OPERATION: Final = "SendMessageBatch"
_HEADERS: Final = (
    ("Content-Type", "application/x-amz-json-1.0"),
    ("X-Amz-Target", f"AmazonSQS.{_OPERATION}"),
)
"""SQS developer guide, making API requests with the AWS JSON protocol."""
_NOT_NAMED: Final = Failure(
    code="NotNamed",
    message="SQS's answer does not say that it took a message",
    kind=FailureKind.RETRYABLE,
)


class SqsPublisher:
    """Sends messages; see ``ports.Sink``, and ``queue`` for what they say.

    A message that SQS does not take refuses all of its events. Tried again, they may come in other
    company than that of a copy that SQS took after all.

    Args:
        sqs: Calls SQS.
        queue_url: The queue; one whose name ends in ``.fifo`` gets group and deduplication ids.
        layout: Where the archive has an event whose message must point there.
        events_per_message: How many events a message has at the most.
        replay: The name of the replay that sends them again; empty for the drain itself.
        hint: What to do if SQS refuses for good.

    Raises:
        ValueError: A FIFO queue shall get several events in one message: it groups and
            deduplicates messages, and each of these events has its own group and id.
    """

    def __init__(
        self,
        sqs: AwsHttp,
        *,
        queue_url: str,
        layout: ArchiveLayout,
        events_per_message: int = 1,
        replay: str = "",
        hint: str = "check QUEUE_URL, the function's role, and the key that encrypts it",
    ) -> None:
        self._sqs = sqs
        self._layout = layout
        self._queue_url = queue_url
        self._events_per_message = events_per_message
        self._replay = replay
        self._hint = hint
        self._is_fifo = queue_url.endswith(".fifo")
        if self._is_fifo and events_per_message > 1:
            raise ValueError(f"{queue_url} is a FIFO queue: it takes one event in a message")

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """See ``ports.Sink``."""
        made = messages(deliveries, self._layout, events_per_message=self._events_per_message)
        if self._replay:
            made = mark_replayed(made, self._replay)
        refused: dict[str, Failure] = {}
        for result in await asyncio.gather(*(self._send(batch) for batch in pack(made))):
            refused |= result
        return refused

    async def _send(self, batch: Sequence[Message]) -> Mapping[str, Failure]:
        try:
            entries = ",".join([self._entry(index, each) for index, each in enumerate(batch)])
            body = f'{{"QueueUrl":{json_string(self._queue_url)},"Entries":[{entries}]}}'
            text = await self._sqs.call(_OPERATION, "POST", "/", _HEADERS, body.encode())
        except (BotoCoreError, ClientError) as error:
            result = failure(
                error,
                action=f"sqs:SendMessage to {self._queue_url}",
                hint=self._hint,
            )
            return {event_id: result for each in batch for event_id in each.event_ids}
        except Exception as error:  # noqa: BLE001 - a bug in one call is not the end of others
            result = unexpected_failure(error, "a call of SQS")
            return {event_id: result for each in batch for event_id in each.event_ids}
        answer = json_object(text) or {}
        # What is named as both is not known to be taken.
        taken = _entries(answer, "Successful").keys() - _entries(answer, "Failed").keys()
        failed = {name: _refusal(entry) for name, entry in _entries(answer, "Failed").items()}
        return {
            event_id: failed.get(str(index), _NOT_NAMED)
            for index, each in enumerate(batch)
            if str(index) not in taken
            for event_id in each.event_ids
        }

    def _entry(self, index: int, each: Message) -> str:
        """Write an entry as JSON: a third of what a dictionary and its encoding cost."""
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


def _entries(answer: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Return the entries of one of the answer's lists by their ids; others say nothing."""
    entries = answer.get(name)
    return {
        entry["Id"]: entry
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict) and isinstance(entry.get("Id"), str)
    }


def _refusal(failed: dict[str, Any]) -> Failure:
    code = as_code(failed.get("Code"))
    kind = (
        FailureKind.EVENT_REJECTED if failed.get("SenderFault") is True else FailureKind.RETRYABLE
    )
    return Failure(code, f"SQS did not take a message: {code}", kind)
