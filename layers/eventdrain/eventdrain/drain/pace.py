"""The pace: decides when a drain may take more deliveries and when it ends. Does no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventdrain.drain.window import EndReason

if TYPE_CHECKING:
    from datetime import timedelta

    from eventdrain.drain.window import Window

_ANSWERS: Final = 4
"""A quiet stream must be quiet for this many times the time that the event API takes to answer."""
_PATIENCE_SECONDS: Final = 5.0


class Pace:
    """Decides when to take deliveries and when to end one drain.

    A stream is *proven* once the event API has sent a message over it or answered a probe. Before
    that, a quiet stream may only mean that a gateway accepted the connection. The event API is
    *heard* while at least one stream is proven.

    Args:
        window: The time limits of the run.
        limit: The maximum number of committed deliveries.
        idle: How long all streams must be quiet to end the run as idle, if the event API answers
            fast. At least one stream must be proven, and no commit may be in progress. A batch that
            waits for more is no reason to go on.
        max_in_flight: How many unacked deliveries the server sends at most, over all streams.
        streams: The number of streams.
    """

    def __init__(
        self,
        window: Window,
        *,
        limit: int,
        idle: timedelta,
        max_in_flight: int,
        streams: int = 1,
    ) -> None:
        self._window = window
        self._limit = limit
        self._idle = idle.total_seconds()
        self._max_in_flight = max_in_flight
        self._blocking = max_in_flight // streams
        self._committed = 0
        self._uncommitted = 0
        self._committing = 0
        self._acking = 0
        self._proven_streams = 0
        self._quiet_since = 0.0
        self._heard_since: float | None = None
        self._heard_until = 0.0
        self._heard_before = 0.0
        self.has_failed = False

    @property
    def room(self) -> int:
        """How many deliveries may be taken now.

        Every delivery taken counts towards the limit until its commit has failed. Those whose acks
        are on their way leave room for as many others, up to ``max_in_flight``: a commit is settled
        with its last ack, and the server sends a delivery after each.
        """
        acking = min(self._acking, self._max_in_flight)
        most = min(self._max_in_flight + acking, self._limit - self._committed)
        return most - self._uncommitted

    @property
    def is_last(self) -> bool:
        """Whether the deliveries already taken reach the limit if all of them are committed."""
        return self._committed + self._uncommitted >= self._limit

    def proven(self, opened_at: float) -> None:
        """Record that a stream, open since ``opened_at``, is proven.

        The quiet time continues over a reconnection, unless a stream ended unproven in between: the
        server sends events of the meantime as soon as the next stream opens.
        """
        if self._heard_since is None:
            self._heard_since = opened_at
            self._quiet_since = max(self._quiet_since, opened_at)
        self._proven_streams += 1

    def answered(self, seconds: float) -> None:
        """Record how long the event API took to answer a probe.

        If it is slow to answer, it may be slow to send waiting events. So the quiet time becomes
        four times as long as the answer took, but not longer than five seconds because of this.
        """
        self._idle = max(self._idle, min(_ANSWERS * seconds, _PATIENCE_SECONDS))

    def closed(self, now: float) -> None:
        """Record that a proven stream has closed."""
        self._proven_streams -= 1
        self._heard_until = now

    def unproven(self) -> None:
        """Record that a stream ended, or failed to open, without being proven.

        If no other stream is proven, the quiet time starts again with the next proven stream.
        """
        if self._proven_streams == 0 and self._heard_since is not None:
            self._heard_before += self._heard_until - self._heard_since
            self._heard_since = None

    def heard_seconds(self, now: float) -> float:
        """Return for how many seconds the event API was heard."""
        if self._heard_since is None:
            return self._heard_before
        until = now if self._proven_streams else self._heard_until
        return self._heard_before + until - self._heard_since

    def took(self, count: int, now: float) -> None:
        """Record that deliveries were taken."""
        self._uncommitted += count
        self._quiet_since = now

    def committing(self, count: int) -> None:
        """Record that the commit of taken deliveries has begun."""
        self._committing += count

    def written(self, count: int) -> None:
        """Record that all sinks have deliveries whose commit has begun."""
        self._acking += count

    def settled(self, *, committed: int, left: int, now: float) -> None:
        """Record the outcome of a commit.

        The quiet time starts again if the server may have reached its limit of deliveries in flight
        before the acks: it sends no others then. All of them may be of one stream.
        """
        if self._uncommitted >= self._blocking:
            self._quiet_since = now
        self._committed += committed
        self._uncommitted -= committed + left
        self._committing -= committed + left
        self._acking -= committed

    def failed(self) -> None:
        """Record an error that retrying cannot fix."""
        self.has_failed = True

    def end(self, now: float) -> EndReason | None:
        """Return the reason to end now; None to continue."""
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
        """The latest time at which :meth:`end` returns a reason if nothing else happens."""
        idle_at = self._idle_at
        return self._window.read_until if idle_at is None else min(idle_at, self._window.read_until)

    @property
    def _idle_at(self) -> float | None:
        if not self._proven_streams or self._committing:
            return None
        return self._quiet_since + self._idle
