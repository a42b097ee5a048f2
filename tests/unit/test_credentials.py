from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.auth import StaticToken, parse_credentials, read_credentials
from eventdrain.errors import CredentialsAwaited, CredentialsError
from eventdrain.ports import ClientCredentials
from tests.fakes import FakeSecretStore

NAME: Final = "the credentials secret arn:made-up"
SHAPE: Final = '{"client_id": "...", "client_secret": "..."} or {"access_token": "..."}'
CONTENT: Final = "made-up-content"
"""In every malformed secret below, and never in an error."""
CLIENT: Final = {"client_id": CONTENT, "client_secret": CONTENT}
TOKEN: Final = {"access_token": CONTENT}
ANSWER: Final = TOKEN | {"expires_in": 3599, "scope": "a b", "token_type": "bearer"}


def everything_in(error: BaseException) -> str:
    """Return all that can be printed of an error: text, arguments, traceback, chain."""
    shown = [str(error), repr(error), repr(error.args), *traceback.format_exception(error)]
    return "".join([*shown, repr(vars(error.__context__ or error))])


@pytest.mark.parametrize(
    ("content", "age", "awaited"),
    [
        (None, timedelta(hours=23), True),
        (None, timedelta(hours=25), False),
        (None, None, False),
        ("", timedelta(0), True),
        (" ", timedelta(0), False),
        ("{}", timedelta(0), False),
    ],
)
def test_empty_secret(content: str | None, age: timedelta | None, *, awaited: bool) -> None:
    """Credentials are awaited if nothing was ever put into a secret of less than a day."""
    secrets = FakeSecretStore() if content is None else FakeSecretStore({"arn:made-up": content})
    if age is not None:
        secrets.created["arn:made-up"] = datetime.now(UTC) - age
    with pytest.raises(CredentialsError, match="arn:made-up") as caught:
        read_credentials(secrets, "arn:made-up")
    assert isinstance(caught.value, CredentialsAwaited) is awaited


def error_of(secret: str) -> CredentialsError:
    """Return the error about a malformed secret: it names the secret, and repeats no value."""
    with pytest.raises(CredentialsError) as caught:
        parse_credentials(secret, name=NAME)
    error = caught.value
    assert NAME in error.reason
    assert error.setting == NAME
    assert CONTENT not in everything_in(error)
    return error


@pytest.mark.parametrize(
    ("secret", "credentials"),
    [
        (json.dumps(CLIENT), ClientCredentials(CONTENT, CONTENT)),
        (json.dumps(CLIENT | {"client_id": " id "}), ClientCredentials("id", CONTENT)),
        (json.dumps(TOKEN), StaticToken(CONTENT)),
        (json.dumps(ANSWER), StaticToken(CONTENT)),
        (json.dumps(ANSWER | {"token_type": "Bearer"}), StaticToken(CONTENT)),
        *(
            (f"{mark}{json.dumps(TOKEN)}\r\n", StaticToken(CONTENT))
            for mark in ("\ufeff", "\xef\xbb\xbf", " \ufeff\r\n")
        ),
    ],
    ids=ascii,
)
def test_credentials(secret: str, credentials: object) -> None:
    """A client, a token or an endpoint's answer; white space and byte order marks are ignored."""
    assert parse_credentials(secret, name=NAME) == credentials


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ("client_id client_secret scope", 'unexpected "scope"'),
        ("client_id client_secret token_endpoint x", 'unexpected "token_endpoint", "x"'),
        ("access_token refresh_token", 'unexpected "refresh_token"'),
        ("client_id client_secret access_token", 'unexpected "access_token"'),
        ("client_id", 'missing "client_secret"'),
        ("scope", 'missing "client_id", "client_secret"; unexpected "scope"'),
        ("client_id client_secret hunter2 sRt-y", "unexpected 2 that may be a secret"),
        ("access_token scope c4f3babe note", 'unexpected "note", "scope", 1 that may be'),
        ("client_id client_secret abcdefghijklmnop", "unexpected 1 that may be a secret"),
        (f"client_id client_secret {CONTENT}", "unexpected 1 that may be a secret"),
        ("", 'missing "client_id", "client_secret"'),
    ],
)
def test_wrong_keys_are_named(keys: str, named: str) -> None:
    """Unexpected keys that are words are named; those that may be secrets are only counted."""
    error = error_of(json.dumps(dict.fromkeys(keys.split(), CONTENT)))
    assert named in error.reason
    assert SHAPE in error.hint
    for secret in ("hunter2", "sRt-y", "c4f3babe", "abcdefghijklmnop"):
        assert secret not in str(error)


@pytest.mark.parametrize(
    "secret",
    [
        *("", "   ", CONTENT, "null", "17", "1" * 5000, "[" * 60_000),
        f'{{"client_id": "{CONTENT}", ',
        f"{{'access_token': '{CONTENT}'}}",
        json.dumps(CONTENT),
        json.dumps([CONTENT]),
    ],
    ids=lambda secret: secret[:20],
)
def test_no_json_object(secret: str) -> None:
    """The error has the shape that the secret should have."""
    assert SHAPE in error_of(secret).hint


@pytest.mark.parametrize(
    "value",
    [
        *("", "  ", None, 17, [CONTENT], {CONTENT: CONTENT}),
        *(f"{CONTENT}é", f"{CONTENT}\r\nx: y", f"{CONTENT}\x00", f"Bearer {CONTENT}"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("key", [*CLIENT, *TOKEN])
def test_malformed_value(key: str, value: object) -> None:
    """The error names the key."""
    content: dict[str, Any] = CLIENT if key in CLIENT else TOKEN
    assert f'"{key}"' in error_of(json.dumps(content | {key: value})).reason


def test_token_of_another_type_is_named() -> None:
    """A token that can't be sent as a bearer token is rejected before it is sent."""
    assert '"token_type"' in error_of(json.dumps(TOKEN | {"token_type": CONTENT})).reason


_json: Final = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda children: st.dictionaries(st.sampled_from([*CLIENT, *TOKEN, "x"]), children, max_size=3),
    max_leaves=6,
)


@given(st.text(max_size=30) | _json.map(json.dumps))
def test_anything_is_credentials_or_an_error(secret: str) -> None:
    """Any secret is parsed to credentials that fit into a header, or is an error."""
    try:
        credentials = parse_credentials(secret, name=NAME)
    except CredentialsError:
        return
    values = (
        [credentials.value]
        if isinstance(credentials, StaticToken)
        else [credentials.client_id, credentials.client_secret]
    )
    for value in values:
        assert value
        assert value.isascii()
        assert value.isprintable()
        assert " " not in value


def test_repr_holds_no_secret() -> None:
    """Credentials that are logged by mistake do not show their secrets."""
    assert CONTENT not in repr(ClientCredentials("made-up-id", CONTENT))
    assert CONTENT not in repr(StaticToken(CONTENT))
