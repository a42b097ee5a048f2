"""A reading: keeps one stream open for as long as the drain goes on, and fills the inbox."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NoReturn

from eventdrain.backoff import Backoff
from eventdrain.errors import (
    ACCESS_ERRORS,
    AccessRefused,
    ApiSilent,
    DrainError,
    StreamEnded,
    Unauthenticated,
    not_accepted,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.drain.inbox import Inbox
    from eventdrain.drain.pace import Pace
    from eventdrain.drain.report import Report
    from eventdrain.errors import StreamError
    from eventdrain.ports import Authorization, Connection, EventSource

_logger = logging.getLogger(__name__)

_FIRST_REOPEN: Final = timedelta(seconds=1)
_LONGEST_REOPEN: Final = timedelta(seconds=30)
_FIRST_PROBE_SECONDS: Final = 0.25
"""An event that comes at once proves as much as a probe, and most runs have one waiting."""
_NEXT_PROBE: Final = timedelta(seconds=1)
_LONGEST_PROBE: Final = timedelta(seconds=5)
_AFTER_AUTHENTICATION_ERROR: Final = timedelta(seconds=10)
"""The vendor's sample waits this long, and says that a client that doesn't is rate limited."""


class Subscription:
    """One of a drain's readings. Run it once, until it is refused or cancelled.

    Args:
        source: Where events come from.
        authorization: Renewed once, if the server does not accept the token.
        inbox: Where messages go; what it has no room for is waited with.
        report: Connections, messages and their size are counted in it, and a failure is noted.
        pace: Notes which streams are proven: over which the event API has answered.
        on_proven: Called whenever a stream is proven.
        clock: Seconds; the clock of ``pace``.

    Attributes:
        last_end: Why the last stream ended, if another may be opened; None if none has.
        last_silence: What the last probe met instead of an answer; None if there was none.
    """

    def __init__(
        self,
        *,
        source: EventSource,
        authorization: Authorization,
        inbox: Inbox,
        report: Report,
        pace: Pace,
        on_proven: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._authorization = authorization
        self._inbox = inbox
        self._report = report
        self._pace = pace
        self._on_proven = on_proven
        self._clock = clock
        self._reopening = Backoff(first=_FIRST_REOPEN, longest=_LONGEST_REOPEN)
        self._after_rejection = Backoff(
            first=_AFTER_AUTHENTICATION_ERROR, longest=_AFTER_AUTHENTICATION_ERROR
        )
        self._is_proven = False
        self.last_end: StreamError | None = None
        self.last_silence: StreamError | None = None

    async def run(self) -> str:
        """Keep the stream open, and open it again whenever it ends.

        Returns:
            Why it is refused, and what to do. What has arrived before is in the inbox.
        """
        while True:
            try:
                wait = await self._read_to_end()
            except DrainError as error:
                self._report.is_access_refused |= isinstance(error, ACCESS_ERRORS)
                return str(error)
            await asyncio.sleep(wait)
            await self._inbox.has_room()

    async def _read_to_end(self) -> float:
        """Read one connection to its end.

        Returns:
            How long to wait before the next, in seconds.

        Raises:
            StreamRefused, TokenError, CredentialsError: There will be no other.
        """
        token = self._authorization.token()
        try:
            await self._read(token)
        except StreamEnded as error:
            self.last_end = error
            wait = self._reopening.wait_seconds()
            _logger.info("%s; it is opened again in %.1f s", error, wait)
            return wait
        except Unauthenticated as error:
            self.last_end = error
            if not await asyncio.to_thread(self._authorization.renew, token):
                if error.hint:  # a gateway's answer; it need not be about the token
                    raise AccessRefused(error.reason, hint=error.hint) from None
                raise not_accepted() from None
            wait = self._after_rejection.wait_seconds()
            _logger.warning("%s; a new one is tried in %.1f s", error, wait)
            return wait

    async def _read(self, token: str | None) -> NoReturn:
        self._report.connections += 1
        self._is_proven = False
        try:
            async with self._source.connect(token) as connection:
                await connection.opened()
                opened_at = self._clock()
                probing = asyncio.create_task(self._probe(connection, opened_at))
                try:
                    await self._receive(connection, opened_at)
                finally:
                    # At once: to leave the connection takes a while.
                    self._note_closed(opened_at)
                    probing.cancel()
                    await asyncio.wait([probing])
                    if not probing.cancelled():
                        probing.result()  # raises what is a bug
        finally:
            if not self._is_proven:
                self._pace.unproven()

    async def _receive(self, connection: Connection, opened_at: float) -> NoReturn:
        while True:
            messages = await connection.receive()
            self._note_proven(opened_at)
            self._reopening.reset()
            self._report.bytes_received += sum(map(len, messages))
            self._inbox.put(messages, datetime.now(UTC))
            await self._inbox.has_room()

    async def _probe(self, connection: Connection, opened_at: float) -> None:
        """Probe the event API until it has answered, or has sent something."""
        backoff = Backoff(first=_NEXT_PROBE, longest=_LONGEST_PROBE)
        await asyncio.sleep(_FIRST_PROBE_SECONDS)
        while not self._is_proven:
            try:
                await connection.probe()
            except ApiSilent as error:
                self.last_silence = error
                wait = backoff.wait_seconds()
                _logger.info("%s; the next probe follows in %.1f s", error.reason, wait)
                await asyncio.sleep(wait)
            else:
                self._note_proven(opened_at)

    def _note_proven(self, opened_at: float) -> None:
        if not self._is_proven:
            self._is_proven = True
            self._pace.proven(opened_at)
            self._on_proven()

    def _note_closed(self, opened_at: float) -> None:
        if self._is_proven:
            now = self._clock()
            self._pace.closed(now)
            if now - opened_at >= _FIRST_REOPEN.total_seconds():
                self._reopening.reset()
