"""Permanently deletes all versions of table files that no registered day reads.

Such files are in folders that were replaced or that a failed run left behind, or they are old
versions of deleted files. No query reads them, so each of them may hold rows of the subscriber.

Three kinds of files are kept and reported:

- Recent files: a compaction or another erasure may be about to register them.
- Folders of unregistered days: a folder may be the only copy of its day, for example after the
  catalog was recreated.
- Files of a registered day that Athena skips, or that somebody deleted or replaced.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from drainctl.catalogue import compacted_table
from drainctl.erase.findings import RUNS, ErasureError
from eventdrain.events import ArchiveKey

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from drainctl.erase.bucket import Version
    from drainctl.erase.findings import Run
    from drainctl.erase.registered_days import RegisteredDays
    from eventdrain.events import EventStream

_CLOCK_SKEW: Final = timedelta(minutes=1)
_LONGEST_REWRITE: Final = timedelta(minutes=90)
"""The longest time from a day's first file to the day's registration: two statements of half an
hour each, and some calls. A running compaction can be detected, but not another erasure."""
_ARCHIVED: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Athena silently skips files in these storage classes."""


class UnregisteredFiles:
    """Finds and deletes these files. Methods raise ``ErasureError`` if a call fails.

    Args:
        days: The registered days.
        run: What all passes share.
        folder: The folder of the tables' files, as ``s3://bucket/prefix/``.
    """

    def __init__(self, days: RegisteredDays, run: Run, folder: str) -> None:
        self._days = days
        self._run = run
        bucket, _, self._prefix = folder.removeprefix("s3://").partition("/")
        self._bucket = f"s3://{bucket}/"

    def delete(self, stream: EventStream, *, rewritten: Collection[str], began: datetime) -> None:
        """Delete the files of a stream; in a dry run, only count them.

        Args:
            stream: The stream.
            rewritten: The days that were rewritten, or would be in a dry run.
            began: Files written since then are kept.
        """
        registered = dict(self._days.locations(compacted_table(stream)))
        read = [
            location
            for day, location in registered.items()
            if not (self._run.is_dry_run and day in rewritten)
        ]
        within = f"{self._prefix}{stream.event_type}/"
        for versions in self._run.bucket.objects(within):
            key = versions[0].key
            if any(f"{self._bucket}{key}".startswith(location) for location in read):
                reason = _why_suspicious(versions)
            else:
                folder, _, rest = key.removeprefix(within).partition("/")
                parsed = ArchiveKey.parse(f"{within}{folder}/")
                is_known = parsed is not None and parsed.day in registered
                reason = self._why_left(versions, rest, is_known=is_known, began=began)
                if reason is None:
                    self._delete(versions)
            if reason is not None:
                self._run.findings.note_unchecked(key, reason)

    def delete_folder(self, location: str) -> None:
        """Delete the folder of a day on which all rows are the subscriber's."""
        for versions in self._run.bucket.objects(self._key(location)):
            self._delete(versions)

    def check_readable(self, location: str) -> None:
        """Check that Athena can read all files of a folder."""
        for versions in self._run.bucket.objects(self._key(location)):
            if versions[0].is_current and versions[0].storage_class in _ARCHIVED:
                raise ErasureError(
                    f"rewriting a day failed: {versions[0].key} is in an archive storage class of"
                    " S3, which Athena skips; the day was not changed",
                    "restore the object, copy it onto itself, and run this command again",
                )

    def _delete(self, versions: Sequence[Version]) -> None:
        self._run.findings.add(table_files=len(versions))
        if not self._run.is_dry_run:
            self._run.bucket.delete(versions)

    def _why_left(
        self, versions: Sequence[Version], rest: str, *, is_known: bool, began: datetime
    ) -> str | None:
        """Return why an unregistered file is kept; None if it is to be deleted."""
        newest = versions[0]
        before = began - _CLOCK_SKEW
        if newest.written >= before:
            return "it was written a moment ago. To fix this, run this command again"
        is_other_run = rest.startswith(RUNS) and not rest.startswith(f"{self._run.name}/")
        if newest.is_current and is_other_run and newest.written >= before - _LONGEST_REWRITE:
            return (
                "another erasure may be about to register it. To fix this, run this command again"
                " in two hours"
            )
        if newest.is_current and not is_known:
            return (
                "its day is not registered, so it may hold the only copy of that day. To fix this,"
                " compact the day or delete the file, and run this command again"
            )
        return None

    def _key(self, location: str) -> str:
        """Return the key prefix of a folder."""
        key = location.removeprefix(self._bucket)
        if key == location or not key.startswith(self._prefix) or not key.endswith("/"):
            raise ErasureError(
                f"rewriting a day failed: its registered location {location} is not a folder below"
                f" {self._bucket}{self._prefix}",
                "let a compaction rewrite the day (with `since`), and run this command again",
            )
        return key


def _why_suspicious(versions: Sequence[Version]) -> str | None:
    """Return the problem of a file that a registered day reads; None if it has none."""
    if not (len(versions) == 1 and versions[0].is_current):
        return "somebody deleted or replaced this file of a registered day"
    if versions[0].storage_class in _ARCHIVED:
        return (
            "it is in an archive storage class of S3, which Athena skips. To fix this, restore it"
        )
    return None
