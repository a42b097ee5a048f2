"""The token endpoint: OAuth 2.0's client-credentials grant, by oauthlib over urllib3.

oauthlib knows the grant and its answers; urllib3, which botocore brings, carries them. An HTTP
client of its own would cost more to import than the rest of the engine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util import make_headers

from eventdrain.errors import TokenRefused, TokenUnavailable
from eventdrain.tokens import AccessToken

if TYPE_CHECKING:
    from eventdrain.credentials import ClientCredentials
    from eventdrain.settings import Endpoint

_OK: Final = 200
_MAY_PASS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_RETRY: Final = Retry(
    total=2,
    redirect=0,
    allowed_methods={"POST"},
    status_forcelist=_MAY_PASS,
    backoff_factor=0.5,
    backoff_jitter=0.5,
    backoff_max=2,
    retry_after_max=5,
    raise_on_redirect=False,
    raise_on_status=False,
)
_TIMEOUT: Final = Timeout(connect=2, read=4)


class OAuthTokenEndpoint:
    """Mints tokens; see ``tokens.TokenEndpoint``.

    Args:
        endpoint: The token endpoint.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.url = endpoint.url

    def mint(self, credentials: ClientCredentials, scope: str) -> AccessToken:
        """See ``tokens.TokenEndpoint``."""
        asked_at = datetime.now(UTC)
        status, answer = self._post(credentials, scope)
        if status in _MAY_PASS:
            raise TokenUnavailable(f"the token endpoint {self.url} answers {status}")
        client = BackendApplicationClient(credentials.client_id)
        try:
            token = client.parse_request_body_response(answer)
        except OAuth2Error as error:
            raise TokenRefused(
                f"the token endpoint {self.url} answers {status} {error.error}: check the"
                " client_id and client_secret in the credentials secret, and that the client may"
                f" have the scope {scope or '(none)'}"
            ) from None
        value = token["access_token"]
        is_usable = isinstance(value, str) and value.isascii() and value.isprintable()
        if status != _OK or not is_usable or str(token.get("token_type")).lower() != "bearer":
            raise TokenUnavailable(
                f"the token endpoint {self.url} answers {status} with no bearer token: check"
                " TOKEN_ENDPOINT"
            )
        lifetime = token.get("expires_in")
        return AccessToken(
            value=value,
            expires_at=asked_at + timedelta(seconds=lifetime) if lifetime else None,
        )

    def _post(self, credentials: ClientCredentials, scope: str) -> tuple[int, str]:
        client = BackendApplicationClient(credentials.client_id)
        # RFC 6749, section 2.3.1: both are form-encoded before they become a Basic password.
        basic = f"{quote_plus(credentials.client_id)}:{quote_plus(credentials.client_secret)}"
        headers = {
            **make_headers(basic_auth=basic),
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = client.prepare_request_body(scope=scope)
        try:
            with PoolManager(retries=_RETRY, timeout=_TIMEOUT) as pool:
                response = pool.request("POST", self.url, body=body, headers=headers)
        except HTTPError as error:
            # Its text names the host and the cause, but its chain may hold the request.
            raise TokenUnavailable(
                f"the token endpoint {self.url} can't be reached ({type(error).__name__}): check"
                " TOKEN_ENDPOINT"
            ) from None
        return response.status, response.data.decode(errors="replace")
