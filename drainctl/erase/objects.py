"""The pass over objects: lines of the archive, and records in quarantine.

Of an object that also has others' lines a new one is written with these alone, and read back,
before any version of the old one is deleted. Its key is made of the old one's and of the ids of
what is left, so that a run that was cut off in between finds it there. Until the old one is gone
both hold the others' lines, as copies, which everything that reads the archive stands.
"""

from __future__ import annotations

import gzip
import zlib
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final

from drainctl.erase.store import ErasureFailed
from drainctl.erase.subject import Unreadable, event_id_of
from eventdrain.events import ArchiveKey, compressed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from drainctl.erase.findings import Findings
    from drainctl.erase.kinds import Kind
    from drainctl.erase.store import Store
    from drainctl.erase.versions import Version

_AT_ONCE: Final = 16
_AHEAD: Final = 64
_RECORD: Final = ".json"
_NO_KEY: Final = (
    "there are pseudonyms, and the stack has no key of any: give --pseudonym-key, the secret that"
    " it was in"
)


class ObjectsPass:
    """Goes over all objects of a kind.

    Args:
        store: The bucket.
        findings: Is added to.
        is_dry_run: Whether to count only.
        on_progress: Is called with the bytes of each object that is through.
        is_stopped: Tells whether to begin nothing more.
    """

    def __init__(
        self,
        store: Store,
        findings: Findings,
        *,
        is_dry_run: bool,
        on_progress: Callable[[int], None],
        is_stopped: Callable[[], bool],
    ) -> None:
        self._store = store
        self._findings = findings
        self._is_dry_run = is_dry_run
        self._on_progress = on_progress
        self._is_stopped = is_stopped

    def go(self, kind: Kind, *, since: datetime | None = None) -> None:
        """Find what is theirs, and unless it is a dry run delete it.

        Args:
            kind: Where to look.
            since: Only objects of which a version was written since then.

        Raises:
            ErasureFailed: Something can't be done. What is under way is finished first.
        """
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="forget") as threads:
            under_way: set[Future[None]] = set()
            for versions in self._store.objects(kind.prefix):
                if self._is_stopped():
                    break
                if versions[0].key.startswith(kind.others):
                    continue
                if since is not None and versions[0].written < since:
                    continue
                under_way.add(threads.submit(self._look_at, kind, versions))
                if len(under_way) >= _AHEAD:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    _raise(done)
            _raise(wait(under_way).done)

    def _look_at(self, kind: Kind, versions: Sequence[Version]) -> None:
        theirs = [version for version in versions if self._has_theirs(kind, version)]
        if theirs and not self._is_dry_run:
            self._store.delete(theirs, is_last=len(theirs) == len(versions))
        self._on_progress(sum(version.size for version in versions))

    def _has_theirs(self, kind: Kind, version: Version) -> bool:
        """Look at a version, and see that what others have in it is somewhere else."""
        try:
            body = self._store.read(version)
            if body is None:
                return False
            self._findings.add(objects_read=1)
            lines = _lines_of(version.key, body)
            if any(map(kind.may_be_theirs, lines)):
                self._findings.leave_unchecked(kind.prefix, _NO_KEY)
            is_theirs = [kind.is_theirs(line) for line in lines]
            if not any(is_theirs):
                return False
            left = [line for line, theirs in zip(lines, is_theirs, strict=True) if not theirs]
            ids = [event_id_of(line) for line in left]
        except Unreadable as error:
            self._findings.leave_unchecked(version.key, str(error) or "it can't be read")
            return False
        self._findings.add(**{kind.counted_as: sum(is_theirs)})
        self._note_day(version.key)
        if not version.is_current:
            self._findings.add(old_versions=1, others_in_old_versions=len(left))
        elif not left:
            self._findings.add(objects_deleted=1)
        else:
            self._findings.add(objects_rewritten=1)
            if not self._is_dry_run:
                self._keep(version, left, ids)
        return True

    def _keep(self, version: Version, lines: Sequence[bytes], ids: Sequence[str]) -> None:
        """See that lines are in an object of their own.

        Raises:
            ErasureFailed: They aren't.
        """
        parsed = ArchiveKey.parse(version.key)
        if parsed is None:  # its lines were read, so it is one
            raise Unreadable("it is no object of the drain's")
        key = parsed.of_events(ids).format()
        body = compressed(b"".join(line + b"\n" for line in lines))
        written = self._store.write_in_place_of(version, key, body)
        if sorted(ids) != sorted(map(event_id_of, _lines_of(key, written))):
            raise ErasureFailed(
                f"{key} is there already and holds something else: nothing was deleted of"
                f" {version.key}. Look at both; delete the first if it is of no use, and run again."
            )

    def _note_day(self, key: str) -> None:
        parsed = ArchiveKey.parse(key)
        if parsed is not None and parsed.day is not None:
            self._findings.note_day(parsed.event_type, parsed.day)


def _lines_of(key: str, body: bytes) -> Sequence[bytes]:
    """Give the lines of an object.

    Raises:
        Unreadable: It is none of the archive's or the quarantine's, or not whole.
    """
    if key.endswith(_RECORD):
        return [body.removesuffix(b"\n")]
    parsed = ArchiveKey.parse(key)
    if parsed is None or not parsed.holds_lines:
        raise Unreadable("it is no object of the drain's")
    try:
        text = gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        raise Unreadable("it is no gzip, or not whole") from None
    return text.removesuffix(b"\n").split(b"\n") if text else []


def _raise(done: Iterable[Future[None]]) -> None:
    for each in done:
        each.result()
