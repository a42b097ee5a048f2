"""One run of an erasure: all passes in order, and the receipt.

Lines are deleted before rows of the tables, so that a compaction that starts in between does not
write the rows again.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from drainctl.erase.findings import ErasureError
from drainctl.erase.objects import ObjectsPass, folders
from drainctl.erase.table import TablePass
from drainctl.interrupt import INTERRUPTED
from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from drainctl.erase.findings import Run
    from drainctl.erase.locations import Locations
    from drainctl.erase.receipt import Receipt
    from drainctl.erase.subject import Subject

_FAILED: Final = 1
_MOST_SHOWN: Final = 20
_CLOCK_SKEW: Final = timedelta(minutes=1)
_OUTSIDE: Final = (
    "it is outside the stack's prefixes. To fix this, specify earlier prefixes of the stack with"
    " --archive-prefix or --quarantine-prefix, or check yourself what it is"
)


class Erasure:
    """Erases one subscriber.

    Args:
        run: What all passes share.
        locations: Where the stack stores events.
        subject: The subscriber.
        console: Shows the progress and the result.
        receipt: Records the result. It is written at the end, except in a dry run.

    Attributes:
        result: The content of the receipt; empty before the end.
    """

    def __init__(
        self,
        run: Run,
        locations: Locations,
        subject: Subject,
        console: Console,
        receipt: Receipt,
    ) -> None:
        self._run = run
        self._locations = locations
        self._subject = subject
        self._console = console
        self._receipt = receipt
        self.result: dict[str, Any] = {}

    def erase(self) -> int:
        """Run all passes, print and record the result, and return the exit status.

        Raises:
            ErasureError: The erasure failed. The receipt holds the error too.
        """
        findings = self._run.findings
        error: str | None = "the run ended unexpectedly"
        try:
            self._run_passes()
            error = "the run was interrupted" if self._run.is_stopped() else None
        except ErasureError as failed:
            error = str(failed)
            raise
        finally:
            self._console.print(findings.as_table(is_dry_run=self._run.is_dry_run))
            if findings.is_empty:
                self._console.print(
                    "No data of the subscriber was found. Check that the subscription id is right."
                )
            self._show_unchecked()
            self.result = self._receipt.content(findings, ended=datetime.now(UTC), error=error)
            if not self._run.is_dry_run:
                self._receipt.write(self.result)
                self._console.print(f"Receipt: {self._receipt.path}", soft_wrap=True, markup=False)
        if self._run.is_stopped():
            return INTERRUPTED
        return _FAILED if findings.unchecked else 0

    def _run_passes(self) -> None:
        run, where = self._run, self._locations
        tables = None
        if where.tables is not None:
            tables = TablePass(where.tables, run, self._subject.condition())
            if not run.is_dry_run:
                tables.check_no_compaction()
        with self._bar() as show:
            objects = ObjectsPass(run, show)
            found = folders(
                self._subject,
                archive_prefixes=where.archive_prefixes,
                quarantine_prefixes=where.quarantine_prefixes,
                tables_prefix=where.tables_prefix,
            )
            for folder in found:
                objects.erase(folder)
            for stream in STREAMS.values():
                if tables is not None and not run.is_stopped():
                    tables.erase(stream)
            if not run.is_dry_run:
                # Check objects that were written meanwhile, by the drain or another erasure.
                for folder in found:
                    objects.erase(folder, since=run.started - _CLOCK_SKEW)
        for place in run.bucket.outside(where.known_prefixes):
            run.findings.note_unchecked(place, _OUTSIDE)

    @contextmanager
    def _bar(self) -> Iterator[Callable[[int], None]]:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"))
        with Progress(*columns, TimeElapsedColumn(), console=self._console) as shown:
            task = shown.add_task("reading", total=None, done="")
            size = 0

            def show(read: int) -> None:
                nonlocal size
                size += read
                objects = self._run.findings.counts["objects_read"]
                shown.update(task, done=f"{objects:,} objects, {size / 1e6:,.1f} MB")

            yield show

    def _show_unchecked(self) -> None:
        unchecked = self._run.findings.unchecked
        for key, reason in list(unchecked.items())[:_MOST_SHOWN]:
            self._console.print(f"not checked: {key}: {reason}", soft_wrap=True, markup=False)
        if len(unchecked) > _MOST_SHOWN:
            self._console.print(f"and {len(unchecked) - _MOST_SHOWN:,} more")
