"""The example in `examples/python-lambda`, deployed beside the stack, reading its queue.

The embedded AWS polls the queue as Lambda does: it honours ReportBatchItemFailures, the visibility
time-out and MaxReceiveCount. Two things are not shown: it doesn't check the role's rights to the
queue, and it accepts a queue whose visibility time-out is too short for the function.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from simulator.aws import PROJECT_FOLDER, SamStack, sam_build
from simulator.deployment import LocalDeployment
from simulator.event_server import made_up_events, of_size, with_bad_payload
from simulator.reconciliation import event_ids, take_messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulator.event_server import Event

pytestmark = pytest.mark.release

STREAM: Final = "handset_change"
START: Final = datetime.now(UTC)
EVENTS: Final = 20
DUPLICATES: Final = 5
MAX_RECEIVES: Final = 2
SECRET: Final = "made-up +999 0000 1111"
OVERSIZE: Final = 2**20
WAIT_SECONDS: Final = 120
"""More than MaxReceiveCount times the queue's visibility time-out, for a message that fails."""


class Consumer:
    """The example's stack, and what it logs."""

    def __init__(self, local: LocalDeployment, build_folder: Path) -> None:
        self._local = local
        self._build = build_folder
        self._stack = SamStack(local.aws, name="event-consumer")

    def deploy(self, **parameters: str) -> None:
        """Deploy the consumer of the drain stack's queue."""
        drain = self._local.stack.outputs
        names = {"QueueArn": "OutboxQueueArn", "ArchiveBucketName": "ArchiveBucketName"}
        given = {name: drain[output] for name, output in names.items()}
        self._stack.deploy(self._build, {**given, "KmsKeyArn": drain["KeyArn"], **parameters})

    def log(self) -> str:
        """Return all that the function has logged."""
        pages = self._local.aws.client("logs").get_paginator("filter_log_events")
        group = self._stack.outputs["ConsumerLogGroupName"]
        events = [event for page in pages.paginate(logGroupName=group) for event in page["events"]]
        return "\n".join(event["message"].rstrip("\n") for event in events)

    def records(self, message: str) -> list[dict[str, Any]]:
        """Return the function's log records with this message."""
        lines = [line for line in self.log().splitlines() if line.startswith("{")]
        return [record for record in map(json.loads, lines) if record["message"] == message]

    def handled(self) -> Counter[str]:
        """Return how often each event was handled, by event id."""
        return Counter(record["event_id"] for record in self.records("handled"))


@pytest.fixture(scope="module")
def deployment(built: Path) -> Iterator[LocalDeployment]:
    """Deploy the stack, whose messages go to the dead-letter queue after two receives."""
    with LocalDeployment(built=built) as local:
        local.deploy(
            EventTypes=STREAM,
            ScheduleState="DISABLED",
            IdleSeconds="1",
            MaxReceiveCount=str(MAX_RECEIVES),
        )
        local.stack.put_credentials(local.credentials)
        yield local


@pytest.fixture(scope="module")
def consumer(deployment: LocalDeployment, tmp_path_factory: pytest.TempPathFactory) -> Consumer:
    """Build and deploy the example."""
    folder = tmp_path_factory.mktemp("python-lambda")
    sam_build(folder, project=PROJECT_FOLDER / "examples" / "python-lambda")
    consumer = Consumer(deployment, folder)
    consumer.deploy()
    return consumer


def drain(deployment: LocalDeployment) -> None:
    """Run the drain over the stream, and wait until the consumer has emptied the queue."""
    invocation = deployment.stack.invoke({"event_type": STREAM})
    assert invocation.error is None, invocation.payload
    wait_until_empty(deployment)


def wait_until_empty(deployment: LocalDeployment) -> None:
    """Wait until no message is in the queue, nor in flight."""
    end = time.monotonic() + WAIT_SECONDS
    while count(deployment, "OutboxQueueUrl"):
        assert time.monotonic() < end, deployment.aws.log_file.read_text()[-2000:]
        time.sleep(0.5)


def count(deployment: LocalDeployment, queue: str) -> int:
    """Return the number of messages in a queue, by the name of its output."""
    names: Final = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = deployment.aws.client("sqs").get_queue_attributes(
        QueueUrl=deployment.stack.outputs[queue], AttributeNames=names
    )["Attributes"]
    return sum(int(attributes[name]) for name in names)


def publish(deployment: LocalDeployment, events: list[Event]) -> set[str]:
    """Publish events, and return their event ids."""
    numbers = deployment.event_server.publish(events)
    return event_ids(deployment.event_server.ledger(), numbers)


def known_events() -> list[Event]:
    """Return the events that each test publishes, which are handled in the first."""
    return list(made_up_events(STREAM, EVENTS, start=START))


def test_one_event_to_a_message(deployment: LocalDeployment, consumer: Consumer) -> None:
    """Each event is handled once, also a duplicate, and one that is too large for a message.

    A message that points to an event in quarantine does not fail.
    """
    events = known_events()
    large, bad = made_up_events(STREAM, 2, seed=1)
    ids = publish(deployment, [*events, of_size(large, OVERSIZE)])
    deployment.event_server.publish([with_bad_payload(bad)])
    drain(deployment)
    assert publish(deployment, events[:DUPLICATES]) < ids
    drain(deployment)

    assert len(ids) == EVENTS + 1
    assert consumer.handled() == dict.fromkeys(ids, 1)
    assert len(consumer.records("quarantined")) == 1
    assert consumer.records("failed") == []


def test_several_events_to_a_message(
    deployment: LocalDeployment, consumer: Consumer, built: Path
) -> None:
    """What is handled once is the event, not the message: some messages hold a duplicate too."""
    deployment.stack.deploy(built, {"EventsPerMessage": "10"})
    before = consumer.handled()
    new = made_up_events(STREAM, EVENTS, seed=2)
    mixed = [event for pair in zip(known_events(), new, strict=True) for event in pair]
    ids = publish(deployment, mixed)
    drain(deployment)

    assert len(ids - before.keys()) == EVENTS
    assert consumer.handled() == before | dict.fromkeys(ids, 1)


def test_replayed_events_are_skipped(deployment: LocalDeployment, consumer: Consumer) -> None:
    """By default a replay brings nothing that was handled before; if asked to, all of it once."""
    before = consumer.handled()
    replay(deployment, "made-up-replay-1")
    assert consumer.handled() == before

    consumer.deploy(ReplayedEvents="handle")
    assert publish(deployment, known_events()) < before.keys()
    drain(deployment)
    assert consumer.handled() == before, "they come from no replay"
    replay(deployment, "made-up-replay-2")
    replay(deployment, "made-up-replay-2")
    consumer.deploy(ReplayedEvents="skip")

    names = Counter(record.get("replayed") for record in consumer.records("handled"))
    assert names == {None: before.total(), "made-up-replay-2": before.total()}
    assert consumer.handled() == dict.fromkeys(before, 2)


def test_failing_event_fails_its_message_alone(
    deployment: LocalDeployment, consumer: Consumer
) -> None:
    """The other events of its message and batch are handled once; it ends in the dead letters."""
    sqs = deployment.aws.client("sqs")
    line = {"event_type": STREAM, "event": {}}
    good, bad = (letter * 32 for letter in "abc"), {"event": {"imsi": SECRET}}
    *together, alone = [json.dumps({**line, "event_id": each}) for each in good]
    bodies = ["\n".join([together[0], json.dumps(bad), together[1]]), SECRET, alone]
    sqs.send_message_batch(
        QueueUrl=deployment.stack.outputs["OutboxQueueUrl"],
        Entries=[{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)],
    )
    wait_until_empty(deployment)

    handled = consumer.handled()
    assert [handled[json.loads(each)["event_id"]] for each in (*together, alone)] == [1, 1, 1]
    assert Counter(record["error"] for record in consumer.records("failed")) == {
        "IdempotencyKeyError": MAX_RECEIVES,
        "JSONDecodeError": MAX_RECEIVES,
    }
    dead = take_messages(sqs, deployment.stack.outputs["OutboxDeadLetterQueueUrl"])
    assert {message["Body"] for message in dead} == set(bodies[:2])


def test_fifo_queue(deployment: LocalDeployment, consumer: Consumer, built: Path) -> None:
    """A message that fails holds back the later ones of its group, and no other group."""
    deployment.stack.deploy(built, {"EventsPerMessage": "1", "FifoQueue": "true"})
    before = consumer.handled()
    ids = publish(deployment, list(made_up_events(STREAM, EVENTS, seed=3)))
    sqs = deployment.aws.client("sqs")
    bodies = [SECRET, json.dumps({"event_id": "d" * 32, "event_type": STREAM, "event": {}})]
    sqs.send_message_batch(
        QueueUrl=deployment.stack.outputs["OutboxQueueUrl"],
        Entries=[
            {
                "Id": str(n),
                "MessageBody": body,
                "MessageGroupId": "made-up-group",
                "MessageDeduplicationId": str(n),
            }
            for n, body in enumerate(bodies)
        ],
    )
    # The messages are in the queue before it is polled, so that they are received in one batch.
    consumer.deploy()
    drain(deployment)

    assert consumer.handled() == before | dict.fromkeys(ids, 1)
    dead = take_messages(sqs, deployment.stack.outputs["OutboxDeadLetterQueueUrl"])
    assert sorted(message["Body"] for message in dead) == sorted(bodies)


def test_nothing_personal_is_logged(deployment: LocalDeployment, consumer: Consumer) -> None:
    """The log has no IMSI and no IMEI of any event, and nothing of a body that failed."""
    log = consumer.log()
    events = [each.event for each in deployment.event_server.ledger().events.values()]
    numbers = {text for event in events for text in re.findall(rb"[0-9]{15,}", event.undelivered)}
    assert len(numbers) > EVENTS
    assert [number for number in numbers if number.decode() in log] == []
    assert SECRET not in log


def replay(deployment: LocalDeployment, name: str) -> None:
    """Replay the archive, and wait until the consumer has emptied the queue."""
    answer = deployment.aws.client("lambda").invoke(
        FunctionName=deployment.stack.outputs["ReplayEventsFunctionName"],
        Payload=json.dumps({"dry_run": False, "name": name, "rate": 0}).encode(),
    )
    assert json.loads(answer["Payload"].read())["error"] is None
    wait_until_empty(deployment)
