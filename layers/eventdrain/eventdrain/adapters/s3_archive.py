"""The archive in S3."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from eventdrain.adapters.aws_errors import code_of, refusal
from eventdrain.archive import by_day, object_body, object_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Executor

    from mypy_boto3_s3 import S3Client

    from eventdrain.delivery import Delivery
    from eventdrain.ports import Refusal


class S3Archive:
    """Writes gzipped NDJSON objects; see ``ports.Sink``.

    Args:
        client: Its calls must be bounded in time.
        bucket: The bucket's name.
        prefix: What the keys begin with.
        executor: Where the blocking calls run.
    """

    def __init__(self, client: S3Client, *, bucket: str, prefix: str, executor: Executor) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._executor = executor

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Refusal]:
        """See ``ports.Sink``. One object for each UTC day; each is there whole or not at all."""
        loop = asyncio.get_running_loop()
        days = by_day(deliveries)
        results = await asyncio.gather(
            *(loop.run_in_executor(self._executor, self._put, day) for day in days)
        )
        return {
            delivery.event_id: result
            for day, result in zip(days, results, strict=True)
            if result is not None
            for delivery in day
        }

    def _put(self, deliveries: Sequence[Delivery]) -> Refusal | None:
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=object_key(self._prefix, deliveries),
                Body=object_body(deliveries),
                ContentType="application/gzip",
                IfNoneMatch="*",
            )
        except (BotoCoreError, ClientError) as error:
            # The key holds a digest of the events: what is there already is what was to be written.
            if code_of(error) == "PreconditionFailed":
                return None
            return refusal(
                error,
                action=f"s3:PutObject to the bucket {self._bucket}",
                cure="check ARCHIVE_BUCKET, the function's role, and the key that encrypts it",
            )
        return None
