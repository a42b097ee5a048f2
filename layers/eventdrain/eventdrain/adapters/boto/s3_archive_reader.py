"""Reads the archive in S3. Lists objects with boto3, a thousand per call; reads them without it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from eventdrain.adapters import aws
from eventdrain.adapters.aws import ServiceError
from eventdrain.adapters.boto.errors import BOTO_ERRORS, converted
from eventdrain.adapters.http import HTTPClientError
from eventdrain.errors import ArchiveReadError
from eventdrain.events import ArchiveKey
from eventdrain.ports import Folder, StoredObject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_s3 import S3Client

    from eventdrain.adapters.aws import AwsHttp

_GONE: Final = "NoSuchKey"


class S3ArchiveReader:
    """Lists and reads an archive; see ``ports.ArchiveReader``.

    Args:
        s3: Lists objects.
        http: Calls the bucket; paths are object keys.
        bucket: The bucket's name.
        prefix: The key prefix of objects of lines, without a trailing slash.
        hint: The hint for permanent failures.
    """

    def __init__(self, s3: S3Client, http: AwsHttp, *, bucket: str, prefix: str, hint: str) -> None:
        self._s3 = s3
        self._http = http
        self._bucket = bucket
        self._prefix = prefix
        self._hint = hint

    async def days(self, event_type: str) -> Sequence[str]:
        """See ``ports.ArchiveReader``."""
        return await asyncio.to_thread(self._days, f"{self._prefix}/{event_type}/")

    async def objects(self, folder: Folder, *, after: str) -> Sequence[StoredObject]:
        """See ``ports.ArchiveReader``."""
        path = ArchiveKey(self._prefix, folder.event_type, folder.day).format()
        while True:
            listed = await asyncio.to_thread(self._page, path, after or path)
            keys = [(stored, ArchiveKey.parse(stored.key)) for stored in listed]
            lines = [stored for stored, key in keys if key is not None and key.holds_lines]
            if lines or not listed:
                return lines
            after = listed[-1].key

    async def read(self, key: str) -> bytes | None:
        """See ``ports.ArchiveReader``."""
        path = "/" + quote(key, safe="/-_.~")
        try:
            return await self._http.call("GET", path, (), b"")
        except (HTTPClientError, ServiceError) as error:
            if aws.error_code(error) == _GONE:
                return None
            raise self._read_error(error, "s3:GetObject", key) from error

    def _days(self, path: str) -> Sequence[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=path, Delimiter="/"
        )
        try:
            folders = [
                ArchiveKey.parse(found["Prefix"])
                for page in pages
                for found in page.get("CommonPrefixes", ())
            ]
        except BOTO_ERRORS as error:
            raise self._read_error(converted(error), "s3:ListBucket") from error
        return sorted(folder.day for folder in folders if folder is not None and folder.day)

    def _page(self, path: str, after: str) -> Sequence[StoredObject]:
        try:
            page = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=path, StartAfter=after)
            return [StoredObject(found["Key"], found["Size"]) for found in page.get("Contents", ())]
        except BOTO_ERRORS as error:
            raise self._read_error(converted(error), "s3:ListBucket") from error

    def _read_error(
        self, error: Exception, action: str, key: str | None = None
    ) -> ArchiveReadError:
        place = f"{action} of s3://{self._bucket}/{key or self._prefix}"
        return ArchiveReadError(aws.failure_from(error, action=place, hint=self._hint))
