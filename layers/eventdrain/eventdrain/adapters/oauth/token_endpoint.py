"""The token endpoint: OAuth 2.0's client-credentials grant, by oauthlib over the Common Runtime.

oauthlib knows the grant and its errors. The Common Runtime carries them, as it can hold a call to a
time in all: an endpoint that drips its answer must not hold up a run.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeGuard
from urllib.parse import quote_plus, urlsplit

from botocore.exceptions import HTTPClientError
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from urllib3.util import make_headers

from eventdrain.adapters.http import CrtHttp, UntrustedCertificate, system_roots
from eventdrain.backoff import Backoff
from eventdrain.errors import ScopeRefused, TokenRefused, TokenUnavailable
from eventdrain.ports import AccessToken

if TYPE_CHECKING:
    from eventdrain.adapters.http import Answer
    from eventdrain.ports import ClientCredentials
    from eventdrain.settings import Endpoint

_OK: Final = 200
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_MAY_PASS: Final = frozenset({408, 425, _TOO_MANY})
"""Besides all from 500 on: gateways have numbers of their own there, such as Cloudflare's 520."""
_ABOUT_THE_CLIENT: Final = frozenset({_OK, 400, 401, 403})
"""Statuses with which an error of unknown name may be OAuth's. Frameworks put names of their own
beside others, such as ``{"status": 404, "error": "Not Found"}``."""
_NO_SUCH_SCOPE: Final = "invalid_scope"
_ERRORS: Final = frozenset(
    {
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        _NO_SUCH_SCOPE,
        "unauthorized_client",
        "unsupported_grant_type",
    }
)
"""RFC 6749, section 5.2. Other words of the endpoint's are not repeated: they might be anything."""
_PASSING_ERRORS: Final = frozenset({"server_error", "temporarily_unavailable"})
"""RFC 6749, section 4.1.2.1: meant for redirects, which have no status, but endpoints send them
here too."""
_TEXTS: Final = ("access_token", "token_type", "error")
_ATTEMPTS: Final = 3
_CALL_SECONDS: Final = 4.0
_FIRST_WAIT: Final = timedelta(milliseconds=500)
_LONGEST_WAIT: Final = timedelta(seconds=2)
_LONGEST_ASKED_SECONDS: Final = 10.0
"""Where the endpoint asks for a longer wait it is not asked again: the next run is due soon."""
_LONGEST_TOKEN: Final = 8 * 1024
"""In bytes. It goes into a header, and no server takes longer ones."""
_LONGEST_LIFE_SECONDS: Final = 24 * 3600.0


class OAuthTokenEndpoint:
    """Mints tokens; see ``token_ports.TokenEndpoint``. May be called from any thread with no loop.

    Args:
        endpoint: The token endpoint.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.url = endpoint.url
        address = urlsplit(endpoint.url)
        self._origin = f"{address.scheme}://{address.netloc}"
        self._target = (address.path or "/") + (f"?{address.query}" if address.query else "")

    def mint(
        self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
    ) -> AccessToken:
        """See ``token_ports.TokenEndpoint``."""
        asked_at = datetime.now(UTC)
        try:
            answer = asyncio.run(self._ask(credentials, scope, timeout_seconds))
        except UntrustedCertificate as error:
            raise TokenUnavailable(
                f"the certificate of the token endpoint {self.url} is not trusted: {error.problem}",
                hint="check TOKEN_ENDPOINT, this machine's clock, and whether a proxy replaces"
                " certificates on the way",
                setting="TOKEN_ENDPOINT",
            ) from None
        except (HTTPClientError, TimeoutError) as error:
            # Its chain may hold the request.
            raise TokenUnavailable(
                f"the token endpoint {self.url} can't be reached ({type(error).__name__})",
                hint="check TOKEN_ENDPOINT",
                setting="TOKEN_ENDPOINT",
            ) from None
        if _may_pass(answer):
            raise self._busy(answer)
        content = self._content(answer, scope)
        token = content.get("access_token")
        is_bearer = str(content.get("token_type")).lower() == "bearer"
        if answer.status != _OK or not (is_bearer and _is_usable(token)):
            raise self._malformed(answer, "no usable bearer token")
        return AccessToken(
            value=token,
            expires_at=self._expiry(asked_at, answer, content),
            scopes=_scopes(content.get("scope")),
        )

    def _content(self, answer: Answer, scope: str) -> dict[str, Any]:
        """Read an answer.

        Raises:
            ScopeRefused: It is RFC 6749's error for a scope that the client may not have.
            TokenRefused: It is another error of RFC 6749.
            TokenUnavailable: It is neither that nor an answer with a token.
        """
        content, problem = _read(answer)
        if problem is None:
            return content
        code = _error(content)
        if not code or not (code in _ERRORS or answer.status in _ABOUT_THE_CLIENT):
            raise self._malformed(answer, problem)
        if code == _NO_SUCH_SCOPE:
            raise ScopeRefused(
                f"the token endpoint {self.url} answers {answer.status} {code} when asked for"
                f" {scope or 'no scope'}",
                hint="check at the vendor's portal that the client of the credentials secret may"
                " have every scope asked for, and ask for what is missing",
            )
        raise TokenRefused(
            f"the token endpoint {self.url} answers {answer.status}"
            f" {code if code in _ERRORS else 'with an unknown error'}",
            hint="check the client_id and client_secret in the credentials secret, and that the"
            f" client may have the scope {scope or '(none)'}",
        )

    def _busy(self, answer: Answer) -> TokenUnavailable:
        """Make the error for an answer that may pass: it is not the client's fault."""
        code = _error(_read(answer)[0])
        named = f"{answer.status} {code}" if code in _PASSING_ERRORS else f"{answer.status}"
        seconds = _asked_wait(answer)
        asks = f" and asks to wait {seconds:.0f} s" if seconds > 0 else ""
        if answer.status == _TOO_MANY:
            return TokenUnavailable(
                f"the token endpoint {self.url} answers {named}{asks}: it is asked too often",
                hint="wait, as each run asks again; if it lasts, have the vendor raise the client's"
                " limit, or let runs start less often (ScheduleExpression)",
            )
        return TokenUnavailable(
            f"the token endpoint {self.url} answers {named}{asks}: it, or a gateway before it, is"
            " down or overloaded, whatever the credentials are",
            hint="wait, as each run asks again; if it lasts, report it to the vendor",
        )

    def _expiry(
        self, asked_at: datetime, answer: Answer, content: dict[str, Any]
    ) -> datetime | None:
        lifetime = content.get("expires_in")
        if lifetime is None:
            return None
        with suppress(TypeError, ValueError, OverflowError):  # told below
            seconds = float(lifetime)
            # Zero, and less, is an odd answer beside a token that is good all the same.
            return asked_at + timedelta(seconds=min(max(seconds, 0.0), _LONGEST_LIFE_SECONDS))
        raise self._malformed(answer, "an expires_in that is no number of seconds")

    def _malformed(self, answer: Answer, what: str) -> TokenUnavailable:
        return TokenUnavailable(
            f"the token endpoint {self.url} answers {answer.status} with {what}",
            hint="check TOKEN_ENDPOINT",
            setting="TOKEN_ENDPOINT",
        )

    async def _ask(self, credentials: ClientCredentials, scope: str, seconds: float) -> Answer:
        """Ask, and again where that may help, each time for a bounded time.

        Raises:
            HTTPClientError: The endpoint can't be reached.
            TimeoutError: There is no answer in the time given.
        """
        until = time.monotonic() + seconds
        # RFC 6749, section 2.3.1: both are form-encoded before they become a Basic password.
        basic = f"{quote_plus(credentials.client_id)}:{quote_plus(credentials.client_secret)}"
        headers = [
            *make_headers(basic_auth=basic).items(),
            ("accept", "application/json"),
            ("content-type", "application/x-www-form-urlencoded"),
        ]
        client = BackendApplicationClient(credentials.client_id)
        body = client.prepare_request_body(scope=scope).encode()
        backoff = Backoff(first=_FIRST_WAIT, longest=_LONGEST_WAIT)
        async with (
            asyncio.timeout(seconds),
            CrtHttp.connect(self._origin, roots=system_roots(), calls_at_once=1) as endpoint,
        ):
            attempts = 0
            while True:
                attempts += 1
                wait = backoff.wait_seconds()
                try:
                    answer = await endpoint.call(
                        *("POST", self._target, headers, body),
                        seconds=_CALL_SECONDS,
                        needs_headers=True,
                    )
                except HTTPClientError:
                    if attempts == _ATTEMPTS:
                        raise
                else:
                    wait = max(wait, _asked_wait(answer))
                    longest = min(_LONGEST_ASKED_SECONDS, until - time.monotonic())
                    if attempts == _ATTEMPTS or wait > longest or not _may_pass(answer):
                        return answer
                await asyncio.sleep(wait)


def _may_pass(answer: Answer) -> bool:
    return (
        answer.status in _MAY_PASS
        or answer.status >= _SERVER_ERROR
        or _error(_read(answer)[0]) in _PASSING_ERRORS
    )


def _error(content: dict[str, Any]) -> str:
    """Return the name of the error in an answer; empty for none."""
    code = content.get("error")
    return code if isinstance(code, str) else ""


def _read(answer: Answer) -> tuple[dict[str, Any], str | None]:
    """Give an answer's JSON object, and what is wrong with it as an answer of RFC 6749.

    Errors are not raised: they would keep the text, which may hold a token.
    """
    try:
        content = json.loads(answer.body.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        return {}, "no JSON object"
    texts = {name: content[name] for name in _TEXTS if isinstance(content.get(name), str)}
    try:
        # It trips over other types than the ones that it expects.
        BackendApplicationClient("").parse_request_body_response(json.dumps(texts))
    except OAuth2Error:
        return content, "no token"
    return content, None


def _is_usable(token: object) -> TypeGuard[str]:
    return (
        isinstance(token, str)
        and 0 < len(token) <= _LONGEST_TOKEN
        and token.isascii()
        and token.isprintable()
        and " " not in token
    )


def _scopes(told: object) -> tuple[str, ...] | None:
    """Read the scopes that were granted: RFC 6749 separates them by spaces, some by commas."""
    if isinstance(told, list) and all(isinstance(scope, str) for scope in told):
        told = " ".join(told)
    return tuple(told.replace(",", " ").split()) if isinstance(told, str) else None


def _asked_wait(answer: Answer) -> float:
    """Return how long the endpoint asks to wait, in seconds; 0 if it doesn't.

    ``Retry-After`` is a number or a date (RFC 9110, section 10.2.3). A date is the endpoint's, so
    it is compared with the endpoint's clock, where the answer has that.
    """
    asked = answer.headers.get("retry-after", "")
    if asked.isascii() and asked.isdigit():
        return float(asked)
    with suppress(ValueError, TypeError, OverflowError):
        until = parsedate_to_datetime(asked)
        date = answer.headers.get("date")
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    return 0.0
