"""A subscription: keeps one stream open while the drain runs."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NoReturn

from eventdrain.backoff import Backoff
from eventdrain.errors import (
    AccessRefused,
    ApiSilent,
    DrainError,
    StreamEnded,
    StreamRefused,
    Unauthenticated,
    rejected_token,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from eventdrain.drain.pace import Pace
    from eventdrain.errors import StreamError
    from eventdrain.ports import Authorization, Connection, EventSource

_logger = logging.getLogger(__name__)

_FIRST_REOPEN: Final = timedelta(seconds=1)
_LONGEST_REOPEN: Final = timedelta(seconds=30)
_FIRST_PROBE_SECONDS: Final = 0.25
"""Most runs receive an event immediately, which proves the stream without a probe."""
_NEXT_PROBE: Final = timedelta(seconds=1)
_LONGEST_PROBE: Final = timedelta(seconds=5)
_AFTER_AUTHENTICATION_ERROR: Final = timedelta(seconds=10)
"""As in the vendor's sample: the server rate-limits clients that retry earlier."""


class Subscription:
    """One subscription of a drain. Run it once, until it fails or is cancelled.

    Messages wait in the connection, the only queue between the socket and the drain. After a stream
    has ended, the next one is opened once all of its messages are taken.

    Args:
        source: Opens streams.
        authorization: Provides the token. It is renewed once if the server rejects it.
        pace: The drain's pace, which is notified of proven streams; see ``Pace``.
        on_change: Called whenever messages have arrived or a stream is proven.
        clock: Returns seconds; the clock of ``pace``.

    Attributes:
        connections: How often a stream was opened.
        last_end: Why the last stream ended, if it may be reopened; None if no stream has ended.
        last_silence: The error of the last unanswered probe; None if there was none.
        refusal: The error with which the server refused the stream. Set before the connection is
            left, so that a cancelled subscription reports it too.
    """

    def __init__(
        self,
        *,
        source: EventSource,
        authorization: Authorization,
        pace: Pace,
        on_change: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._authorization = authorization
        self._pace = pace
        self._on_change = on_change
        self._clock = clock
        self._reopening = Backoff(first=_FIRST_REOPEN, longest=_LONGEST_REOPEN)
        self._after_rejection = Backoff(
            first=_AFTER_AUTHENTICATION_ERROR, longest=_AFTER_AUTHENTICATION_ERROR
        )
        self._connection: Connection | None = None
        self._opened_at: float | None = None
        self._is_proven = False
        self._is_stopped = False
        self._taken = asyncio.Event()
        self.connections = 0
        self.last_end: StreamError | None = None
        self.last_silence: StreamError | None = None
        self.refusal: StreamRefused | None = None

    @property
    def unread(self) -> int:
        """How many messages have arrived but were not taken."""
        return 0 if self._connection is None else self._connection.unread

    def take(self, limit: int) -> Sequence[tuple[bytes, datetime]]:
        """Take up to ``limit`` of the oldest messages, each with its arrival time, UTC."""
        if self._connection is None or not self._connection.unread:
            return ()
        self._note_answer()
        self._taken.set()
        return self._connection.take(limit)

    def stop(self) -> None:
        """Open no further streams. The current stream stays open."""
        self._is_stopped = True

    async def run(self) -> DrainError:
        """Keep a stream open, and open another one whenever it ends.

        Returns:
            The error that prevents another stream. Messages that arrived before it can still be
            taken.
        """
        while True:
            try:
                wait = await self._subscribe()
            except DrainError as error:
                return error
            await asyncio.sleep(wait)
            while self.unread or self._is_stopped:
                self._taken.clear()
                await self._taken.wait()

    async def _subscribe(self) -> float:
        """Keep one stream open until it ends.

        Returns:
            How long to wait before opening the next stream, in seconds.

        Raises:
            StreamRefused, TokenError, CredentialsError: No other stream can be opened.
        """
        token = self._authorization.token()
        try:
            await self._stay_connected(token)
        except StreamEnded as error:
            self.last_end = error
            wait = self._reopening.wait_seconds()
            _logger.info("reopening the stream in %.1f s: %s", wait, error)
            return wait
        except Unauthenticated as error:
            self.last_end = error
            if not await asyncio.to_thread(self._authorization.renew, token):
                if error.hint:  # a gateway's response, which need not be about the token
                    raise AccessRefused(error.reason, hint=error.hint) from None
                raise rejected_token() from None
            wait = self._after_rejection.wait_seconds()
            _logger.warning("retrying with a new token in %.1f s: %s", wait, error)
            return wait

    async def _stay_connected(self, token: str | None) -> NoReturn:
        self.connections += 1
        self._is_proven, self._opened_at = False, None
        async with self._source.connect(token, self._note_arrival) as connection:
            self._connection = connection
            # Record the end before leaving the connection, which takes a while.
            try:
                await self._listen(connection)
            except StreamRefused as error:
                self.refusal = error
                raise
            finally:
                self._note_ended()

    async def _listen(self, connection: Connection) -> NoReturn:
        await connection.opened()
        self._note_opened()
        probing = asyncio.create_task(self._probe(connection))
        try:
            await connection.ended()
        finally:
            probing.cancel()
            await asyncio.wait([probing])
            if not probing.cancelled():
                probing.result()  # raises unexpected errors

    async def _probe(self, connection: Connection) -> None:
        """Probe the event API until it answers a probe or sends a message."""
        backoff = Backoff(first=_NEXT_PROBE, longest=_LONGEST_PROBE)
        await asyncio.sleep(_FIRST_PROBE_SECONDS)
        sent_at = self._clock()
        while not self._is_proven:
            try:
                await connection.probe()
            except ApiSilent as error:
                self.last_silence = error
                wait = backoff.wait_seconds()
                _logger.info("probing again in %.1f s: %s", wait, error.reason)
                await asyncio.sleep(wait)
            else:
                self._pace.answered(self._clock() - sent_at)
                self._note_answer()
                self._on_change()

    def _note_arrival(self) -> None:
        self._note_answer()
        self._reopening.reset()
        self._on_change()

    def _note_opened(self) -> float:
        """Record when the stream was opened: now, unless a message has arrived before."""
        if self._opened_at is None:
            self._opened_at = self._clock()
        return self._opened_at

    def _note_answer(self) -> None:
        """Record that the event API has responded over this stream, which proves it."""
        if not self._is_proven:
            self._is_proven = True
            self._pace.proven(self._note_opened())

    def _note_ended(self) -> None:
        if self.unread:
            self._note_answer()
        if not self._is_proven:
            self._pace.unproven()
            return
        now = self._clock()
        self._pace.closed(now)
        if now - self._note_opened() >= _FIRST_REOPEN.total_seconds():
            self._reopening.reset()
