"""The issued access tokens: written by the token server, read by the event server.

Both share one object, so that a token expires or is revoked for both at once.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta


@dataclass(frozen=True)
class Grant:
    """An issued token and its scopes.

    Attributes:
        client_id: The client that got it.
        scopes: Its scopes.
        expires_at: In seconds of the ledger's clock.
        token: The token.
    """

    client_id: str
    scopes: frozenset[str]
    expires_at: float
    token: str = field(repr=False)


class TokenLedger:
    """All issued tokens, also expired and revoked ones. Thread-safe.

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._grants: dict[str, Grant] = {}
        self._revoked: set[str] = set()

    def issue(
        self,
        client_id: str,
        scopes: Iterable[str],
        lifetime: timedelta,
        *,
        token: str | None = None,
    ) -> Grant:
        """Issue a token, by default a made-up one, for a lifetime."""
        token = token or f"made-up-{secrets.token_urlsafe(24)}"
        expires_at = self._clock() + lifetime.total_seconds()
        grant = Grant(client_id, frozenset(scopes), expires_at, token)
        with self._lock:
            self._grants[token] = grant
            self._revoked.discard(token)
        return grant

    def check(self, token: str) -> Grant | None:
        """Return the grant of a token; None if it is unknown, expired or revoked."""
        with self._lock:
            grant = self._grants.get(token)
            if grant is None or token in self._revoked or self._clock() >= grant.expires_at:
                return None
            return grant

    def revoke(self, token: str) -> None:
        """Revoke a token."""
        with self._lock:
            self._revoked.add(token)

    def revoke_all(self) -> None:
        """Revoke all tokens issued so far."""
        with self._lock:
            self._revoked.update(self._grants)

    def issued(self) -> tuple[Grant, ...]:
        """Return all grants, in the order of their issue."""
        with self._lock:
            return tuple(self._grants.values())
