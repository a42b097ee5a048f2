"""JSON from outside: what has the expected shape is returned, all else is named by its key."""

from __future__ import annotations

from typing import Any

import pytest

from eventdrain.errors import MalformedJson
from eventdrain.json_shape import json_object, optional, required


def test_object_is_parsed() -> None:
    """A JSON object is returned, whether the text is decoded or not."""
    assert json_object('{"a": 1}') == json_object(b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("text", ["", "made up", "[]", "null", "[" * 100_000, b"\xff\xfe<"])
def test_what_is_no_object(text: str | bytes) -> None:
    """Anything else is None: the parser's error would keep the text."""
    assert json_object(text) is None


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (str, ["made-up"], ["", 5, None, ["made-up"]]),
        (int, [0, 5], [True, 5.0, "5", None]),
        (float, [0, 5, 5.5], [False, "5", None]),
        (bool, [True, False], [0, 1, "true", None]),
        (list[str], [[], ["made-up"]], ["made-up", [""], [5], {"made-up": 1}, None]),
    ],
)
def test_kinds(kind: type[Any], good: list[Any], bad: list[Any]) -> None:
    """A member is returned if it is of its kind; if not, the error names its key alone."""
    for value in good:
        assert required({"key": value}, "key", kind) is value
        assert optional({"key": value}, "key", kind, None) is value
    for value in bad:
        with pytest.raises(MalformedJson) as raised:
            required({"key": value}, "key", kind)
        assert (raised.value.setting, str(raised.value)) == ("key", "key is missing or malformed")
    with pytest.raises(MalformedJson):
        required({}, "key", kind)


def test_optional_member() -> None:
    """A member that is missing has the default; null is as good only where that is the default."""
    assert optional({}, "key", int, 5) == 5
    assert optional({"key": None}, "key", int, None) is None
    with pytest.raises(MalformedJson):
        optional({"key": None}, "key", int, 5)
