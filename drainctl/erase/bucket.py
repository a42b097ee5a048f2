"""Access to single object versions of a bucket: list, read, rewrite and permanently delete them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from drainctl.erase.findings import FINAL, ErasureError, call_error
from drainctl.erase.subject import UnreadableError
from eventdrain.adapters.boto import error_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_s3 import S3Client

_EXISTS: Final = "PreconditionFailed"
_DENIED: Final = frozenset({"AccessDenied", "ObjectLocked"})
_LIST: Final = "s3:ListBucketVersions"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an S3 object.

    Attributes:
        key: The object's key.
        version_id: The version's id; ``null`` if it is older than the bucket's versioning.
        size: The size in bytes.
        is_current: Whether this is the object's current version.
        written: When the version was written.
        storage_class: S3's name of the storage class.
    """

    key: str
    version_id: str
    size: int
    is_current: bool
    written: datetime
    storage_class: str


class Bucket:
    """One bucket. It is thread-safe. If a call fails, methods raise ``ErasureError``.

    Args:
        s3: The client. It must retry failed calls.
        name: The bucket's name.
        bypasses_lock: Whether to delete versions under object lock, which needs a permission.
    """

    def __init__(self, s3: S3Client, name: str, *, bypasses_lock: bool) -> None:
        self._s3 = s3
        self._name = name
        self._bypass: Any = {"BypassGovernanceRetention": True} if bypasses_lock else {}

    def objects(self, prefix: str) -> Iterator[Sequence[Version]]:
        """Yield the versions of each key below a prefix, newest first."""
        found = (
            Version(
                each["Key"],
                each["VersionId"],
                each["Size"],
                each["IsLatest"],
                each["LastModified"],
                each.get("StorageClass", "STANDARD"),
            )
            for page in self._pages(Prefix=prefix)
            for each in page.get("Versions", ())
        )
        for _, versions in groupby(found, lambda version: version.key):
            yield list(versions)

    def outside(self, known: Sequence[str]) -> Iterator[str]:
        """Yield the topmost folders, and the keys, that are outside the given prefixes.

        Args:
            known: The prefixes, without trailing slashes.
        """
        yield from self._outside("", tuple(f"{prefix}/" for prefix in known))

    def _outside(self, folder: str, known: tuple[str, ...]) -> Iterator[str]:
        found = dict.fromkeys(
            place
            for page in self._pages(Prefix=folder, Delimiter="/")
            for place in (
                *(each["Prefix"] for each in page.get("CommonPrefixes", ())),
                *(each["Key"] for each in page.get("Versions", ())),
            )
        )
        for place in found:
            if place.startswith(known):
                continue
            if place.endswith("/") and any(prefix.startswith(place) for prefix in known):
                yield from self._outside(place, known)
            else:
                yield place

    def read(self, version: Version) -> bytes | None:
        """Return the content of a version; None if it was deleted meanwhile.

        Raises:
            UnreadableError: The version must be restored from its storage class first.
            ErasureError: The version can't be read.
        """
        try:
            answer = self._s3.get_object(
                Bucket=self._name, Key=version.key, VersionId=version.version_id
            )
            return answer["Body"].read()
        except (BotoCoreError, ClientError) as error:
            if error_code(error) in {"NoSuchKey", "NoSuchVersion"}:
                return None
            if error_code(error) == "InvalidObjectState":
                raise UnreadableError(
                    "it is in an archive storage class of S3. To fix this, restore it"
                ) from error
            raise self._failed(error, "s3:GetObjectVersion", version.key) from error

    def replace(self, version: Version, key: str, body: bytes) -> bytes:
        """Write an object that replaces another, read it back, and return its content.

        The object gets the same content type and object lock as the other one. If the key already
        exists, nothing is written, because an earlier run may have written the object.
        """
        action = "s3:PutObject"
        try:
            head = self._s3.head_object(
                Bucket=self._name, Key=version.key, VersionId=version.version_id
            )
            request: Any = {"ContentType": head["ContentType"]}
            if "ObjectLockMode" in head:
                request["ObjectLockMode"] = head["ObjectLockMode"]
                request["ObjectLockRetainUntilDate"] = head["ObjectLockRetainUntilDate"]
            self._create(key, body, request)
            action = "s3:GetObject"
            return self._s3.get_object(Bucket=self._name, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise self._failed(error, action, key) from error

    def delete(self, versions: Sequence[Version], *, is_last: bool = True) -> None:
        """Permanently delete versions of one key.

        Args:
            versions: The versions, newest first.
            is_last: Whether these are all versions of the key. If not, a delete marker is written
                before the current version is deleted, so that no older version becomes current.
        """
        try:
            if not is_last and any(version.is_current for version in versions):
                self._s3.delete_object(Bucket=self._name, Key=versions[0].key)
            # Newest last: if this is interrupted, no older version becomes current.
            for version in reversed(versions):
                self._s3.delete_object(
                    Bucket=self._name,
                    Key=version.key,
                    VersionId=version.version_id,
                    **self._bypass,
                )
        except (BotoCoreError, ClientError) as error:
            key = versions[0].key
            until = self._locked_until(versions) if error_code(error) in _DENIED else None
            if until is None:
                raise self._failed(error, "s3:DeleteObjectVersion", key) from error
            raise ErasureError(
                f"deleting {key} failed: it is under object lock until {until}; {FINAL}",
                "run this command again after that, or now with --bypass-lock and the permission"
                " s3:BypassGovernanceRetention",
            ) from error

    def _pages(self, **request: Any) -> Iterator[Mapping[str, Any]]:
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=self._name, **request
        )
        try:
            yield from pages
        except (BotoCoreError, ClientError) as error:
            raise self._failed(error, _LIST, request["Prefix"]) from error

    def _create(self, key: str, body: bytes, request: Any) -> None:
        try:
            self._s3.put_object(Bucket=self._name, Key=key, Body=body, IfNoneMatch="*", **request)
        except ClientError as error:
            if error_code(error) != _EXISTS:
                raise

    def _locked_until(self, versions: Sequence[Version]) -> str | None:
        """Return the date until which versions are locked; None if they are not."""
        ends = []
        for version in versions:
            try:
                answer = self._s3.get_object_retention(
                    Bucket=self._name, Key=version.key, VersionId=version.version_id
                )
            except (BotoCoreError, ClientError):
                continue
            ends.append(answer["Retention"]["RetainUntilDate"])
        locked = [end for end in ends if end > datetime.now(UTC)]
        return max(locked).isoformat() if locked else None

    def _failed(self, error: Exception, action: str, key: str) -> Exception:
        hint = "check that you have this permission, and may use the key that encrypts the object"
        return call_error(error, f"{action} of s3://{self._name}/{key}", hint)
