"""The outbox in SQS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from eventdrain.adapters.aws_errors import refusal
from eventdrain.outbox import MOST_BYTES, group_id, message_size, pack
from eventdrain.ports import Refusal, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Executor

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from eventdrain.delivery import Delivery


class SqsOutbox:
    """Sends one message for each event; see ``ports.Sink``.

    Args:
        client: Its calls must be bounded in time.
        queue_url: The queue; one whose name ends in ``.fifo`` gets group and deduplication ids.
        executor: Where the blocking calls run.
    """

    def __init__(self, client: SQSClient, *, queue_url: str, executor: Executor) -> None:
        self._client = client
        self._queue_url = queue_url
        self._is_fifo = queue_url.endswith(".fifo")
        self._executor = executor

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Refusal]:
        """See ``ports.Sink``."""
        refused = {
            delivery.event_id: _TOO_LONG
            for delivery in deliveries
            if message_size(delivery) > MOST_BYTES
        }
        loop = asyncio.get_running_loop()
        batches = pack(delivery for delivery in deliveries if delivery.event_id not in refused)
        for result in await asyncio.gather(
            *(loop.run_in_executor(self._executor, self._send, batch) for batch in batches)
        ):
            refused |= result
        return refused

    def _send(self, batch: Sequence[Delivery]) -> Mapping[str, Refusal]:
        try:
            answer = self._client.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[self._entry(index, delivery) for index, delivery in enumerate(batch)],
            )
        except (BotoCoreError, ClientError) as error:
            result = refusal(
                error,
                action=f"sqs:SendMessage to {self._queue_url}",
                cure="check OUTBOX_QUEUE_URL, the function's role, and the key that encrypts it",
            )
            return {delivery.event_id: result for delivery in batch}
        return {
            batch[int(failed["Id"])].event_id: Refusal(
                code=failed["Code"],
                message=f"SQS did not take a message: {failed['Code']}",
                verdict=Verdict.LEAVE_EVENT if failed["SenderFault"] else Verdict.TRY_AGAIN,
            )
            for failed in answer.get("Failed", ())
        }

    def _entry(self, index: int, delivery: Delivery) -> SendMessageBatchRequestEntryTypeDef:
        entry: SendMessageBatchRequestEntryTypeDef = {
            "Id": str(index),
            "MessageBody": delivery.line,
            "MessageAttributes": {
                "event_id": {"DataType": "String", "StringValue": delivery.event_id},
                "event_type": {"DataType": "String", "StringValue": delivery.event_type},
            },
        }
        if self._is_fifo:
            entry["MessageGroupId"] = group_id(delivery)
            entry["MessageDeduplicationId"] = delivery.event_id
        return entry


_TOO_LONG = Refusal(
    code="MessageTooLong",
    message=f"an event's line is longer than the {MOST_BYTES} bytes that SQS takes",
    verdict=Verdict.LEAVE_EVENT,
)
