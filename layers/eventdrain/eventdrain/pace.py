"""When a drain may take more deliveries and when it ends: counts in, decisions out, no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventdrain.window import EndReason

if TYPE_CHECKING:
    from datetime import timedelta

    from eventdrain.window import Window


class Pace:
    """Paces one drain.

    Args:
        window: The bounded time of the run.
        limit: How many deliveries may be committed: never one more.
        idle: How long all streams may be quiet, with one open and nothing uncommitted.
        max_in_flight: How many deliveries may be held uncommitted, whatever the server sends.
    """

    def __init__(self, window: Window, *, limit: int, idle: timedelta, max_in_flight: int) -> None:
        self._window = window
        self._limit = limit
        self._idle = idle.total_seconds()
        self._max_in_flight = max_in_flight
        self._committed = 0
        self._uncommitted = 0
        self._open_streams = 0
        self._quiet_since = 0.0
        self.has_failed = False

    @property
    def room(self) -> int:
        """How many deliveries may be taken now.

        What is taken might all be committed, so all of it counts against the limit until it is
        known to be left.
        """
        return min(self._max_in_flight, self._limit - self._committed) - self._uncommitted

    @property
    def is_last(self) -> bool:
        """Whether what is taken would reach the limit, if all of it is committed."""
        return self._committed + self._uncommitted >= self._limit

    @property
    def is_open(self) -> bool:
        """Whether a stream is open."""
        return self._open_streams > 0

    def opened(self, now: float) -> None:
        """Note that a stream is open. If another was already, its quiet counts on."""
        if not self.is_open:
            self._quiet_since = now
        self._open_streams += 1

    def closed(self) -> None:
        """Note that a stream is closed that was open. While none is, quiet means nothing."""
        self._open_streams -= 1

    def took(self, count: int, now: float) -> None:
        """Note that deliveries were taken."""
        self._uncommitted += count
        self._quiet_since = now

    def settled(self, *, committed: int, left: int, now: float) -> None:
        """Note what became of deliveries that were taken.

        Quiet is counted anew from here: before, the server may have had no room to send.
        """
        self._committed += committed
        self._uncommitted -= committed + left
        self._quiet_since = now

    def failed(self) -> None:
        """Note an error that trying again won't cure."""
        self.has_failed = True

    def end(self, now: float) -> EndReason | None:
        """Tell why reading should end now; None if it should not."""
        if self.has_failed:
            return EndReason.FAILED
        if self._committed >= self._limit:
            return EndReason.LIMIT
        if now >= self._window.read_until:
            return EndReason.WINDOW
        idle_at = self._idle_at
        if idle_at is not None and now >= idle_at:
            return EndReason.IDLE
        return None

    @property
    def ends_at(self) -> float:
        """When :meth:`end` will give a reason at the latest, if nothing happens."""
        idle_at = self._idle_at
        return self._window.read_until if idle_at is None else min(idle_at, self._window.read_until)

    @property
    def _idle_at(self) -> float | None:
        if not self.is_open or self._uncommitted:
            return None
        return self._quiet_since + self._idle
