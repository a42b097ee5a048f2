"""The replay command, as a process between real servers, with an archive of real drains."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.faults.http_proxy import SendBatchFault
from tests.integration.replaying import (
    SECONDS,
    attributes,
    lines_by_id,
    messages,
    replay,
    replay_stack,
    replaying,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.scene import Scene

EVENTS: Final = 60
SLICE: Final = 20
"""A rate per second, and how many events are sent at once at this rate."""
SLOWLY: Final = 120
"""Events that take long enough at that rate to be interrupted on a busy machine."""


def ids(taken: list[dict[str, Any]]) -> Counter[str]:
    """Count messages by their event id."""
    return Counter(attributes(each)["event_id"][1] for each in taken)


def bodies(taken: list[dict[str, Any]]) -> list[str]:
    """Return the sorted bodies of messages."""
    return sorted(each["Body"] for each in taken)


def archive(scene: Scene, count: int) -> None:
    """Publish events and drain them into several objects, and empty the queue."""
    scene.publish(count)
    scene.drain(max_in_flight=16)
    messages(scene)


def test_messages_are_those_of_the_drain(scene: Scene, tmp_path: Path) -> None:
    """Each message of every stream is sent again, with its body and attributes, and marked."""
    for event_type in ("handset_change", "consent_change"):
        scene.publish(EVENTS, event_type=event_type)
        scene.drain(event_type=event_type)
    first = messages(scene)
    assert len(first) == 2 * EVENTS

    replay(scene, tmp_path, "--yes", "--rate", "0", "--name", "made-up-name")

    again = messages(scene)
    assert bodies(again) == bodies(first)
    before = {each["Body"]: attributes(each) for each in first}
    for each in again:
        assert attributes(each) == before[each["Body"]] | {"replayed": ("String", "made-up-name")}
    assert list(tmp_path.iterdir()) == [], "a complete replay leaves no checkpoint"


# --- Interrupted and continued ---


def wait_for_checkpoint(folder: Path) -> dict[str, Any]:
    """Wait until a replay has left a checkpoint."""
    path = folder / "checkpoint.json"
    give_up_at = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_killed_and_taken_up_again(scene: Scene, tmp_path: Path) -> None:
    """A killed replay that continues loses nothing; only events in flight may be sent twice."""
    archive(scene, SLOWLY)

    slowly = ("--yes", "--rate", str(SLICE))
    with replaying(scene, tmp_path, *slowly) as process:
        checkpoint = wait_for_checkpoint(tmp_path)
        process.kill()
        process.wait(SECONDS)
    output = replay(scene, tmp_path, "--yes", "--rate", "0").stdout

    assert f"Continuing the replay {checkpoint['replay']}" in output
    taken = messages(scene)
    found = ids(taken)
    assert found.keys() == lines_by_id(scene).keys()
    assert found.total() - SLOWLY <= SLICE
    assert {attributes(each)["replayed"][1] for each in taken} == {checkpoint["replay"]}


def test_interrupted_and_taken_up_again(scene: Scene, tmp_path: Path) -> None:
    """An interrupted replay sends its events in flight first, so that nothing is sent twice."""
    archive(scene, SLOWLY)

    slowly = ("--yes", "--rate", str(SLICE))
    with replaying(scene, tmp_path, *slowly) as process:
        wait_for_checkpoint(tmp_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 130
    first = messages(scene)
    assert 0 < len(first) < SLOWLY
    replay(scene, tmp_path, "--yes", "--rate", "0")

    assert ids(first + messages(scene)) == Counter(lines_by_id(scene).keys())


def test_checkpoint_of_another_selection_is_refused(scene: Scene, tmp_path: Path) -> None:
    """A checkpoint of another selection is rejected with a hint, and nothing is sent."""
    archive(scene, SLOWLY)
    with replaying(scene, tmp_path, "--yes", "--rate", str(SLICE)) as process:
        wait_for_checkpoint(tmp_path)
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS)
    messages(scene)

    refused = replay(scene, tmp_path, "--yes", "--stream", "handset_change", status=1)

    assert "another selection" in refused.stderr
    assert "--checkpoint" in refused.stderr
    assert messages(scene) == []


# --- Failures of the queue ---


def test_entries_that_fail_for_now_are_sent_again(scene: Scene, tmp_path: Path) -> None:
    """Only failed entries of a call are retried, until they succeed."""
    archive(scene, EVENTS)
    fault = SendBatchFault(failed=(0, 3, 9))
    scene.faults.inject(fault, times=8)

    replay(scene, tmp_path, "--yes", "--rate", "0")

    assert scene.faults.struck(fault) == 8
    assert ids(messages(scene)) == Counter(lines_by_id(scene).keys())


def test_lost_answer_costs_copies(scene: Scene, tmp_path: Path) -> None:
    """If the answer to a call is lost, its ten events are sent twice, and none is lost."""
    archive(scene, EVENTS)
    scene.faults.inject(SendBatchFault(is_reset=True, is_forwarded=True), times=1)

    replay(scene, tmp_path, "--yes", "--rate", "0")

    found = ids(messages(scene))
    assert found.keys() == lines_by_id(scene).keys()
    assert found.total() == EVENTS + 10


def test_failure_ends_it_and_loses_nothing(scene: Scene, tmp_path: Path) -> None:
    """A fatal failure ends the replay with status 1 and a hint; later the rest is sent."""
    archive(scene, EVENTS)
    scene.faults.inject(SendBatchFault(status=403, code="AccessDeniedException"), skip=2, times=2)

    slowly = ("--yes", "--rate", str(SLICE))
    output = replay(scene, tmp_path, *slowly, status=1).stdout

    assert "AccessDeniedException" in output
    assert "--queue-url" in output
    first = ids(messages(scene))
    assert first.total() == SLICE
    replay(scene, tmp_path, *slowly)
    assert first + ids(messages(scene)) == Counter(lines_by_id(scene).keys())


def test_fifo_queue(scene: Scene, tmp_path: Path) -> None:
    """In a FIFO queue the group is the subscription, and the deduplication id the event id."""
    scene.publish(EVENTS)
    scene.drain()
    url = scene.cloud.sqs.create_queue(
        QueueName=f"{scene.places.bucket}.fifo", Attributes={"FifoQueue": "true"}
    )["QueueUrl"]

    for name in ("one", "two"):
        replay(scene, tmp_path, "--yes", "--rate", "0", "--queue-url", url, "--name", name)

    archived = lines_by_id(scene)
    taken = messages(scene, url)
    assert ids(taken) == Counter(archived.keys()), "copies within five minutes are dropped"
    for each in taken:
        (line, *_) = archived[attributes(each)["event_id"][1]]
        system = each["Attributes"]
        assert system["MessageGroupId"] == line["subscription_id"]
        assert system["MessageDeduplicationId"] == line["event_id"]


def test_packed_messages(scene: Scene, tmp_path: Path) -> None:
    """Several events can share a message, which is marked like the others."""
    scene.publish(EVENTS)
    scene.drain()
    messages(scene)

    replay(scene, tmp_path, "--yes", "--events-per-message", "25", "--name", "packed")

    taken = messages(scene)
    sent = [json.loads(line)["event_id"] for each in taken for line in each["Body"].split("\n")]
    assert Counter(sent) == Counter(lines_by_id(scene).keys())
    assert sorted(attributes(each)["events"] for each in taken) == [
        ("Number", "10"),
        ("Number", "25"),
        ("Number", "25"),
    ]
    assert {attributes(each)["replayed"] for each in taken} == {("String", "packed")}


# --- A stack's places ---

TEMPLATE: Final = {
    "Parameters": {
        name: {"Type": "String"}
        for name in ("ArchivePrefix", "EventTypes", "QueuePerStream", "EventsPerMessage")
    },
    "Resources": {"Own": {"Type": "AWS::SQS::Queue"}},
}


@pytest.mark.parametrize("has_queue_per_stream", [False, True])
def test_places_of_a_stack(scene: Scene, tmp_path: Path, *, has_queue_per_stream: bool) -> None:
    """Bucket, prefix, streams and queues come from the stack's outputs and parameters."""
    scene.publish(EVENTS)
    scene.drain(archive_prefix="a/prefix")
    messages(scene)
    queue, other = scene.places.queue_url, f"{scene.places.queue_url}-of-nobody"
    shared, own = (other, queue) if has_queue_per_stream else (queue, other)
    outputs = {
        "ArchiveBucketName": scene.places.bucket,
        "OutboxQueueUrl": shared,
        "HandsetChangeQueueUrl": own,
    }
    parameters = {
        "ArchivePrefix": "a/prefix",
        "EventTypes": "handset_change",
        "QueuePerStream": "true" if has_queue_per_stream else "false",
        "EventsPerMessage": "1",
    }
    name = f"{scene.places.bucket}-stack"
    cloudformation = scene.cloud.aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(
            {**TEMPLATE, "Outputs": {key: {"Value": value} for key, value in outputs.items()}}
        ),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name)
    cloudformation.close()

    replay_stack(scene, tmp_path, name)

    assert ids(messages(scene)) == Counter(lines_by_id(scene).keys())
