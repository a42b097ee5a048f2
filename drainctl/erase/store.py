"""The bucket, version by version: listed, read, written anew, deleted for good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from drainctl.erase.subject import Unreadable
from drainctl.erase.versions import objects, places
from eventdrain.adapters.aws import code_of, describe, hint_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_s3 import S3Client

    from drainctl.erase.versions import Version

_EXISTS: Final = "PreconditionFailed"
_DENIED: Final = frozenset({"AccessDenied", "ObjectLocked"})


class ErasureFailed(Exception):
    """Something could not be done; says what, why, and what helps."""


class Store:
    """One bucket. Several threads may use it at once.

    Args:
        s3: The client; its calls are retried.
        bucket: The bucket's name.
        bypasses_lock: Whether to delete what is under object lock, where that may be.
    """

    def __init__(self, s3: S3Client, bucket: str, *, bypasses_lock: bool) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._bypass: Any = {"BypassGovernanceRetention": True} if bypasses_lock else {}

    def objects(self, prefix: str) -> Iterator[Sequence[Version]]:
        """Give the versions of each key below a prefix, the newest first.

        Raises:
            ErasureFailed: They can't be listed.
        """
        try:
            yield from objects(self._s3, self._bucket, prefix)
        except (BotoCoreError, ClientError) as error:
            raise self._failed(error, "s3:ListBucketVersions", prefix) from error

    def places(self, folder: str) -> Iterator[str]:
        """Give what lies right in a folder: folders, with a slash at the end, and objects.

        Raises:
            ErasureFailed: They can't be listed.
        """
        try:
            yield from places(self._s3, self._bucket, folder)
        except (BotoCoreError, ClientError) as error:
            raise self._failed(error, "s3:ListBucketVersions", folder) from error

    def read(self, version: Version) -> bytes | None:
        """Give what a version holds; None if it is gone meanwhile.

        Raises:
            Unreadable: It is in a storage class that has to be waited for.
            ErasureFailed: It can't be read.
        """
        try:
            answer = self._s3.get_object(
                Bucket=self._bucket, Key=version.key, VersionId=version.version_id
            )
            return answer["Body"].read()
        except ClientError as error:
            if code_of(error) in {"NoSuchKey", "NoSuchVersion"}:
                return None
            if code_of(error) == "InvalidObjectState":
                raise Unreadable("it lies in an archive class of S3: restore it first") from error
            raise self._failed(error, "s3:GetObjectVersion", version.key) from error
        except BotoCoreError as error:
            raise self._failed(error, "s3:GetObjectVersion", version.key) from error

    def write_in_place_of(self, version: Version, key: str, body: bytes) -> bytes:
        """Write an object that stands for another, and read it back.

        It is of the same type and, where that one is, locked for as long. What is there already
        is left, for an earlier run may have written it.

        Returns:
            What is there.

        Raises:
            ErasureFailed: It can't be written or read.
        """
        action = "s3:PutObject"
        try:
            told = self._s3.head_object(
                Bucket=self._bucket, Key=version.key, VersionId=version.version_id
            )
            request: Any = {"ContentType": told["ContentType"]}
            if "ObjectLockMode" in told:
                request["ObjectLockMode"] = told["ObjectLockMode"]
                request["ObjectLockRetainUntilDate"] = told["ObjectLockRetainUntilDate"]
            self._create(key, body, request)
            action = "s3:GetObject"
            return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise self._failed(error, action, key) from error

    def delete(self, versions: Sequence[Version], *, is_last: bool = True) -> None:
        """Delete versions of one key for good.

        Args:
            versions: The versions, the newest first.
            is_last: Whether no other version stays. Where one does and the current one goes, that
                must not become current in its place: the key is marked as deleted first.

        Raises:
            ErasureFailed: One can't be deleted.
        """
        try:
            if not is_last and any(version.is_current for version in versions):
                self._s3.delete_object(Bucket=self._bucket, Key=versions[0].key)
            # The newest last: cut off in between, no older one takes the place of what is read.
            for version in reversed(versions):
                self._s3.delete_object(
                    Bucket=self._bucket,
                    Key=version.key,
                    VersionId=version.version_id,
                    **self._bypass,
                )
        except (BotoCoreError, ClientError) as error:
            key = versions[0].key
            until = self._locked_until(versions) if code_of(error) in _DENIED else None
            if until is None:
                raise self._failed(error, "s3:DeleteObjectVersion", key) from error
            raise ErasureFailed(
                f"{key} is under object lock until {until}: run again then, or now with"
                " --bypass-lock and the right s3:BypassGovernanceRetention. What was deleted before"
                " stays deleted."
            ) from error

    def _create(self, key: str, body: bytes, request: Any) -> None:
        try:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*", **request)
        except ClientError as error:
            if code_of(error) != _EXISTS:
                raise

    def _locked_until(self, versions: Sequence[Version]) -> str | None:
        """Give until when versions are locked; None if that isn't why they can't be deleted."""
        ends = []
        for version in versions:
            try:
                answer = self._s3.get_object_retention(
                    Bucket=self._bucket, Key=version.key, VersionId=version.version_id
                )
            except (BotoCoreError, ClientError):
                continue
            ends.append(answer["Retention"]["RetainUntilDate"])
        locked = [end for end in ends if end > datetime.now(UTC)]
        return max(locked).isoformat() if locked else None

    def _failed(self, error: Exception, action: str, key: str) -> ErasureFailed:
        return ErasureFailed(
            f"{action} of s3://{self._bucket}/{key} failed with {describe(error)}:"
            f" {hint_for(error, 'check that you may do that, and use the key that encrypts it')}."
            " What was deleted before stays deleted."
        )
