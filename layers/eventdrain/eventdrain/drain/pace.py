"""When a drain may take more deliveries and when it ends: counts in, decisions out, no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventdrain.drain.window import EndReason

if TYPE_CHECKING:
    from datetime import timedelta

    from eventdrain.drain.window import Window


class Pace:
    """Paces one drain.

    Args:
        window: The bounded time of the run.
        limit: How many deliveries may be committed: never one more.
        idle: How long all streams may be quiet, with one proven and nothing uncommitted.
        max_in_flight: How many deliveries may be held uncommitted, whatever the server sends.
    """

    def __init__(self, window: Window, *, limit: int, idle: timedelta, max_in_flight: int) -> None:
        self._window = window
        self._limit = limit
        self._idle = idle.total_seconds()
        self._max_in_flight = max_in_flight
        self._committed = 0
        self._uncommitted = 0
        self._proven_streams = 0
        self._quiet_since = 0.0
        self._heard_since: float | None = None
        self._heard_until = 0.0
        self._heard_before = 0.0
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

    def proven(self, opened_at: float) -> None:
        """Note that the event API has answered over a stream that has been open since then.

        Quiet counts on from before where no attempt without an answer came in between: what
        happened while no stream was open would have been sent when the next one opened.
        """
        if self._heard_since is None:
            self._heard_since = opened_at
            self._quiet_since = max(self._quiet_since, opened_at)
        self._proven_streams += 1

    def closed(self, now: float) -> None:
        """Note that a proven stream is closed."""
        self._proven_streams -= 1
        self._heard_until = now

    def unproven(self) -> None:
        """Note that a stream ended, or was not opened, without an answer of the event API.

        Unless another stream is proven, quiet means nothing then, and is counted anew.
        """
        if self._proven_streams == 0 and self._heard_since is not None:
            self._heard_before += self._heard_until - self._heard_since
            self._heard_since = None

    def heard_seconds(self, now: float) -> float:
        """Return for how long the event API was heard: streams were proven, one after another."""
        if self._heard_since is None:
            return self._heard_before
        until = now if self._proven_streams else self._heard_until
        return self._heard_before + until - self._heard_since

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
        """Note an error that trying again won't hint."""
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
        if not self._proven_streams or self._uncommitted:
            return None
        return self._quiet_since + self._idle
