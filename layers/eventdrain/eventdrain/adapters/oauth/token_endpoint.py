"""OAuth 2.0's client-credentials grant, by oauthlib over the Common Runtime.

The Common Runtime limits the time of a whole request, even if the endpoint sends single bytes.
"""

from __future__ import annotations

import asyncio
import re
import time
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus, urlsplit

from eventdrain.adapters.http import CrtHttp, HTTPClientError, UntrustedCertificate
from eventdrain.backoff import Backoff
from eventdrain.errors import ScopeRefused, TokenRefused, TokenUnavailable
from eventdrain.json_shape import parse_json
from eventdrain.ports import AccessToken

if TYPE_CHECKING:
    from eventdrain.adapters.http import Response
    from eventdrain.ports import ClientCredentials
    from eventdrain.settings import Endpoint

_CLIENT_CODES: Final = frozenset(
    {"invalid_client", "invalid_grant", "invalid_request", "invalid_scope"}
    | {"unauthorized_client", "unsupported_grant_type"}
)
"""RFC 6749, section 5.2. Errors repeat no other text of the endpoint: it may hold the secret."""
_RETRYABLE_CODES: Final = frozenset({"server_error", "temporarily_unavailable"})
_RETRYABLE: Final = frozenset({408, 425, 429})
"""Besides all statuses from 500 on: gateways have some of their own, such as Cloudflare's 520."""
_ATTEMPTS: Final = 3
_CALL_SECONDS: Final = 4.0
_LONGEST_RETRY_AFTER_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 1.0
"""After a rejected request: the vendor limits the rate of clients that don't wait."""
_BEARER_TOKEN: Final = re.compile(r"[!-~]{1,8192}")
"""What fits into a header. Servers accept no longer ones."""
_LONGEST_LIFETIME_SECONDS: Final = 24 * 3600.0


class OAuthTokenEndpoint:
    """A ``ports.TokenEndpoint``. Not for threads that run an event loop."""

    def __init__(self, endpoint: Endpoint, credentials: ClientCredentials) -> None:
        self.url = endpoint.url
        self.client_id = credentials.client_id
        self._client_secret = credentials.client_secret
        address = urlsplit(endpoint.url)
        self._origin = f"{address.scheme}://{address.netloc}"
        self._target = (address.path or "/") + (f"?{address.query}" if address.query else "")
        self._pause_seconds = 0.0

    def mint(self, scope: str, *, timeout_seconds: float) -> AccessToken:
        """See ``ports.TokenEndpoint``."""
        minted_at = datetime.now(UTC)
        try:
            answer = asyncio.run(self._post(scope, timeout_seconds))
        except UntrustedCertificate as error:
            raise self._unusable(
                f"has a certificate that is not trusted: {error.problem}",
                also=", this machine's clock, and whether a proxy replaces certificates",
            ) from None
        except (HTTPClientError, TimeoutError) as error:
            # Its chain may hold the request.
            raise self._unusable(f"can't be reached ({type(error).__name__})") from None
        code = _error_code(answer)
        if code in _CLIENT_CODES:
            raise self._refused(answer, code, scope)
        token = _token(_fields(answer), minted_at, scope)
        if token is None or code or answer.status != HTTPStatus.OK:
            raise self._unusable(f"answers {answer.status} without a usable bearer token")
        return token

    async def _post(self, scope: str, seconds: float) -> Response:
        """Send the request, up to three times; return the first answer that is not retryable."""
        from oauthlib.oauth2 import BackendApplicationClient  # noqa: PLC0415 - slow, few runs mint

        until = time.monotonic() + seconds
        # RFC 6749, section 2.3.1: both are form-encoded before they become a Basic password.
        basic = f"{quote_plus(self.client_id)}:{quote_plus(self._client_secret)}"
        headers = [
            ("authorization", f"Basic {b64encode(basic.encode()).decode()}"),
            ("accept", "application/json"),
            ("content-type", "application/x-www-form-urlencoded"),
        ]
        body = BackendApplicationClient("").prepare_request_body(scope=scope).encode()
        request = ("POST", self._target, headers, body)
        backoff = Backoff(first=timedelta(seconds=0.5), longest=timedelta(seconds=2))
        async with (
            asyncio.timeout(seconds),
            CrtHttp.connect(self._origin, max_concurrent_calls=1) as http,
        ):
            await asyncio.sleep(self._pause_seconds)
            self._pause_seconds = 0.0
            attempts_left = _ATTEMPTS
            while True:
                attempts_left -= 1
                wait = backoff.wait_seconds()
                try:
                    answer = await http.call(*request, seconds=_CALL_SECONDS, needs_headers=True)
                except HTTPClientError:
                    if not attempts_left:
                        raise
                else:
                    if not _is_retryable(answer):
                        return answer
                    wait = max(wait, _retry_after_seconds(answer))
                    longest = min(_LONGEST_RETRY_AFTER_SECONDS, until - time.monotonic())
                    if not attempts_left or wait > longest:
                        raise self._busy(answer)
                await asyncio.sleep(wait)

    def _refused(self, answer: Response, code: str, scope: str) -> TokenRefused:
        self._pause_seconds = _PAUSE_SECONDS
        kind = ScopeRefused if code == "invalid_scope" else TokenRefused
        return kind(
            f"the token endpoint {self.url} answers {answer.status} {code} when asked for"
            f" {scope or 'no scope'}",
            hint="check the client_id and client_secret in the credentials secret, and request what"
            " scopes the client lacks at the vendor's portal",
        )

    def _busy(self, answer: Response) -> TokenUnavailable:
        code = _error_code(answer)
        named = f" {code}" if code in _RETRYABLE_CODES else ""
        seconds = _retry_after_seconds(answer)
        asks = f" and asks to wait {seconds:.0f} s" if seconds else ""
        is_limit = answer.status == HTTPStatus.TOO_MANY_REQUESTS
        return TokenUnavailable(
            f"the token endpoint {self.url} is {'called too often' if is_limit else 'down'}:"
            f" it answers {answer.status}{named}{asks}",
            hint="wait, as each run tries again; if it lasts, "
            + ("start runs less often" if is_limit else "report it to the vendor"),
        )

    def _unusable(self, problem: str, *, also: str = "") -> TokenUnavailable:
        return TokenUnavailable(
            f"the token endpoint {self.url} {problem}",
            hint=f"check TOKEN_ENDPOINT{also}",
            setting="TOKEN_ENDPOINT",
        )


def _is_retryable(answer: Response) -> bool:
    is_by_status = answer.status in _RETRYABLE or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return is_by_status or _error_code(answer) in _RETRYABLE_CODES


def _error_code(answer: Response) -> str:
    """Return the error code of an answer; empty if it has none.

    Not by oauthlib: for some valid answers its parser raises errors that are not its own.
    """
    return str(_fields(answer).get("error") or "")


def _fields(answer: Response) -> dict[str, Any]:
    """Return the members of an answer's JSON object; none if it is malformed."""
    return parse_json(answer.body.decode("utf-8-sig", errors="replace"), dict[str, Any]) or {}


def _token(fields: dict[str, Any], minted_at: datetime, requested: str) -> AccessToken | None:
    """Return the token of an answer; None if it is not usable as a bearer token."""
    value, seconds, scopes = (fields.get(name) for name in ("access_token", "expires_in", "scope"))
    is_bearer = str(fields.get("token_type")).lower() == "bearer"
    if not (is_bearer and isinstance(value, str) and _BEARER_TOKEN.fullmatch(value)):
        return None
    expires_at = None
    if seconds is not None:
        try:
            lifetime = min(max(float(seconds), 0.0), _LONGEST_LIFETIME_SECONDS)
            expires_at = minted_at + timedelta(seconds=lifetime)
        except (TypeError, ValueError, OverflowError):
            return None
    if isinstance(scopes, list) and all(isinstance(scope, str) for scope in scopes):
        scopes = " ".join(scopes)  # RFC 6749 separates them by spaces; some endpoints by commas
    granted = scopes.replace(",", " ") if isinstance(scopes, str) else requested
    return AccessToken(value, tuple(granted.split()), minted_at, expires_at)


def _retry_after_seconds(answer: Response) -> float:
    """Return how long the endpoint asks to wait, by a number or a date (RFC 9110, 10.2.3); or 0.

    A date is compared with the endpoint's own clock, if the answer has it.
    """
    asked = answer.headers.get("retry-after", "")
    if asked.isascii() and asked.isdigit():
        return float(asked)
    with suppress(ValueError, TypeError, OverflowError):
        date = answer.headers.get("date")
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(asked) - now).total_seconds())
    return 0.0
