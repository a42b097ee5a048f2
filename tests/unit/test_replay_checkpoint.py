"""Checkpoints are parsed, or rejected with a hint."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from eventdrain.errors import ConfigurationError
from eventdrain.replay import Checkpoint, check_name, replay_name

KEY: Final = "events/handset_change/dt=2026-03-01/20260301T120000-0.ndjson.gz"
CHECKPOINT: Final = Checkpoint("a" * 64, "made-up", KEY, 5, "b" * 64)
NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_it_is_read_back() -> None:
    """A checkpoint is parsed for the same selection."""
    content = json.loads(json.dumps(CHECKPOINT.as_json()))
    assert Checkpoint.from_json(content, selection="a" * 64) == CHECKPOINT


def test_another_selection_is_refused() -> None:
    """A checkpoint of another selection is rejected with a hint."""
    with pytest.raises(ConfigurationError, match=r"another selection.*start again without"):
        Checkpoint.from_json(CHECKPOINT.as_json(), selection="c" * 64)


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        "made up",
        {},
        *(
            CHECKPOINT.as_json() | change
            for change in (
                {"version": 2},
                {"key": None},
                {"key": "made up"},
                {"key": KEY.replace("events/", "other/")},
                {"key": KEY.replace("handset_change", "country_change")},
                {"lines": "5"},
                {"lines": -1},
                {"lines": 6},
                {"passed": 5},
                {"replay": "two words"},
                {"checksum": None},
            )
        ),
    ],
)
def test_what_is_none(content: Any) -> None:
    """A malformed or changed checkpoint is rejected, as it would skip or repeat events."""
    with pytest.raises(ConfigurationError, match="start again without"):
        Checkpoint.from_json(content, selection="a" * 64)


def test_folder() -> None:
    """The day and stream of a checkpoint are known for any prefix."""
    nested = CHECKPOINT.at(3)
    assert nested.folder == ("2026-03-01", "handset_change")
    assert nested.lines == 3


def test_name_stays_when_a_replay_goes_on() -> None:
    """A replay's name is the given one or its start time, the same in all its runs."""
    assert replay_name(None, None, NOW) == "2026-03-01T12:00:00.000Z"
    assert replay_name("another", None, NOW) == "another"
    assert replay_name(None, CHECKPOINT, NOW) == "made-up"
    assert replay_name("made-up", CHECKPOINT, NOW) == "made-up"
    with pytest.raises(ConfigurationError, match="made-up"):
        replay_name("another", CHECKPOINT, NOW)


@pytest.mark.parametrize("name", ["", "x" * 81, "two words", "é", "a\n"])
def test_name_that_messages_can_t_carry(name: str) -> None:
    """A name that isn't valid in a message is rejected."""
    with pytest.raises(ConfigurationError, match="1 to 80"):
        check_name(name)
