"""The pass over objects: lines of the archive, and quarantined events.

An object that also holds lines of other subscribers is rewritten: a new object with their lines is
written and read back before any version of the old object is deleted. The new key is derived from
the old key and the ids of the remaining lines, so that a run after an interrupted one finds it.
Until the old object is deleted, both objects hold these lines. All readers of the archive ignore
such duplicates.
"""

from __future__ import annotations

import gzip
import zlib
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainctl.erase.findings import ErasureError
from drainctl.erase.subject import UnreadableError, event_id_of
from eventdrain.events import ArchiveKey, compress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from drainctl.erase.bucket import Version
    from drainctl.erase.findings import Run
    from drainctl.erase.subject import Subject

_AT_ONCE: Final = 16
_AHEAD: Final = 64
_RECORD: Final = ".json"
_NOT_OURS: Final = "the drain did not write it"
_NO_KEY: Final = (
    "it has pseudonyms, but the stack has no key for them. To fix this, specify the secret that"
    " held the key with --pseudonym-key"
)


@dataclass(frozen=True, slots=True)
class Folder:
    """A prefix with objects of one kind.

    Attributes:
        prefix: The key prefix, with a trailing slash.
        counted_as: The name of the count for the subscriber's lines or quarantined events.
        is_theirs: Returns whether a line or a quarantined event is the subscriber's.
        may_be_theirs: Returns whether it could be, but only an unknown key could decide that.
        excluded: Prefixes below this one that hold other objects.
    """

    prefix: str
    counted_as: str
    is_theirs: Callable[[bytes], bool]
    may_be_theirs: Callable[[bytes], bool]
    excluded: tuple[str, ...]


def folders(
    subject: Subject,
    *,
    archive_prefixes: Sequence[str],
    quarantine_prefixes: Sequence[str],
    tables_prefix: str,
) -> Sequence[Folder]:
    """Return the folders to search. Prefixes are without a trailing slash.

    Args:
        subject: The subscriber.
        archive_prefixes: The prefixes of lines.
        quarantine_prefixes: The prefixes of quarantined events, which are never pseudonymised.
        tables_prefix: The prefix of the compacted tables' files, which this pass excludes.
    """
    known = [f"{each}/" for each in (*archive_prefixes, *quarantine_prefixes, tables_prefix)]

    def below(name: str) -> tuple[str, tuple[str, ...]]:
        prefix = f"{name}/"
        return prefix, tuple(each for each in known if each != prefix and each.startswith(prefix))

    lines = [
        Folder(prefix, "lines", subject.has_line, subject.has_unknown_pseudonym, excluded)
        for prefix, excluded in map(below, archive_prefixes)
    ]
    records = [
        Folder(prefix, "records", subject.has_record, lambda _: False, excluded)
        for prefix, excluded in map(below, quarantine_prefixes)
    ]
    return (*lines, *records)


class ObjectsPass:
    """Searches all objects of folders. Methods raise ``ErasureError`` if a call fails.

    Args:
        run: What all passes share.
        on_progress: Called with the size of each finished object.
    """

    def __init__(self, run: Run, on_progress: Callable[[int], None] = lambda _: None) -> None:
        self._run = run
        self._findings = run.findings
        self._on_progress = on_progress

    def erase(self, folder: Folder, *, since: datetime | None = None) -> None:
        """Find the subscriber's lines and, except in a dry run, delete them.

        Args:
            folder: The folder to search.
            since: Search only objects with a version written since then.
        """
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="erase") as threads:
            running: set[Future[None]] = set()
            for versions in self._run.bucket.objects(folder.prefix):
                if self._run.is_stopped():
                    break
                if versions[0].key.startswith(folder.excluded):
                    continue
                if since is not None and versions[0].written < since:
                    continue
                running.add(threads.submit(self._erase_from, folder, versions))
                if len(running) >= _AHEAD:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    _raise(done)
            _raise(wait(running).done)

    def _erase_from(self, folder: Folder, versions: Sequence[Version]) -> None:
        theirs = [version for version in versions if self._is_to_delete(folder, version)]
        if theirs and not self._run.is_dry_run:
            self._run.bucket.delete(theirs, is_last=len(theirs) == len(versions))
        self._on_progress(sum(version.size for version in versions))

    def _is_to_delete(self, folder: Folder, version: Version) -> bool:
        """Return whether to delete a version, after copying its lines of other subscribers."""
        try:
            body = self._run.bucket.read(version)
            if body is None:
                return False
            self._findings.add(objects_read=1)
            lines = _lines_of(version.key, body)
            if any(map(folder.may_be_theirs, lines)):
                self._findings.note_unchecked(folder.prefix, _NO_KEY)
            is_theirs = [folder.is_theirs(line) for line in lines]
            if not any(is_theirs):
                return False
            others = [line for line, theirs in zip(lines, is_theirs, strict=True) if not theirs]
            ids = [event_id_of(line) for line in others]
        except UnreadableError as error:
            self._findings.note_unchecked(version.key, str(error))
            return False
        self._findings.add(**{folder.counted_as: sum(is_theirs)})
        self._note_day(version.key)
        if not version.is_current:
            self._findings.add(old_versions=1, others_in_old_versions=len(others))
        elif not others:
            self._findings.add(objects_deleted=1)
        else:
            self._findings.add(objects_rewritten=1)
            if not self._run.is_dry_run:
                self._copy(version, others, ids)
        return True

    def _copy(self, version: Version, lines: Sequence[bytes], ids: Sequence[str]) -> None:
        """Write some of a version's lines into a new object."""
        parsed = ArchiveKey.parse(version.key)
        if parsed is None:  # impossible, because its lines were read
            raise UnreadableError(_NOT_OURS)
        key = parsed.for_events(ids).format()
        body = compress(b"".join(line + b"\n" for line in lines))
        written = self._run.bucket.replace(version, key, body)
        if sorted(ids) != sorted(map(event_id_of, _lines_of(key, written))):
            raise ErasureError(
                f"rewriting {version.key} failed: {key} already exists with other content, so"
                " nothing was deleted",
                f"compare the two objects, delete {key} if it is not needed, and run this command"
                " again",
            )

    def _note_day(self, key: str) -> None:
        parsed = ArchiveKey.parse(key)
        if parsed is not None and parsed.day is not None:
            self._findings.note_day(parsed.event_type, parsed.day)


def _lines_of(key: str, body: bytes) -> Sequence[bytes]:
    """Return the lines of an object; a quarantined event is a single line.

    Raises:
        UnreadableError: The object does not belong to the archive or quarantine, or is incomplete.
    """
    if key.endswith(_RECORD):
        return [body.removesuffix(b"\n")]
    parsed = ArchiveKey.parse(key)
    if parsed is None or not parsed.holds_lines:
        raise UnreadableError(_NOT_OURS)
    try:
        text = gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        raise UnreadableError("it is not a complete gzip file") from None
    return text.removesuffix(b"\n").split(b"\n") if text else []


def _raise(done: Iterable[Future[None]]) -> None:
    for each in done:
        each.result()
