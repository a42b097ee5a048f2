"""The archive in S3."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from eventdrain.adapters.aws_errors import code_of, refusal
from eventdrain.archive import by_object, object_body

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventdrain.adapters.signed_http import SignedHttp
    from eventdrain.archive import ArchiveLayout
    from eventdrain.delivery import Delivery
    from eventdrain.ports import Refusal

_CREATE_ONLY: Final = ("If-None-Match", "*")
"""S3 API reference, PutObject: it fails with 412 if the key exists."""
_CONTENT_TYPES: Final = {"gz": "application/gzip", "json": "application/json"}


class S3Archive:
    """Writes gzipped NDJSON objects; see ``ports.Sink``.

    Args:
        bucket: Calls the bucket: paths are its keys.
        layout: Which event goes where in it.
    """

    def __init__(self, bucket: SignedHttp, layout: ArchiveLayout) -> None:
        self._bucket = bucket
        self._layout = layout

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Refusal]:
        """See ``ports.Sink``. Each object is there whole or not at all."""
        objects = by_object(deliveries)
        results = await asyncio.gather(*(self._put(together) for together in objects))
        return {
            delivery.event_id: result
            for together, result in zip(objects, results, strict=True)
            if result is not None
            for delivery in together
        }

    async def _put(self, deliveries: Sequence[Delivery]) -> Refusal | None:
        key = self._layout.key(deliveries)
        headers = (("Content-Type", _CONTENT_TYPES[key.rpartition(".")[2]]), _CREATE_ONLY)
        path = "/" + quote(key, safe="/-_.~")
        body = object_body(deliveries)
        try:
            await self._bucket.call("PutObject", "PUT", path, headers, body)
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
