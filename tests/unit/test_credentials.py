from __future__ import annotations

import json
import traceback
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.auth import StaticToken, parse_credentials
from eventdrain.errors import CredentialsError
from eventdrain.ports import ClientCredentials

NAME: Final = "the credentials secret arn:made-up"
SHAPE: Final = '{"client_id": "...", "client_secret": "..."} or {"access_token": "..."}'
CONTENT: Final = "made-up-content"
"""In every malformed secret below, and never in an error."""


def everything_told(error: BaseException) -> str:
    """Give all that is printed of an error: its text and arguments, its traceback, its chain."""
    return "".join([str(error), repr(error), repr(error.args), *traceback.format_exception(error)])


def test_client() -> None:
    """An id and a secret are a client that may mint tokens."""
    secret = json.dumps({"client_id": "made-up-id", "client_secret": CONTENT})

    assert parse_credentials(secret, name=NAME) == ClientCredentials("made-up-id", CONTENT)


def test_bare_token() -> None:
    """A token alone is taken as it is."""
    secret = json.dumps({"access_token": CONTENT})

    assert parse_credentials(secret, name=NAME) == StaticToken(CONTENT)


def test_space_around_is_no_part_of_it() -> None:
    """What was pasted with a space before or after it is taken without."""
    secret = json.dumps({"client_id": " id ", "client_secret": f"{CONTENT} "})

    assert parse_credentials(secret, name=NAME) == ClientCredentials("id", CONTENT)


@pytest.mark.parametrize("mark", ["\ufeff", "\xef\xbb\xbf", " \ufeff\r\n"], ids=ascii)
def test_byte_order_mark_is_no_part_of_it(mark: str) -> None:
    """Windows PowerShell writes one before what it saves; read as another encoding it is three."""
    secret = f'{mark}{{"access_token": "{CONTENT}"}}\r\n'

    assert parse_credentials(secret, name=NAME) == StaticToken(CONTENT)


@pytest.mark.parametrize("token_type", ["bearer", "Bearer"])
def test_whole_answer_of_a_token_endpoint_is_a_token(token_type: str) -> None:
    """What was pasted whole is taken: the operator need not know which part of it counts."""
    answer = {"expires_in": 3599, "scope": "a b", "token_type": token_type}

    assert parse_credentials(json.dumps({"access_token": CONTENT} | answer), name=NAME) == (
        StaticToken(CONTENT)
    )


def test_token_of_another_type_is_named() -> None:
    """A token that can't be sent as a bearer token is refused before a server refuses it."""
    secret = json.dumps({"access_token": CONTENT, "token_type": CONTENT})

    with pytest.raises(CredentialsError, match='"token_type"') as caught:
        parse_credentials(secret, name=NAME)

    assert CONTENT not in everything_told(caught.value)


@pytest.mark.parametrize(
    ("keys", "told"),
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
    ],
)
def test_wrong_keys_are_named(keys: str, told: str) -> None:
    """Keys that are words are named; what may be a secret pasted as a key is only counted."""
    with pytest.raises(CredentialsError) as caught:
        parse_credentials(json.dumps(dict.fromkeys(keys.split(), CONTENT)), name=NAME)

    assert told in caught.value.reason
    assert caught.value.setting == NAME
    for secret in ("hunter2", "sRt-y", "c4f3babe", "abcdefghijklmnop", CONTENT):
        assert secret not in everything_told(caught.value)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("", id="empty"),
        pytest.param("   ", id="blank"),
        pytest.param(CONTENT, id="bare text"),
        pytest.param(f'{{"client_id": "{CONTENT}", ', id="cut short"),
        pytest.param(f"{{'access_token': '{CONTENT}'}}", id="single quotes"),
        pytest.param(json.dumps(CONTENT), id="a string"),
        pytest.param(json.dumps([CONTENT]), id="a list"),
        pytest.param("null", id="null"),
        pytest.param("17", id="a number"),
        pytest.param("1" * 5000, id="a number too long to read"),
        pytest.param("{}", id="no keys"),
        pytest.param(json.dumps({"client_id": CONTENT}), id="no client_secret"),
        pytest.param(json.dumps({"client_secret": CONTENT}), id="no client_id"),
        pytest.param(json.dumps({"CLIENT_ID": CONTENT, "CLIENT_SECRET": CONTENT}), id="capitals"),
        pytest.param(
            json.dumps({"client_id": CONTENT, "client_secret": CONTENT, CONTENT: CONTENT}),
            id="one key too many",
        ),
        pytest.param(
            json.dumps(dict.fromkeys(("client_id", "client_secret", "access_token"), CONTENT)),
            id="both shapes at once",
        ),
    ],
)
def test_malformed_secret_is_not_told(secret: str) -> None:
    """The error names the secret and the shape it should have, and nothing that is in it."""
    with pytest.raises(CredentialsError) as caught:
        parse_credentials(secret, name=NAME)

    assert NAME in str(caught.value)
    assert SHAPE in str(caught.value)
    assert CONTENT not in everything_told(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("  ", id="blank"),
        pytest.param(None, id="null"),
        pytest.param(17, id="a number"),
        pytest.param([CONTENT], id="a list"),
        pytest.param({CONTENT: CONTENT}, id="an object"),
        pytest.param(f"{CONTENT}é", id="not ASCII"),
        pytest.param(f"{CONTENT}\r\nx: y", id="a line break"),
        pytest.param(f"{CONTENT}\x00", id="a control character"),
        pytest.param(f"Bearer {CONTENT}", id="a space inside"),
    ],
)
@pytest.mark.parametrize("key", ["client_id", "client_secret", "access_token"])
def test_malformed_value_is_not_told(key: str, value: object) -> None:
    """The error names the secret and the key that is wrong, and nothing that is in it."""
    content: dict[str, object] = {"access_token": value}
    if key != "access_token":
        content = {"client_id": CONTENT, "client_secret": CONTENT} | {key: value}

    with pytest.raises(CredentialsError) as caught:
        parse_credentials(json.dumps(content), name=NAME)

    assert NAME in str(caught.value)
    assert f'"{key}"' in str(caught.value)
    assert CONTENT not in everything_told(caught.value)


def test_parsers_error_is_not_kept() -> None:
    """Who walks an error's chain as objects, as error reporters do, finds no secret either."""
    with pytest.raises(CredentialsError) as caught:
        parse_credentials(CONTENT, name=NAME)

    assert CONTENT not in repr(vars(caught.value.__context__ or caught.value))


_json: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["client_id", "client_secret", "access_token", "x"]),
            children,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(st.text(max_size=30) | _json.map(json.dumps))
def test_anything_is_credentials_or_an_error(secret: str) -> None:
    """Whatever the secret holds is credentials fit for a header, or told as an error."""
    try:
        credentials = parse_credentials(secret, name=NAME)
    except CredentialsError:
        return
    values = (
        [credentials.access_token]
        if isinstance(credentials, StaticToken)
        else [credentials.client_id, credentials.client_secret]
    )
    assert all(value.isascii() and value.isprintable() and " " not in value for value in values)
    assert all(values)


def test_deep_nesting_is_malformed() -> None:
    """A secret that is nested too deeply to read is malformed like any other."""
    with pytest.raises(CredentialsError):
        parse_credentials("[" * 60_000, name=NAME)


def test_repr_holds_no_secret() -> None:
    """Credentials that are logged by mistake don't give themselves away."""
    assert CONTENT not in repr(ClientCredentials("made-up-id", CONTENT))
    assert CONTENT not in repr(StaticToken(CONTENT))
