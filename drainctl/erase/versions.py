"""What lies in a bucket, version by version, as S3 lists it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object.

    Attributes:
        key: The object's key.
        version_id: Its id; ``null`` of one that was written before the bucket had versions.
        size: In bytes.
        is_current: Whether whoever asks for the key gets it.
        written: When it was.
        storage_class: S3's name for how it is kept.
    """

    key: str
    version_id: str
    size: int
    is_current: bool
    written: datetime
    storage_class: str


def objects(s3: S3Client, bucket: str, prefix: str) -> Iterator[Sequence[Version]]:
    """Give the versions of each key below a prefix, the newest first. Raises what botocore does."""
    for _, versions in groupby(_versions(s3, bucket, prefix), lambda version: version.key):
        yield list(versions)


def _versions(s3: S3Client, bucket: str, prefix: str) -> Iterator[Version]:
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for found in page.get("Versions", ()):
            yield Version(
                found["Key"],
                found["VersionId"],
                found["Size"],
                found["IsLatest"],
                found["LastModified"],
                found.get("StorageClass", "STANDARD"),
            )


def places(s3: S3Client, bucket: str, folder: str) -> Iterator[str]:
    """Give what lies right in a folder: folders, with a slash at the end, and keys of objects.

    Raises what botocore does.
    """
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, Prefix=folder, Delimiter="/"
    )
    for page in pages:
        for each in page.get("CommonPrefixes", ()):
            yield each["Prefix"]
        for found in page.get("Versions", ()):
            yield found["Key"]
