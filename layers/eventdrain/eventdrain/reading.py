"""A reading: keeps one stream open for as long as the drain goes on, and fills the inbox."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NoReturn

from eventdrain.backoff import Backoff
from eventdrain.errors import (
    ACCESS_ERRORS,
    NOT_ACCEPTED,
    AccessRefused,
    DrainError,
    StreamEnded,
    Unauthenticated,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.inbox import Inbox
    from eventdrain.ports import Authorization, EventSource
    from eventdrain.report import Report

_logger = logging.getLogger(__name__)

_FIRST_REOPEN: Final = timedelta(seconds=1)
_LONGEST_REOPEN: Final = timedelta(seconds=30)
_AFTER_AUTHENTICATION_ERROR: Final = timedelta(seconds=10)
"""The vendor's sample waits this long, and says that a client that doesn't is rate limited."""


class Reading:
    """One of a drain's readings. Run it once, until it is refused or cancelled.

    Args:
        source: Where events come from.
        authorization: Renewed once, if the server does not accept the token.
        inbox: Where messages go; what it has no room for is waited with.
        report: Connections, messages and their size are counted in it, and a refusal is noted.
        on_open: Called when the stream is open.
        on_close: Called when it is not any more, after ``on_open``.

    Attributes:
        last_end: Why the last stream ended, if another may be opened.
    """

    def __init__(
        self,
        *,
        source: EventSource,
        authorization: Authorization,
        inbox: Inbox,
        report: Report,
        on_open: Callable[[], None],
        on_close: Callable[[], None],
    ) -> None:
        self._source = source
        self._authorization = authorization
        self._inbox = inbox
        self._report = report
        self._on_open = on_open
        self._on_close = on_close
        self._reopening = Backoff(first=_FIRST_REOPEN, longest=_LONGEST_REOPEN)
        self._after_rejection = Backoff(
            first=_AFTER_AUTHENTICATION_ERROR, longest=_AFTER_AUTHENTICATION_ERROR
        )
        self.last_end = "nothing was answered"

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
            self.last_end = str(error)
            wait = self._reopening.wait_seconds()
            _logger.info("%s; it is opened again in %.1f s", error, wait)
            return wait
        except Unauthenticated as error:
            self.last_end = str(error)
            if not await asyncio.to_thread(self._authorization.renew, token):
                raise AccessRefused(NOT_ACCEPTED) from None
            wait = self._after_rejection.wait_seconds()
            _logger.warning("%s; a new one is tried in %.1f s", error, wait)
            return wait

    async def _read(self, token: str | None) -> NoReturn:
        self._report.connections += 1
        async with self._source.connect(token) as connection:
            await connection.opened()
            self._on_open()
            try:
                while True:
                    messages = await connection.receive()
                    self._reopening.reset()
                    self._report.received += len(messages)
                    self._report.bytes_received += sum(map(len, messages))
                    self._inbox.put(messages, datetime.now(UTC))
                    await self._inbox.has_room()
            finally:
                self._on_close()  # at once: to leave the connection takes a while
