"""One run of the command: the passes, in their order, and the receipt at their end.

Lines come before the table: a compaction that is started in between must not find them again.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from drainctl.erase.elsewhere import elsewhere
from drainctl.erase.findings import Findings
from drainctl.erase.kinds import kinds
from drainctl.erase.objects import ObjectsPass
from drainctl.erase.output import findings_table, progress
from drainctl.erase.places import PATIENT
from drainctl.erase.store import ErasureFailed, Store
from drainctl.erase.table import TablePass
from drainctl.erase.unread import FOLDERS
from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from boto3.session import Session as AwsSession
    from rich.console import Console

    from drainctl.erase.places import Places
    from drainctl.erase.receipt import Receipt
    from drainctl.erase.subject import Subject

INTERRUPTED: Final = 130
_FAILED: Final = 1
_MOST_SHOWN: Final = 20
_CLOCKS_DIFFER: Final = timedelta(minutes=1)
_ELSEWHERE: Final = (
    "it lies below no prefix of the stack: give --archive-prefix or --quarantine-prefix if it did"
    " before; else look into it"
)


class Session:
    """One run.

    Args:
        session: Makes the clients.
        places: Where to look.
        subject: Who is forgotten.
        console: Where to show it.
        bypasses_lock: Whether to delete what is under object lock.
        is_stopped: Is set when it shall end.
    """

    def __init__(
        self,
        session: AwsSession,
        places: Places,
        subject: Subject,
        console: Console,
        *,
        bypasses_lock: bool,
        is_stopped: Event,
    ) -> None:
        self._places = places
        self._subject = subject
        self._console = console
        self._is_stopped = is_stopped
        s3 = session.client("s3", config=PATIENT)
        self._store = Store(s3, places.bucket, bypasses_lock=bypasses_lock)
        self._findings = Findings()

    def run(self, receipt: Receipt | None) -> int:
        """Go through everything.

        Args:
            receipt: Is written at the end, whatever it is. None for a dry run.

        Returns:
            The exit status.

        Raises:
            ErasureFailed: It failed; the receipt says so, too.
        """
        is_dry_run = receipt is None
        error: str | None = "it was cut off"
        try:
            self._go(is_dry_run=is_dry_run)
            error = "it was interrupted" if self._is_stopped.is_set() else None
        except ErasureFailed as failed:
            error = str(failed)
            raise
        finally:
            self._console.print(findings_table(self._findings, is_dry_run=is_dry_run))
            if self._findings.is_nothing:
                self._console.print("Nothing of theirs was found: is the id right?")
            self._show_unchecked()
            if receipt is not None:
                receipt.write(self._findings, ended=datetime.now(UTC), error=error)
        if self._is_stopped.is_set():
            return INTERRUPTED
        return _FAILED if self._findings.unchecked else 0

    def _go(self, *, is_dry_run: bool) -> None:
        began = datetime.now(UTC)
        table = None
        if self._places.table is not None:
            table = TablePass(
                self._places.table,
                self._store,
                self._findings,
                run=f"{FOLDERS}{began:%Y%m%dT%H%M%S%fZ}",
                condition=self._subject.condition(),
                is_dry_run=is_dry_run,
                is_stopped=self._is_stopped.is_set,
            )
            if not is_dry_run:
                table.check_quiet()
        with self._bar() as show:
            objects = ObjectsPass(
                self._store,
                self._findings,
                is_dry_run=is_dry_run,
                on_progress=show,
                is_stopped=self._is_stopped.is_set,
            )
            places = kinds(
                self._subject,
                archive_prefixes=self._places.archive_prefixes,
                quarantine_prefixes=self._places.quarantine_prefixes,
                tables_prefix=self._places.tables_prefix,
            )
            for kind in places:
                objects.go(kind)
            for stream in STREAMS.values():
                if table is not None and not self._is_stopped.is_set():
                    table.go(stream)
            if not is_dry_run:
                # What has come meanwhile, and what another run of this command has written anew.
                for kind in places:
                    objects.go(kind, since=began - _CLOCKS_DIFFER)
        for place in elsewhere(self._store, self._places.known):
            self._findings.leave_unchecked(place, _ELSEWHERE)

    @contextmanager
    def _bar(self) -> Iterator[Callable[[int], None]]:
        with progress(self._console) as shown:
            task = shown.add_task("looking", total=None, told="")
            size = 0

            def show(read: int) -> None:
                nonlocal size
                size += read
                objects = self._findings.counts["objects_read"]
                shown.update(task, told=f"{objects:,} objects, {size / 1e6:,.1f} MB")

            yield show

    def _show_unchecked(self) -> None:
        for key, reason in list(self._findings.unchecked.items())[:_MOST_SHOWN]:
            self._console.print(f"not looked at: {key}: {reason}", soft_wrap=True, markup=False)
        more = len(self._findings.unchecked) - _MOST_SHOWN
        if more > 0:
            self._console.print(f"and {more:,} more")
