"""Files of the compacted tables that no registered day reads: deleted for good, each version.

They are in folders that were replaced, now or earlier, or that failed runs have left, or they were
deleted in the last 30 days. Nothing tells whose rows they hold.

Three kinds are left, and reported. What was written a moment ago may be about to be registered by a
compaction or by another run of this command. A folder of an unregistered day may be all there is of
the day, for example after the catalogue was recreated. And files that a registered day reads stay.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from drainctl.catalogue import compacted_table
from drainctl.erase.findings import RUNS, ErasureError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from drainctl.erase.bucket import Version
    from drainctl.erase.findings import Run
    from drainctl.erase.registered_days import RegisteredDays
    from eventdrain.events import EventStream

_CLOCK_SKEW: Final = timedelta(minutes=1)
_LONGEST_REWRITE: Final = timedelta(minutes=90)
"""From the first file of a day to its registration: two statements of half an hour each, and some
calls. Whether a compaction is running can be found out; whether another erasure is can't."""
_ARCHIVED: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Athena silently skips files in these storage classes."""


class UnregisteredFiles:
    """Finds and deletes these files. Raises ``ErasureError`` if something fails.

    Args:
        days: The registered days.
        run: The run.
        folder: Where the tables' files are, as ``s3://bucket/prefix/``.
    """

    def __init__(self, days: RegisteredDays, run: Run, folder: str) -> None:
        self._days = days
        self._run = run
        bucket, _, self._prefix = folder.removeprefix("s3://").partition("/")
        self._bucket = f"s3://{bucket}/"

    def delete(self, stream: EventStream, *, rewritten: Collection[str], began: datetime) -> None:
        """Delete the files of a stream; in a dry run count them.

        Args:
            stream: The stream.
            rewritten: The days that are, or would be, rewritten.
            began: Files written since then are left.
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
                day, _, rest = key.removeprefix(within).partition("/")
                is_known = day.startswith("dt=") and day.removeprefix("dt=") in registered
                reason = self._why_left(versions, rest, is_known=is_known, began=began)
                if reason is None:
                    self._delete(versions)
            if reason is not None:
                self._run.findings.note_unchecked(key, reason)

    def delete_folder(self, location: str) -> None:
        """Delete a folder with rows of the subscriber only, before its day is unregistered."""
        for versions in self._run.bucket.objects(self._key(location)):
            self._delete(versions)

    def check_readable(self, location: str) -> None:
        """Check that Athena reads all files of a folder."""
        for versions in self._run.bucket.objects(self._key(location)):
            if versions[0].is_current and versions[0].storage_class in _ARCHIVED:
                raise ErasureError(
                    f"{versions[0].key} is in an archive storage class of S3, which Athena skips;"
                    " the day was not changed",
                    "restore it, copy it onto itself, and run this again",
                )

    def _delete(self, versions: Sequence[Version]) -> None:
        self._run.findings.add(table_files=len(versions))
        if not self._run.is_dry_run:
            self._run.bucket.delete(versions)

    def _why_left(
        self, versions: Sequence[Version], rest: str, *, is_known: bool, began: datetime
    ) -> str | None:
        """Return why a file that no registered day reads is left; None if it is deleted."""
        newest = versions[0]
        before = began - _CLOCK_SKEW
        if newest.written >= before:
            return "it was written a moment ago: run this again"
        is_other_run = rest.startswith(RUNS) and not rest.startswith(f"{self._run.name}/")
        if newest.is_current and is_other_run and newest.written >= before - _LONGEST_REWRITE:
            return "another erasure may be about to register it: run this again in two hours"
        if newest.is_current and not is_known:
            return (
                "its day is not registered, so it may be all there is of that day: compact the day"
                " or delete the file, and run this again"
            )
        return None

    def _key(self, location: str) -> str:
        """Return what the keys of a folder begin with."""
        key = location.removeprefix(self._bucket)
        if key == location or not key.startswith(self._prefix) or not key.endswith("/"):
            raise ErasureError(
                f"the registered location {location} is not a folder below"
                f" {self._bucket}{self._prefix}",
                "let a compaction rewrite its day (with `since`), and run this again",
            )
        return key


def _why_suspicious(versions: Sequence[Version]) -> str | None:
    """Return what is wrong with a file that a registered day reads; None if nothing is."""
    if not (len(versions) == 1 and versions[0].is_current):
        return "somebody deleted or replaced this file of a registered day"
    if versions[0].storage_class in _ARCHIVED:
        return "it is in an archive storage class of S3, which Athena skips: restore it first"
    return None
