"""The token endpoint: OAuth 2.0's client-credentials grant, by oauthlib over the Common Runtime.

oauthlib knows the grant and its errors. The Common Runtime carries them, as it can hold a call to a
time in all: an endpoint that drips its answer must not hold up a run.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeGuard
from urllib.parse import quote_plus

from botocore.exceptions import HTTPClientError
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from urllib3.util import make_headers

from eventdrain.adapters.crt_http import CrtHttp
from eventdrain.adapters.trust import UntrustedCertificate, system_roots
from eventdrain.backoff import Backoff
from eventdrain.errors import ScopeRefused, TokenRefused, TokenUnavailable
from eventdrain.token_ports import AccessToken

if TYPE_CHECKING:
    from eventdrain.adapters.crt_http import Answer
    from eventdrain.credentials import ClientCredentials
    from eventdrain.settings import Endpoint

_OK: Final = 200
_MAY_PASS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
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
_TEXTS: Final = ("access_token", "token_type", "error")
_RETRIES: Final = 2
_CALL_SECONDS: Final = 4.0
_FIRST_WAIT: Final = timedelta(milliseconds=500)
_LONGEST_WAIT: Final = timedelta(seconds=2)
"""Also where the endpoint asks for a longer one: the next run is due soon."""
_LONGEST_TOKEN: Final = 8 * 1024
"""In bytes. It goes into a header, and no server takes longer ones."""
_LONGEST_LIFE: Final = timedelta(days=1)


class OAuthTokenEndpoint:
    """Mints tokens; see ``token_ports.TokenEndpoint``. May be called from any thread with no loop.

    Args:
        endpoint: The token endpoint.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.url = endpoint.url

    def mint(
        self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
    ) -> AccessToken:
        """See ``token_ports.TokenEndpoint``."""
        asked_at = datetime.now(UTC)
        try:
            answer = asyncio.run(self._ask_within(timeout_seconds, credentials, scope))
        except UntrustedCertificate as error:
            raise TokenUnavailable(
                f"the certificate of the token endpoint {self.url} is not trusted: {error.problem}",
                hint="check TOKEN_ENDPOINT, and whether a proxy replaces certificates on the way",
                setting="TOKEN_ENDPOINT",
            ) from None
        except (HTTPClientError, TimeoutError) as error:
            # Its chain may hold the request.
            raise TokenUnavailable(
                f"the token endpoint {self.url} can't be reached ({type(error).__name__}): check"
                " TOKEN_ENDPOINT"
            ) from None
        if answer.status in _MAY_PASS:
            raise TokenUnavailable(f"the token endpoint {self.url} answers {answer.status}")
        content = self._content(answer, scope)
        token = content.get("access_token")
        is_bearer = str(content.get("token_type")).lower() == "bearer"
        if answer.status != _OK or not (is_bearer and _is_usable(token)):
            raise self._malformed(answer, "no usable bearer token")
        granted = content.get("scope")
        return AccessToken(
            value=token,
            expires_at=self._expiry(asked_at, answer, content),
            scopes=tuple(granted.split()) if isinstance(granted, str) else None,
        )

    def _content(self, answer: Answer, scope: str) -> dict[str, Any]:
        """Read an answer.

        Raises:
            ScopeRefused: It is RFC 6749's error for a scope that the client may not have.
            TokenRefused: It is another error of RFC 6749.
            TokenUnavailable: It is neither that nor an answer with a token.
        """
        text = answer.body.decode(errors="replace")
        content, problem = _read(text)
        if problem is None:
            return content
        code = content.get("error")
        if not isinstance(code, str):
            raise self._malformed(answer, problem)
        if code == _NO_SUCH_SCOPE:
            raise ScopeRefused(
                f"the token endpoint {self.url} answers {answer.status} {code} when asked for"
                f" {scope or 'no scope'}: check at the vendor's portal that the client of the"
                " credentials secret may have every scope asked for, and ask for what is missing"
            )
        raise TokenRefused(
            f"the token endpoint {self.url} answers {answer.status}"
            f" {code if code in _ERRORS else 'with an unknown error'}: check the client_id and"
            " client_secret in the credentials secret, and that the client may have the scope"
            f" {scope or '(none)'}"
        )

    def _expiry(
        self, asked_at: datetime, answer: Answer, content: dict[str, Any]
    ) -> datetime | None:
        lifetime = content.get("expires_in")
        if lifetime is None:
            return None
        with suppress(TypeError, ValueError, OverflowError):  # told below
            seconds = float(lifetime)
            if seconds > 0:
                return asked_at + min(timedelta(seconds=seconds), _LONGEST_LIFE)
        raise self._malformed(answer, "an expires_in that is no number of seconds")

    def _malformed(self, answer: Answer, what: str) -> TokenUnavailable:
        return TokenUnavailable(
            f"the token endpoint {self.url} answers {answer.status} with {what}: check"
            " TOKEN_ENDPOINT"
        )

    async def _ask_within(
        self, seconds: float, credentials: ClientCredentials, scope: str
    ) -> Answer:
        async with asyncio.timeout(seconds):
            return await self._ask(credentials, scope)

    async def _ask(self, credentials: ClientCredentials, scope: str) -> Answer:
        """Ask, and again where that may help, each time for a bounded time.

        Raises:
            HTTPClientError: The endpoint can't be reached.
        """
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
        async with CrtHttp.connect(self.url, roots=system_roots(), calls_at_once=1) as endpoint:
            for _ in range(_RETRIES):
                wait = backoff.wait_seconds()
                with suppress(HTTPClientError):  # the last attempt tells
                    answer = await endpoint.call(
                        "POST", "", headers, body, seconds=_CALL_SECONDS, needs_headers=True
                    )
                    if answer.status not in _MAY_PASS:
                        return answer
                    wait = max(wait, _asked_wait(answer))
                await asyncio.sleep(wait)
            return await endpoint.call("POST", "", headers, body, seconds=_CALL_SECONDS)


def _read(text: str) -> tuple[dict[str, Any], str | None]:
    """Give an answer's JSON object, and what is wrong with it as an answer of RFC 6749.

    Errors are not raised: they would keep the text, which may hold a token.
    """
    try:
        content = json.loads(text)
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


def _asked_wait(answer: Answer) -> float:
    """Give how long the endpoint asks to wait, in seconds, as far as that is waited for."""
    asked = answer.headers.get("retry-after", "")
    seconds = float(asked) if asked.isascii() and asked.isdigit() else 0.0
    return min(seconds, _LONGEST_WAIT.total_seconds())
