"""The files of the compacted table that nobody reads: deleted for good, each version.

These are folders that were replaced, now or before, those of runs that failed, and what was deleted
in the last 30 days. Nothing else tells whose rows they hold.

Three kinds are left, and named. What was written a moment ago may be what a compaction, or another
run of this command, is about to register. A folder of a day that is registered nowhere may be all
that there is of the day, as where the catalogue was made anew. And no file goes that a registered
day reads.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from drainctl.catalogue.statements import compacted_table
from drainctl.erase.store import ErasureFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from drainctl.erase.days import Days
    from drainctl.erase.findings import Findings
    from drainctl.erase.store import Store
    from drainctl.erase.versions import Version
    from eventdrain.events import EventStream

FOLDERS: Final = "forget-"
"""What the folders begin with that this command writes."""
_CLOCKS_DIFFER: Final = timedelta(minutes=1)
_LONGEST_REWRITE: Final = timedelta(minutes=90)
"""From the first file of a day to its registration: two statements of half an hour each, and some
calls. A compaction is known to be under way; another run of this command is not."""
_ARCHIVED: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Athena passes over files in these classes of storage without a word."""


class UnreadFiles:
    """Finds and deletes them.

    Args:
        days: The registered days.
        store: The bucket.
        findings: Is added to.
        place: Where the files are, as ``s3://bucket/prefix/``.
        run: What the folders of this run are called.
        is_dry_run: Whether to count only.
    """

    def __init__(
        self,
        days: Days,
        store: Store,
        findings: Findings,
        *,
        place: str,
        run: str,
        is_dry_run: bool,
    ) -> None:
        self._days = days
        self._store = store
        self._findings = findings
        bucket, _, self._prefix = place.removeprefix("s3://").partition("/")
        self._bucket = f"s3://{bucket}/"
        self._run = run
        self._is_dry_run = is_dry_run

    def delete(self, stream: EventStream, *, rewritten: Collection[str], began: datetime) -> None:
        """Delete those of a stream; in a dry run count them.

        Args:
            stream: The stream.
            rewritten: The days that are written anew, or would be.
            began: What was written since is left.
        """
        registered = dict(self._days.locations(compacted_table(stream)))
        read = [
            location
            for day, location in registered.items()
            if not (self._is_dry_run and day in rewritten)
        ]
        within = f"{self._prefix}{stream.event_type}/"
        for versions in self._store.objects(within):
            key = versions[0].key
            if any(f"{self._bucket}{key}".startswith(location) for location in read):
                doubt = _doubt_of_read(versions)
            else:
                day, _, rest = key.removeprefix(within).partition("/")
                is_known = day.startswith("dt=") and day.removeprefix("dt=") in registered
                doubt = self._doubt(versions, rest, is_known=is_known, began=began)
                if doubt is None:
                    self._delete(versions)
            if doubt is not None:
                self._findings.leave_unchecked(key, doubt)

    def delete_folder(self, location: str) -> None:
        """Delete a folder that holds rows of theirs alone, before its day is unregistered.

        Raises:
            ErasureFailed: It can't be.
        """
        for versions in self._store.objects(self._key(location)):
            self._delete(versions)

    def check_readable(self, location: str) -> None:
        """Check that Athena sees all of a folder.

        Raises:
            ErasureFailed: It doesn't: what is written anew would lack rows of others.
        """
        for versions in self._store.objects(self._key(location)):
            if versions[0].is_current and versions[0].storage_class in _ARCHIVED:
                raise ErasureFailed(
                    f"{versions[0].key} lies in an archive class of S3, where Athena doesn't see"
                    " it: restore it, copy it onto itself, and run again. The day stays as it was."
                )

    def _delete(self, versions: Sequence[Version]) -> None:
        self._findings.add(table_files=len(versions))
        if not self._is_dry_run:
            self._store.delete(versions)

    def _doubt(
        self, versions: Sequence[Version], rest: str, *, is_known: bool, began: datetime
    ) -> str | None:
        """Say why a file that no registered day reads is left; None if it goes."""
        newest = versions[0]
        before = began - _CLOCKS_DIFFER
        if newest.written >= before:
            return "it was written just now: run again"
        is_another_run_s = rest.startswith(FOLDERS) and not rest.startswith(f"{self._run}/")
        if newest.is_current and is_another_run_s and newest.written >= before - _LONGEST_REWRITE:
            return "another run of this command may be about to register it: run again in two hours"
        if newest.is_current and not is_known:
            return (
                "its day is registered nowhere, so it may be all that there is of it: compact the"
                " day or delete the file, and run again"
            )
        return None

    def _key(self, location: str) -> str:
        """Give what the keys of a folder begin with.

        Raises:
            ErasureFailed: It is none of this table's.
        """
        key = location.removeprefix(self._bucket)
        if key == location or not key.startswith(self._prefix) or not key.endswith("/"):
            raise ErasureFailed(
                f"{location} is registered, and is no folder below {self._bucket}{self._prefix}:"
                " let a compaction write its day anew (with `since`), and run again"
            )
        return key


def _doubt_of_read(versions: Sequence[Version]) -> str | None:
    """Say what is wrong with a registered day's file; None if nothing is."""
    if not (len(versions) == 1 and versions[0].is_current):
        return "a registered day's file was deleted or replaced by hand"
    if versions[0].storage_class in _ARCHIVED:
        return "it lies in an archive class of S3, where Athena doesn't see it: restore it first"
    return None
