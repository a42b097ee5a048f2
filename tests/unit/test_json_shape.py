"""JSON from outside: what has the expected shape is returned, all else is named by its key."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import pytest
from msgspec import Meta, Struct, ValidationError, convert

from eventdrain.json_shape import Moment, Text, key_of, parse_json

SECRET: Final = "made-up-secret"


class Shape(Struct, rename={"since": "from"}):
    """Each kind of type that the engine has."""

    text: Text = "made-up"
    number: Annotated[int, Meta(ge=1)] = 1
    rate: Annotated[float, Meta(ge=0, le=9)] = 1
    flag: bool = True
    names: tuple[Text, ...] | None = None
    by_name: dict[str, str] | None = None
    since: Moment | None = None
    id: Annotated[str, Meta(pattern=r"\A[0-9]\Z")] | None = None


def test_object_is_parsed() -> None:
    """A JSON object is returned, whether the text is decoded or not."""
    text = '{"number": 5, "from": "2026-03-01T12:00:00Z", "another": null}'
    expected = Shape(number=5, since=datetime.fromisoformat("2026-03-01T12:00:00+00:00"))
    assert parse_json(text, Shape) == parse_json(text.encode(), Shape) == expected
    assert parse_json('{"a": [1]}', dict[str, Any]) == {"a": [1]}


@pytest.mark.parametrize("kind", [Shape, dict[str, Any]])
@pytest.mark.parametrize(
    "text",
    [
        "",
        SECRET,
        "[]",
        "null",
        '{"a":' * 100_000,
        b"\xff\xfe<",
        b'{"text": "\xff"}',
        '{"\ud800": 1}',
    ],
)
def test_what_is_no_object(text: str | bytes, kind: type[Any]) -> None:
    """Anything else is None."""
    assert parse_json(text, kind) is None


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("text", ["", 5, None, [SECRET]]),
        ("number", [True, 5.0, SECRET, 0, None]),
        ("rate", [False, SECRET, -1, 10**400, float("nan"), None]),
        ("flag", [0, 1, SECRET, None]),
        ("names", [SECRET, [SECRET, ""], [SECRET, 5], {SECRET: 1}]),
        ("by_name", [{SECRET: 5}, {SECRET: [SECRET]}, [SECRET]]),
        ("from", [SECRET, 5, "2026-03-01T12:00:00", "2026-99-99T12:00:00Z"]),
        ("id", [SECRET, "5\n", ""]),
    ],
)
def test_error_names_the_key_and_no_value(key: str, values: list[Any]) -> None:
    """What is not of its type is an error that names its key, and holds no part of the value."""
    for value in values:
        with pytest.raises(ValidationError) as raised:
            convert({key: value}, Shape)
        assert key_of(raised.value) == key
        assert SECRET not in repr(raised.value)


def test_error_about_no_key() -> None:
    """An error about the whole value names no key."""
    with pytest.raises(ValidationError) as raised:
        convert([SECRET], Shape)
    assert key_of(raised.value) == ""
