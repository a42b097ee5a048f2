"""The command ``drainctl replay``: its options, its checkpoint file, and the stack's places."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from drainctl.group import drainctl
from drainctl.replay.checkpoint_file import CheckpointFile
from drainctl.stack import Stack, StackError
from eventdrain.errors import ConfigurationError
from eventdrain.replay import Checkpoint

if TYPE_CHECKING:
    from pathlib import Path


KEY: Final = "events/handset_change/dt=2026-03-01/0.ndjson.gz"
CHECKPOINT: Final = Checkpoint("a" * 64, "made-up", KEY, 5, "b" * 64)
PLACES: Final = ["--bucket", "made-up", "--queue-url", "https://sqs.example/made-up"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "specify --stack-name, or both --bucket and --queue-url"),
        (["--bucket", "made-up"], "specify --stack-name, or both --bucket and --queue-url"),
        ([*PLACES, "--from", "yesterday"], "Invalid value for '--from': 'yesterday'"),
        ([*PLACES, "--to", "2026-02-30"], "Invalid value for '--to'"),
        ([*PLACES, "--from", "2026-03-02", "--to", "2026-03-01"], "time range is empty"),
        ([*PLACES, "--stream", "handset_change,other"], "there is no stream other"),
        ([*PLACES, "--stream", ""], "it is empty"),
        ([*PLACES, "--event-id", ""], "it is empty"),
        ([*PLACES, "--event-id", "5"], "32 hexadecimal digits"),
        ([*PLACES, "--subscription", ""], "it is empty"),
        ([*PLACES, "--rate", "-1"], "--rate"),
        ([*PLACES, "--rate", "nan"], "--rate"),
        (["--bucket", "made-up", "--queue-url", ""], "'--queue-url': it is empty"),
        ([*PLACES, "--queue-url", "arn:aws:sqs:::made-up"], "'--queue-url': it must be a queue's"),
        ([*PLACES, "--bucket", ""], "'--bucket': it is empty"),
        ([*PLACES, "--prefix", "/"], "'--prefix': it is empty"),
        ([*PLACES, "--stack-name", ""], "'--stack-name': it is empty"),
        ([*PLACES, "--events-per-message", "0"], "--events-per-message"),
        ([*PLACES, "--name", "two words"], "the replay's name"),
    ],
)
def test_invalid_options_are_rejected(arguments: list[str], expected: str) -> None:
    """An invalid option is an error that names it, without a call of AWS."""
    result = CliRunner().invoke(drainctl, ["replay", *arguments])
    assert result.exit_code == 2
    assert expected in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_checkpoint_is_kept_and_removed(tmp_path: Path) -> None:
    """A checkpoint can be saved, loaded, replaced and removed."""
    file = CheckpointFile(tmp_path / "made-up.json")
    assert file.load(selection="a" * 64) is None
    file.save(CHECKPOINT)
    file.save(CHECKPOINT.at(7))
    assert file.load(selection="a" * 64) == CHECKPOINT.at(7)
    assert [path.name for path in tmp_path.iterdir()] == ["made-up.json"]
    file.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", ["", "made up", "{}", "[" * 10, "[" * 100_000, json.dumps({"version": 9})]
)
def test_file_that_is_no_checkpoint(tmp_path: Path, content: str) -> None:
    """A malformed checkpoint file is rejected with its name and a hint, and not changed."""
    path = tmp_path / "made-up.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"made-up.json.*--checkpoint"):
        CheckpointFile(path).load(selection="a" * 64)
    assert path.read_text() == content


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    """If no checkpoint can be stored, the replay doesn't begin."""
    file = CheckpointFile(tmp_path / "missing" / "made-up.json")
    with pytest.raises(ConfigurationError, match="--checkpoint"):
        file.check()
    with pytest.raises(ConfigurationError, match="--checkpoint"):
        file.save(CHECKPOINT)


@pytest.mark.parametrize("missing", ["ArchiveBucketName", "OutboxQueueUrl"])
def test_stack_without_an_output(missing: str) -> None:
    """A missing output is named, with the option that replaces it."""
    outputs = {"ArchiveBucketName": "made-up", "OutboxQueueUrl": "made-up"}
    del outputs[missing]
    stack = Stack(name="made-up-stack", outputs=outputs, parameters={})
    with pytest.raises(StackError, match=rf"made-up-stack.*{missing}.*specify --"):
        _ = stack.bucket, stack.queue_urls(["handset_change"])


def test_queues_of_the_streams() -> None:
    """If each stream has a queue, its events go there; a stream without one is named."""
    stack = Stack(
        name="made-up-stack",
        outputs={"OutboxQueueUrl": "shared", "HandsetChangeQueueUrl": "own"},
        parameters={"QueuePerStream": "true", "EventTypes": "handset_change"},
    )
    assert stack.queue_urls(["handset_change"]) == {"handset_change": "own"}
    with pytest.raises(StackError, match=r"drains \(handset_change\), or specify --queue-url"):
        stack.queue_urls(["handset_change", "country_change"])
