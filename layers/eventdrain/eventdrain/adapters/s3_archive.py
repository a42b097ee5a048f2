"""The archive in S3."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from eventdrain.adapters.aws_errors import code_of, refusal
from eventdrain.archive import by_day, object_body, object_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventdrain.adapters.crt_http import SignedHttp
    from eventdrain.delivery import Delivery
    from eventdrain.ports import Refusal

_HEADERS: Final = (("Content-Type", "application/gzip"), ("If-None-Match", "*"))
"""S3 API reference, PutObject: the second makes it fail with 412 if the key exists."""


class S3Archive:
    """Writes gzipped NDJSON objects; see ``ports.Sink``.

    Args:
        bucket: Calls the bucket: paths are its keys.
        prefix: What the keys begin with.
    """

    def __init__(self, bucket: SignedHttp, *, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Refusal]:
        """See ``ports.Sink``. One object for each UTC day; each is there whole or not at all."""
        days = by_day(deliveries)
        results = await asyncio.gather(*(self._put(day) for day in days))
        return {
            delivery.event_id: result
            for day, result in zip(days, results, strict=True)
            if result is not None
            for delivery in day
        }

    async def _put(self, deliveries: Sequence[Delivery]) -> Refusal | None:
        path = "/" + quote(object_key(self._prefix, deliveries), safe="/-_.~")
        body = object_body(deliveries)
        try:
            await self._bucket.call("PutObject", "PUT", path, _HEADERS, body)
        except (BotoCoreError, ClientError) as error:
            # The key holds a digest of the events: what is there already is what was to be written.
            if code_of(error) == "PreconditionFailed":
                return None
            return refusal(
                error,
                action=f"s3:PutObject to {self._bucket.url}",
                cure="check ARCHIVE_BUCKET, the function's role, and the key that encrypts it",
            )
        return None
