"""The contract of ``ports.Sink``: the archive in S3, the queue in SQS, the fake, the simulation."""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
import socket
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from itertools import count
from typing import TYPE_CHECKING, Final, TypeAlias
from zlib import crc32

import pytest
from botocore.exceptions import ClientError

from eventdrain.adapters.aws import S3Archive, SignedHttp, SqsPublisher
from eventdrain.errors import FailureKind
from eventdrain.events import MAX_LINE_BYTES, ArchiveLayout
from simulator.reconciliation import archive_keys, message_lines
from tests.contract.simulated import Simulated
from tests.deliveries import delivery_of, line_delivery, oversize_of, quarantined_of
from tests.fakes import END_RUN, TRY_AGAIN, FakeSink, always_well
from tests.schema_checks import archive_lines, take_messages
from tests.simulation.sinks import LAYOUT, ArchiveSink, QueueSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from eventdrain.adapters.aws import AwsEndpoint, AwsEnvironment
    from eventdrain.errors import Failure
    from eventdrain.events import Delivery
    from eventdrain.ports import Sink
    from tests.contract.conftest import Aws

CALLS_AT_ONCE: Final = 4
NOT_XML: Final = "\x0b"
"""A character that SQS rejects. No line contains it; tests use it for any rejection."""


class Trouble(Enum):
    """Why a sink can't write anything."""

    MISSING = auto()
    DENIED = auto()
    UNREACHABLE = auto()


class FakeHome:
    """The fake, which fails as the real ones do."""

    def __init__(self, trouble: Trouble | None) -> None:
        failure = TRY_AGAIN if trouble is Trouble.UNREACHABLE else END_RUN
        self._sink = FakeSink(always_well if trouble is None else lambda *_: failure)

    def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """Write, and return the failures."""
        return asyncio.run(self._sink.write(deliveries))

    def held(self) -> dict[str, str]:
        """Return each durable event's line, by event id."""
        return {event_id: delivery.line for event_id, delivery in self._sink.held.items()}


class SimulatedArchive:
    """The simulation's archive."""

    layout = LAYOUT

    def __init__(self, trouble: Trouble | None = None) -> None:
        self._simulated = _simulated(trouble, "S3 throttles", "S3 denies")
        self._bucket = self._simulated.cloud.archive
        self._sink = ArchiveSink(self._bucket, self._simulated.process)

    def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """Write, and return the failures."""
        return self._simulated.run(self._sink.write(deliveries))

    def held(self) -> dict[str, str]:
        """Return each durable event's line, by event id."""
        return {each.event_id: each.line for some in self._bucket.objects.values() for each in some}

    def list_keys(self) -> set[str]:
        """Return the objects' keys."""
        return {*self._bucket.objects}


class SimulatedQueue:
    """The simulation's queue."""

    def __init__(self, trouble: Trouble | None, *, events_per_message: int) -> None:
        self._simulated = _simulated(trouble, "SQS throttles", "SQS denies")
        self._queue = self._simulated.cloud.queue
        self._sink = QueueSink(
            self._queue, self._simulated.process, events_per_message=events_per_message
        )

    def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """Write, and return the failures."""
        return self._simulated.run(self._sink.write(deliveries))

    def held(self) -> dict[str, str]:
        """Return each durable event's line, by event id."""
        return {
            event_id: line
            for each in self._queue.messages
            for event_id, line in zip(each.event_ids, each.body.split("\n"), strict=True)
        }


def _simulated(trouble: Trouble | None, retryable: str, fatal: str) -> Simulated:
    if trouble is None:
        return Simulated()
    return Simulated(retryable if trouble is Trouble.UNREACHABLE else fatal)


class S3Home:
    """The archive, in a bucket of its own."""

    def __init__(
        self, aws: Aws, trouble: Trouble | None, *, locked_for: timedelta = timedelta()
    ) -> None:
        self._s3 = aws.s3
        self._locked_for = locked_for
        self.bucket = f"contract-{secrets.token_hex(6)}"
        self.layout = layout_of(self.bucket)
        if trouble is not Trouble.MISSING:
            self._s3.create_bucket(
                Bucket=self.bucket,
                CreateBucketConfiguration={"LocationConstraint": "eu-north-1"},
                ObjectLockEnabledForBucket=bool(locked_for),
            )
        endpoint = _environment(aws, trouble).bucket_endpoint(self.bucket)
        self._endpoint = _in_trouble(endpoint, trouble)

    def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """Write with new connections, and return the failures."""

        def archive(http: SignedHttp) -> Sink:
            return S3Archive(http, self.layout, locked_for=self._locked_for)

        return asyncio.run(_write(self._endpoint, archive, deliveries))

    def held(self) -> dict[str, str]:
        """Read the bucket."""
        lines = archive_lines(self._s3, self.bucket)
        return {line["event_id"]: json.dumps(line, separators=(",", ":")) for line in lines}

    def list_keys(self) -> set[str]:
        """List the bucket."""
        return {key for key, _ in archive_keys(self._s3, self.bucket)}


class SqsHome:
    """The queue, in a queue of its own."""

    def __init__(
        self, aws: Aws, trouble: Trouble | None, *, is_fifo: bool, events_per_message: int = 1
    ) -> None:
        self._sqs = aws.sqs
        self._events_per_message = events_per_message
        name = f"contract-{secrets.token_hex(6)}{'.fifo' if is_fifo else ''}"
        self.queue_url = self._sqs.create_queue(
            QueueName=name, Attributes={"FifoQueue": "true"} if is_fifo else {}
        )["QueueUrl"]
        if trouble is Trouble.MISSING:
            self._sqs.delete_queue(QueueUrl=self.queue_url)
        self._endpoint = _in_trouble(_environment(aws, trouble).endpoint("sqs"), trouble)

    def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """Write with new connections, and return the failures."""

        def queue(http: SignedHttp) -> Sink:
            return SqsPublisher(
                http,
                queue_url=self.queue_url,
                layout=layout_of("made-up"),
                events_per_message=self._events_per_message,
            )

        return asyncio.run(_write(self._endpoint, queue, deliveries))

    def held(self) -> dict[str, str]:
        """Empty the queue."""
        held = {}
        for message in take_messages(self._sqs, self.queue_url):
            attributes = message["MessageAttributes"]
            if "event_id" in attributes:
                held[attributes["event_id"]["StringValue"]] = message["Body"]
            else:
                of_several = message_lines(message["Body"])
                assert attributes["events"]["StringValue"] == str(len(of_several))
                held |= {
                    line["event_id"]: json.dumps(line, separators=(",", ":")) for line in of_several
                }
        return held


def layout_of(bucket: str) -> ArchiveLayout:
    """Return a layout with a prefix that must be percent-encoded."""
    return ArchiveLayout(bucket, prefix="a prefix+/é", quarantine_prefix="quarantine")


def _environment(aws: Aws, trouble: Trouble | None) -> AwsEnvironment:
    return aws.powerless_environment if trouble is Trouble.DENIED else aws.environment


def _in_trouble(endpoint: AwsEndpoint, trouble: Trouble | None) -> AwsEndpoint:
    if trouble is not Trouble.UNREACHABLE:
        return endpoint
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return replace(endpoint, url=f"http://127.0.0.1:{taken.getsockname()[1]}")


async def _write(
    endpoint: AwsEndpoint, sink: Callable[[SignedHttp], Sink], deliveries: Sequence[Delivery]
) -> Mapping[str, Failure]:
    async with SignedHttp.connect(endpoint, max_concurrent_calls=CALLS_AT_ONCE) as http:
        return await sink(http).write(deliveries)


Home: TypeAlias = FakeHome | SimulatedArchive | SimulatedQueue | S3Home | SqsHome


def make_home(kind: str, aws: Aws, trouble: Trouble | None = None) -> Home:
    """Return a sink of a kind, with methods that inspect what it holds."""
    match kind:
        case "fake":
            return FakeHome(trouble)
        case "simulated-archive":
            return SimulatedArchive(trouble)
        case "simulated-queue" | "simulated-several":
            several = EVENTS_PER_MESSAGE if kind == "simulated-several" else 1
            return SimulatedQueue(trouble, events_per_message=several)
        case "s3":
            return S3Home(aws, trouble)
        case _:
            return SqsHome(
                aws,
                trouble,
                is_fifo=kind == "sqs-fifo",
                events_per_message=EVENTS_PER_MESSAGE if kind == SEVERAL else 1,
            )


QUEUES: Final = ("sqs-standard", "sqs-fifo")
SEVERAL: Final = "sqs-several"
"""A standard queue with several events in a message."""
EVENTS_PER_MESSAGE: Final = 10
SIMULATED: Final = ("simulated-archive", "simulated-queue", "simulated-several")
every_sink: Final = pytest.mark.parametrize("kind", ["fake", *SIMULATED, "s3", *QUEUES, SEVERAL])


def lines(deliveries: Iterable[Delivery]) -> dict[str, str]:
    """Return the lines that a sink must hold, by event id."""
    return {delivery.event_id: delivery.line for delivery in deliveries}


# --- What every sink promises ---


@every_sink
def test_what_is_not_refused_is_durable(aws: Aws, kind: str) -> None:
    """Every event without a failure is durable, its line unchanged."""
    home = make_home(kind, aws)
    deliveries = [delivery_of(index) for index in range(123)]
    assert home.write(deliveries) == {}
    assert home.held() == lines(deliveries)


@every_sink
def test_writing_again_does_no_harm(aws: Aws, kind: str) -> None:
    """Writing the same events again, in another order or with others, loses nothing."""
    home = make_home(kind, aws)
    deliveries = [delivery_of(index) for index in range(12)]
    assert home.write(deliveries) == {}
    assert home.write(deliveries[::-1]) == {}
    more = [*deliveries, delivery_of(12)]
    assert home.write(more) == {}
    assert home.held() == lines(more)


@every_sink
@pytest.mark.parametrize("trouble", Trouble)
def test_trouble_fails_every_event(aws: Aws, kind: str, trouble: Trouble) -> None:
    """An unreachable service is a retryable failure of every event, anything else a fatal one."""
    home = make_home(kind, aws, trouble)
    deliveries = [delivery_of(index) for index in range(12)]
    refused = home.write(deliveries)
    assert refused.keys() == lines(deliveries).keys()
    is_passing = trouble is Trouble.UNREACHABLE
    expected = FailureKind.RETRYABLE if is_passing else FailureKind.FATAL
    assert {failure.kind for failure in refused.values()} == {expected}


# --- What is true of the real ones alone ---


@pytest.mark.parametrize(
    ("kind", "trouble", "code", "setting"),
    [
        ("s3", Trouble.MISSING, "NoSuchBucket", "ARCHIVE_BUCKET"),
        ("s3", Trouble.DENIED, "AccessDenied", "role"),
        ("sqs-standard", Trouble.MISSING, "QueueDoesNotExist", "QUEUE_URL"),
        ("sqs-fifo", Trouble.DENIED, "AccessDenied", "role"),
    ],
)
def test_failure_names_cause_and_hint(
    aws: Aws, kind: str, trouble: Trouble, code: str, setting: str
) -> None:
    """A fatal failure names the service's code, the place, and what to check."""
    home = make_home(kind, aws, trouble)
    [failure] = home.write([delivery_of()]).values()
    place = home.bucket if isinstance(home, S3Home) else getattr(home, "queue_url", "")
    assert code in failure.code
    assert place
    assert place in failure.message
    assert setting in failure.hint
    assert delivery_of().subscription_id not in str(failure)


def test_locked_object_stays(aws: Aws) -> None:
    """An object can't be deleted until its lock ends, and has the checksum that S3 requires."""
    home = S3Home(aws, None, locked_for=timedelta(days=14))
    before = datetime.now(UTC).replace(microsecond=0)
    assert home.write([delivery_of()]) == {}
    (key,) = home.list_keys()
    written = aws.s3.get_object(Bucket=home.bucket, Key=key, ChecksumMode="ENABLED")
    retention = aws.s3.get_object_retention(Bucket=home.bucket, Key=key)["Retention"]
    assert retention["Mode"] == "GOVERNANCE"
    assert retention["RetainUntilDate"] >= before + timedelta(days=14)
    assert written["ChecksumCRC32"] == checksum(written["Body"].read())
    with pytest.raises(ClientError, match="AccessDenied"):
        aws.s3.delete_object(Bucket=home.bucket, Key=key, VersionId=written["VersionId"])


def checksum(body: bytes) -> str:
    """Return a body's CRC-32 as S3 writes it."""
    return b64encode(crc32(body).to_bytes(4, "big")).decode()


def test_original_messages_are_stored_apart(aws: Aws) -> None:
    """Original messages are in a separate object, one for each object of lines."""
    home = S3Home(aws, None)
    odd = [
        delivery_of(index)._replace(original=json.dumps({"event_id": f"{index}"}))
        for index in (1, 2)
    ]
    assert home.write([delivery_of(0), *odd]) == {}
    key, written = layout_of(home.bucket).original_key(odd), home.list_keys()
    assert key in written
    assert len(written) == 2
    body = aws.s3.get_object(Bucket=home.bucket, Key=key)["Body"].read()
    assert gzip.decompress(body) == b'{"event_id": "1"}\n{"event_id": "2"}\n'


@pytest.mark.parametrize("kind", ["simulated-archive", "s3"])
def test_key_that_exists_is_a_success(aws: Aws, kind: str) -> None:
    """The same events make one object for each UTC day, in any order."""
    home = make_home(kind, aws)
    assert isinstance(home, SimulatedArchive | S3Home)
    seconds = (*range(12), 24 * 3600)
    deliveries = [delivery_of(second) for second in seconds]
    assert home.write(deliveries) == {}
    before = home.list_keys()
    assert home.write([delivery_of(i, delivery=1, redelivered=True) for i in seconds][::-1]) == {}
    assert home.list_keys() == before
    assert home.held() == lines(deliveries)
    folders = sorted(key.rpartition("/")[0] for key in before)
    prefix = f"{home.layout.prefix}/handset_change"
    assert folders == [f"{prefix}/dt=2026-03-01", f"{prefix}/dt=2026-03-02"]


def test_fifo_queue(aws: Aws) -> None:
    """The event id is the deduplication id, and the subscription the group, which keeps order."""
    home = SqsHome(aws, None, is_fifo=True)
    events = [line_delivery(f"{index:032}", line=str(index)) for index in range(10)]
    for _ in range(2):
        assert home.write(events) == {}
    messages = aws.sqs.receive_message(
        QueueUrl=home.queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    )["Messages"]
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"madeup:eu:0"}
    assert [message["Body"] for message in messages] == [str(index) for index in range(10)]
    aws.sqs.delete_message_batch(
        QueueUrl=home.queue_url,
        Entries=[
            {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
            for index, message in enumerate(messages)
        ],
    )
    assert take_messages(aws.sqs, home.queue_url) == []


@pytest.mark.parametrize("subscription", ["", "x" * 300, "a b", "é", "a\nb"])
def test_fifo_queue_takes_any_subscription(aws: Aws, subscription: str) -> None:
    """An event is sent even if its subscription id is not allowed as a message group."""
    home = SqsHome(aws, None, is_fifo=True)
    assert home.write([delivery_of()._replace(subscription_id=subscription)]) == {}
    assert len(home.held()) == 1


def _of_length(length: int, index: int) -> Delivery:
    delivery = delivery_of(index)
    start, end = f'{delivery.line[:-1]},"raw":"', '"}'
    return delivery._replace(line=start + "x" * (length - len(start) - len(end)) + end)


@pytest.mark.parametrize("kind", ["simulated-queue", *QUEUES])
def test_long_messages_are_packed(aws: Aws, kind: str) -> None:
    """Messages that together exceed a call's limit are sent in several calls."""
    home = make_home(kind, aws)
    lengths = (MAX_LINE_BYTES, MAX_LINE_BYTES, 400_000, 400_000, 400_000)
    deliveries = [*(_of_length(length, index) for index, length in enumerate(lengths))]
    deliveries.append(delivery_of(len(lengths)))
    assert home.write(deliveries) == {}
    assert home.held() == lines(deliveries)


@pytest.mark.parametrize("kind", [*QUEUES, SEVERAL])
@pytest.mark.parametrize("delivery", [oversize_of(), quarantined_of()], ids=["large", "poison"])
def test_pointer_leads_to_the_archive(aws: Aws, kind: str, delivery: Delivery) -> None:
    """The message of an event that is too large points to the archive."""
    archive, queue = S3Home(aws, None), make_home(kind, aws)
    deliveries = [delivery_of(1), delivery, delivery_of(2)]
    assert archive.write(deliveries) == {}
    assert queue.write(deliveries) == {}
    held = queue.held()
    assert held.keys() == {each.event_id for each in deliveries}
    assert json.loads(held[delivery.event_id])["s3"]["key"] in archive.list_keys()


class Answering(SignedHttp):
    """Answers each call by a function of its number."""

    def __init__(self, answer: Callable[[int], bytes]) -> None:
        self.url = "https://made-up.example"
        self._calls = count()
        self._made_up = answer

    async def call(self, *_arguments: object) -> bytes:
        """See ``SignedHttp``."""
        return self._made_up(next(self._calls))


def queue_that_gets(answer: Callable[[int], bytes]) -> SqsPublisher:
    """Return a publisher whose calls are answered by a function."""
    return SqsPublisher(Answering(answer), queue_url="made-up", layout=layout_of("made-up"))


def test_message_that_sqs_names_as_both() -> None:
    """A message that SQS names as both successful and failed is not confirmed."""
    answer = {"Successful": [{"Id": "0"}, {"Id": "1"}], "Failed": [{"Id": "1"}]}
    queue = queue_that_gets(lambda _call: json.dumps(answer).encode())
    refused = asyncio.run(queue.write([delivery_of(0), delivery_of(1)]))
    assert refused.keys() == {delivery_of(1).event_id}


@pytest.mark.parametrize("kind", ["s3", "sqs"])
def test_bug_in_one_call_is_not_the_end_of_others(kind: str) -> None:
    """If one of two calls to a service hits a bug, the other's events are durable."""
    taken = json.dumps({"Successful": [{"Id": str(index)} for index in range(10)]}).encode()

    def answer(call: int) -> bytes:
        if call == 0:
            raise ZeroDivisionError
        return taken

    if kind == "sqs":
        sink: Sink = queue_that_gets(answer)
        deliveries = [delivery_of(index) for index in range(20)]
        buggy = deliveries[:10]
    else:
        sink = S3Archive(Answering(answer), layout_of("made-up"))
        deliveries = [delivery_of(1), quarantined_of(1)]  # an object each
        buggy = deliveries[:1]

    refused = asyncio.run(sink.write(deliveries))

    assert refused.keys() == {delivery.event_id for delivery in buggy}
    assert {failure.kind for failure in refused.values()} == {FailureKind.FATAL}


@pytest.mark.parametrize(
    ("count", "attribute"),
    [(1, ("event_id", "String", delivery_of().event_id)), (10, ("events", "Number", "10"))],
)
def test_message(aws: Aws, count: int, attribute: tuple[str, str, str]) -> None:
    """A message's body has its events' lines, its attributes their type and their id or number."""
    home = SqsHome(aws, None, is_fifo=False, events_per_message=count)
    deliveries = [delivery_of(index) for index in range(count)]
    assert home.write(deliveries) == {}
    [message] = take_messages(aws.sqs, home.queue_url)
    assert message["Body"] == "\n".join(delivery.line for delivery in deliveries)
    attributes = {
        (name, value["DataType"], value["StringValue"])
        for name, value in message["MessageAttributes"].items()
    }
    assert attributes == {attribute, ("event_type", "String", "handset_change")}


def test_refused_message_refuses_its_events_alone(aws: Aws) -> None:
    """If SQS rejects a message, all its events fail; the other messages are durable."""
    home = SqsHome(aws, None, is_fifo=False, events_per_message=3)
    deliveries = [delivery_of(index) for index in range(50)]
    deliveries[7] = deliveries[7]._replace(line=f'"{NOT_XML}"')
    refused = home.write(deliveries)
    assert refused.keys() == {delivery.event_id for delivery in deliveries[6:9]}
    assert {failure.kind for failure in refused.values()} == {FailureKind.EVENT_REJECTED}
    assert home.held() == lines([*deliveries[:6], *deliveries[9:]])
