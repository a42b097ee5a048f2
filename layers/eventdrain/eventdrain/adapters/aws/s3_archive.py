"""The archive sink: writes objects to S3."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from zlib import crc32

from eventdrain.adapters.aws.errors import ServiceError, error_code, failure_from
from eventdrain.adapters.http import HTTPClientError
from eventdrain.errors import unexpected_failure
from eventdrain.events import group_by_object, object_body, original_body

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventdrain.adapters.aws.signed_http import SignedHttp
    from eventdrain.errors import Failure
    from eventdrain.events import ArchiveLayout, Delivery

_CREATE_ONLY: Final = ("If-None-Match", "*")
"""S3 API reference, PutObject: the call fails with status 412 if the key exists."""
_CONTENT_TYPES: Final = {"gz": "application/gzip", "json": "application/json"}


class S3Archive:
    """Writes gzipped NDJSON objects; see ``ports.Sink``.

    Args:
        bucket: Calls the bucket; paths are object keys.
        layout: The locations of events.
        locked_for: How long objects are locked against deletion; zero for no lock. The bucket must
            have Object Lock.
    """

    def __init__(
        self,
        bucket: SignedHttp,
        layout: ArchiveLayout,
        *,
        locked_for: timedelta = timedelta(),
    ) -> None:
        self._bucket = bucket
        self._layout = layout
        self._locked_for = locked_for

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """See ``ports.Sink``. Objects are written atomically.

        Original messages are written before their lines, so that no line exists without them.
        """
        groups = group_by_object(deliveries)
        results = await asyncio.gather(*(self._put_group(group) for group in groups))
        return {
            delivery.event_id: result
            for group, result in zip(groups, results, strict=True)
            if result is not None
            for delivery in group
        }

    async def _put_group(self, deliveries: Sequence[Delivery]) -> Failure | None:
        originals = [delivery for delivery in deliveries if delivery.original]
        if originals:
            key = self._layout.original_key(originals)
            failed = await self._put(key, original_body(originals))
            if failed is not None:
                return failed
        return await self._put(self._layout.key(deliveries), object_body(deliveries))

    async def _put(self, key: str, body: bytes) -> Failure | None:
        headers = (
            ("Content-Type", _CONTENT_TYPES[key.rpartition(".")[2]]),
            _CREATE_ONLY,
            *self._lock(body),
        )
        path = "/" + quote(key, safe="/-_.~")
        try:
            await self._bucket.call("PUT", path, headers, body)
        except (HTTPClientError, ServiceError) as error:
            # The key contains a digest of the events, so the existing object holds the same events.
            if error_code(error) == "PreconditionFailed":
                return None
            return failure_from(
                error,
                action=f"s3:PutObject to {self._bucket.url}",
                hint="check ARCHIVE_BUCKET, the function's role, and the bucket's encryption key",
            )
        except Exception as error:  # noqa: BLE001 - a bug in one call must not end the others
            return unexpected_failure(error, "a call of S3")
        return None

    def _lock(self, body: bytes) -> tuple[tuple[str, str], ...]:
        """Return the headers that lock an object. S3 requires a checksum with them (PutObject)."""
        if not self._locked_for:
            return ()
        until = datetime.now(UTC) + self._locked_for
        return (
            ("x-amz-checksum-crc32", b64encode(crc32(body).to_bytes(4, "big")).decode()),
            ("x-amz-object-lock-mode", "GOVERNANCE"),
            ("x-amz-object-lock-retain-until-date", until.strftime("%Y-%m-%dT%H:%M:%SZ")),
        )
