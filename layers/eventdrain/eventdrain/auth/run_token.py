"""The access token of a run, from secrets that are remembered as long as the token is good."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from eventdrain.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.auth.credentials import StaticToken
    from eventdrain.auth.remembered_secrets import RememberedSecrets
    from eventdrain.auth.tokens import TokenCache

_logger = logging.getLogger(__name__)


class RunToken:
    """The token of one run, as a ``ports.Authorization``.

    The run uses remembered secrets only while they hold a token that need not be renewed yet. To
    renew a token, and after the server has rejected it, the run reads the secrets again.

    Args:
        secrets: The secrets of the run.
        read: Reads the credentials from ``secrets``, and returns the token that they are for.

    Raises:
        CredentialsError: See ``read_credentials``.
    """

    def __init__(
        self, secrets: RememberedSecrets, read: Callable[[], TokenCache | StaticToken]
    ) -> None:
        self._secrets = secrets
        self._read = read
        self._lock = Lock()
        self._sources = [read()]  # the last one is in use; failures of the others still count

    @property
    def renewals_failed(self) -> int:
        """How often the token could not be renewed early, or not be cached."""
        return sum(source.renewals_failed for source in self._sources)

    @property
    def tokens_too_short(self) -> int:
        """How many new tokens expire too soon for other runs."""
        return sum(source.tokens_too_short for source in self._sources)

    def token(self) -> str | None:
        """Return the token; see ``TokenCache.token``."""
        if self._secrets.are_used and not self._sources[-1].needs_no_renewal():
            self._secrets.forget()
            self._sources.append(self._read())
        return self._sources[-1].token()

    def renew(self, rejected: str | None) -> bool:
        """See ``ports.Authorization``."""
        with self._lock:
            source = self._sources[-1]
            if self._secrets.forget():
                try:
                    source = self._read()
                except CredentialsError as error:
                    _logger.warning("the remembered credentials are used: %s", error)
            try:
                return source.renew(rejected)
            finally:
                # Not earlier: the event loop calls `token`, which must not wait for a secret.
                if source is not self._sources[-1]:
                    self._sources.append(source)
