"""The token that a stack's runs share, and the secret that keeps it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from eventdrain.errors import CredentialsError
from eventdrain.ports import AccessToken

if TYPE_CHECKING:
    from eventdrain.ports import SecretStore

_logger = logging.getLogger(__name__)

_LONGEST_LEAD: Final = timedelta(minutes=10)
"""Of an hour that the vendor's tokens live. A schedule of up to ten minutes meets this span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedToken:
    """A minted token and what must be known of it to use it.

    Attributes:
        value: The token itself.
        scopes: Those that were granted, of those that were asked for.
        undecided: Those that it hasn't and that were not refused either: a run that needs one must
            ask for it. What is in neither is refused.
        minted_at: UTC.
        expires_at: UTC.
        minted_for: Whose it is, where from, and for which scopes it was asked.
    """

    value: str = field(repr=False)
    scopes: tuple[str, ...]
    undecided: tuple[str, ...]
    minted_at: datetime
    expires_at: datetime
    minted_for: dict[str, str]

    @classmethod
    def parse(cls, content: str) -> CachedToken | None:
        """Read a secret's content; None if it is malformed, or of a version with other fields.

        That is not raised: an error would keep the text, which may hold a token.
        """
        try:
            kept = json.loads(content)
            return cls(
                value=_text(kept["access_token"]),
                scopes=_texts(kept["scopes"]),
                undecided=_texts(kept["undecided"]),
                minted_at=_moment(kept["minted_at"]),
                expires_at=_moment(kept["expires_at"]),
                minted_for=kept["minted_for"],
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None

    def lasts(self, needed_for: timedelta, *, now: datetime) -> bool:
        """Tell whether it can be used for so long."""
        return self.expires_at - now >= needed_for

    def nears_its_end(self, needed_for: timedelta, *, now: datetime) -> bool:
        """Tell whether it is time for the run that leads to renew it.

        That is the last quarter of the time for which it is of use to runs that need it for so
        long, and ten minutes at the most. Reckoned from its whole lifetime, a short-lived token
        would be renewed by every run of the leader's: of eight minutes of which six are needed, two
        are of use, and two are a quarter.
        """
        is_of_use_for = self.expires_at - self.minted_at - needed_for
        return not self.lasts(needed_for + min(_LONGEST_LEAD, is_of_use_for / 4), now=now)

    def as_access_token(self) -> AccessToken:
        """Give it as the endpoint did."""
        return AccessToken(value=self.value, expires_at=self.expires_at, scopes=self.scopes)

    def as_content(self) -> str:
        """Give the secret's content."""
        return json.dumps(
            {
                "access_token": self.value,
                "scopes": self.scopes,
                "undecided": self.undecided,
                "minted_at": self.minted_at.isoformat(),
                "expires_at": self.expires_at.isoformat(),
                "minted_for": self.minted_for,
            }
        )


class TokenSecret:
    """The secret that keeps the token.

    Args:
        secrets: Where it is.
        arn: Which it is.
    """

    def __init__(self, secrets: SecretStore, arn: str) -> None:
        self._secrets = secrets
        self._arn = arn

    def read(self) -> CachedToken | None:
        """Give the cached token; None if there is none, or none that can be understood.

        Raises:
            CredentialsError: The secret can't be read.
        """
        content = self._secrets.get(self._arn)
        if content is None:
            return None
        kept = CachedToken.parse(content)
        if kept is None:
            _logger.warning(
                "the cached token in %s is malformed, or of another version: minting another",
                self._arn,
            )
        return kept

    def write(self, kept: CachedToken) -> bool:
        """Keep a token, and tell whether it is kept: that it is not is no reason to stop a run."""
        try:
            self._secrets.put(self._arn, kept.as_content())
        except CredentialsError as error:
            _logger.warning("the new token is not kept: %s", error)
            return False
        return True


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(each) for each in _list(value))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("no text")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC)
