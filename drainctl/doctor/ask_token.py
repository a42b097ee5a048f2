"""The credentials and an access token, obtained as a run does, but without writing anything.

If the runs' cached token proves that they can get a token, it is used. Otherwise a new token is
requested and discarded afterwards. This takes one call to the token endpoint, or a few more if
scopes are rejected. No call is repeated, because the endpoint is rate-limited.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from drainctl.doctor.facts import Origin, StackCredentials, Token, scope_of
from drainctl.doctor.questions import UnansweredError, calling
from eventdrain.adapters.boto import error_code
from eventdrain.adapters.oauth import OAuthTokenEndpoint
from eventdrain.auth import from_json, mint, minted_for, parse_credentials
from eventdrain.errors import CredentialsError, TokenUnavailable
from eventdrain.ports import ClientCredentials
from eventdrain.settings import Endpoint

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from drainctl.stack import Stack
    from eventdrain.ports import AccessToken

_NEEDED_FOR: Final = timedelta(minutes=1)
_MINTING_SECONDS: Final = 10.0
_FROM_HERE: Final = (
    "check the parameter TokenEndpoint, and the network between this machine and it; the check"
    " `last run` shows whether the function reaches it"
)


def find_credentials(client: SecretsManagerClient, stack: Stack) -> StackCredentials | None:
    """Return the content of the credentials secret; None if the stack uses no token.

    Raises:
        UnansweredError: The secret can't be read, is empty or malformed. Names keys, not values.
    """
    if stack.parameters.get("Authentication") == "none":
        return None
    arn = stack.output("CredentialsSecretArn")
    hint = f"put in the credentials that the vendor gave you: {stack.make('credentials')}"
    found = _secret(client, arn, "the credentials secret")
    if found is None or found.get("SecretString") == "":
        raise UnansweredError("the credentials secret is empty, so runs drain nothing", hint)
    try:
        content = parse_credentials(found.get("SecretString", ""), name="the credentials secret")
    except CredentialsError as error:
        raise UnansweredError(error.reason, hint) from None
    return StackCredentials(content, found.get("CreatedDate"))


def find_token(
    client: SecretsManagerClient,
    stack: Stack,
    credentials: StackCredentials | None,
    *,
    now: datetime,
    may_mint: bool,
) -> Token:
    """Return the cached token, or a new one.

    Args:
        client: The Secrets Manager client.
        stack: The stack.
        credentials: The stack's credentials.
        now: The current time.
        may_mint: Whether the token endpoint may be called.

    Raises:
        UnansweredError: There is no token.
        TokenError: The token endpoint mints no token.
    """
    if credentials is None:
        return Token(Origin.NONE)
    if not isinstance(credentials.content, ClientCredentials):
        return Token(Origin.GIVEN, credentials.content.value)
    secret = _secret(client, stack.output("TokenSecretArn"), "the secret of the cached token")
    endpoint = OAuthTokenEndpoint(
        Endpoint.parse(stack.parameters["TokenEndpoint"]), credentials.content
    )
    scopes = tuple(sorted({scope_of(name) for name in stack.event_types} - {""}))
    purpose = minted_for(endpoint, scopes)
    cached = None if secret is None else from_json(secret.get("SecretString", ""), purpose)
    why = why_not_cached(cached, credentials, now=now)
    if cached is not None and not why:
        return Token(Origin.CACHED, cached.value, scopes=cached.scopes, expires=cached.expires_at)
    if not may_mint:
        raise UnansweredError(
            f"there is no token to check: {why}",
            "run this command without --skip-stream, so that it may request a token",
        )
    return _minted(endpoint, scopes, why)


def why_not_cached(
    cached: AccessToken | None, credentials: StackCredentials, *, now: datetime
) -> str:
    """Return why the cached token does not prove that runs can get one; empty if it does."""
    if cached is None:
        return "no token is cached for this client, token endpoint and set of streams"
    if not cached.lasts(_NEEDED_FOR, now=now):
        return "the cached token has expired"
    if credentials.changed is not None and credentials.changed > cached.minted_at:
        return "the cached token is older than the credentials"
    return ""


def _minted(endpoint: OAuthTokenEndpoint, scopes: tuple[str, ...], why: str) -> Token:
    try:
        token, is_complete = mint(endpoint, scopes, needed="", seconds=_MINTING_SECONDS)
    except TokenUnavailable as error:
        # The engine's hint is for the function, but this is the operator's machine.
        hint = "" if error.setting == "TOKEN_ENDPOINT" else error.hint
        raise UnansweredError(error.reason, hint or _FROM_HERE) from None
    return Token(
        Origin.MINTED, token.value, why, token.scopes, is_complete, expires=token.expires_at
    )


def _secret(client: SecretsManagerClient, arn: str, what: str) -> dict[str, Any] | None:
    """Return a secret's content; None if nothing was ever stored in it."""
    also = ", and kms:Decrypt of the stack's key,"
    with calling("secretsmanager:GetSecretValue", what, also=also):
        try:
            return {**client.get_secret_value(SecretId=arn)}
        except ClientError as error:
            # A secret that does not exist has the same code (API reference, GetSecretValue).
            if error_code(error) != "ResourceNotFoundException":
                raise
            return None
