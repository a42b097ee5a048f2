"""The contract of ``ports.ArchiveReader``: the archive in S3, the fake, and the simulation."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import pytest

from eventdrain.adapters.aws import S3Archive, SignedHttp
from eventdrain.adapters.boto import RefreshingHttp, S3ArchiveReader
from eventdrain.errors import ArchiveReadError, FailureKind
from eventdrain.events import ArchiveLayout
from eventdrain.ports import Folder
from eventdrain.replay import read_lines
from tests.contract.simulated import Simulated
from tests.deliveries import delivery_of
from tests.replay_archive import DENIED, FakeArchive
from tests.simulation.sinks import LAYOUT, ArchiveSink, BucketReader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from eventdrain.adapters.aws import AwsEndpoint
    from eventdrain.events import Delivery
    from eventdrain.ports import ArchiveReader
    from tests.contract.conftest import Aws

T = TypeVar("T")

STREAM: Final = "handset_change"
DAY: Final = 24 * 3600
FOLDER: Final = Folder("2026-03-01", STREAM)
HINT: Final = "made up: check the bucket"
BATCHES: Final = (
    [delivery_of(0), delivery_of(1)],
    [delivery_of(5), delivery_of(DAY)],
    [delivery_of(1, delivery=1), delivery_of(2)],
)


class Home:
    """An archive and its reader."""

    def __init__(self, aws: Aws, kind: str, *, is_denied: bool = False) -> None:
        self._aws = aws
        self._clients = aws.powerless if is_denied else aws.allowed
        self.bucket = f"contract-{secrets.token_hex(6)}"
        # The prefix has characters that must be percent-encoded.
        self.layout = ArchiveLayout(self.bucket, "a prefix+/é", "quarantine")
        self._fake = (
            FakeArchive(self.layout, decide=lambda _call, _attempt: DENIED if is_denied else None)
            if kind == "fake"
            else None
        )
        self._simulated = None
        if kind == "simulated":
            self.layout = LAYOUT
            self._simulated = Simulated(*["reading the archive is denied"] * is_denied)
        elif self._fake is None:
            aws.s3.create_bucket(
                Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"}
            )

    def write(self, deliveries: Sequence[Delivery]) -> None:
        """Archive a batch as the drain does."""
        if self._fake is not None:
            self._fake.put(deliveries)
            return
        if self._simulated is not None:
            sink = ArchiveSink(self._simulated.cloud.archive, self._simulated.process)
            assert self._simulated.run(sink.write(deliveries)) == {}
            return

        async def write() -> None:
            endpoint = self._aws.environment.bucket_endpoint(self.bucket)
            async with SignedHttp.connect(endpoint, max_concurrent_calls=4) as http:
                assert await S3Archive(http, self.layout).write(deliveries) == {}

        asyncio.run(write())

    def ask(self, question: Callable[[ArchiveReader], Awaitable[T]]) -> T:
        """Ask the reader."""

        async def ask() -> T:
            if self._fake is not None:
                return await question(self._fake)
            if self._simulated is not None:
                return await question(BucketReader(self._simulated.cloud.archive))
            async with AsyncExitStack() as connections:
                http = RefreshingHttp(
                    lambda: self._clients.s3_endpoint(self.bucket),
                    connections,
                    max_concurrent_calls=4,
                )
                return await question(
                    S3ArchiveReader(
                        self._clients.s3,
                        http,
                        bucket=self.bucket,
                        prefix=self.layout.prefix,
                        hint=HINT,
                    )
                )

        return (asyncio if self._simulated is None else self._simulated).run(ask())


every_archive: Final = pytest.mark.parametrize("kind", ["fake", "simulated", "s3"])


@every_archive
def test_days_and_objects(aws: Aws, kind: str) -> None:
    """The stream's days and a folder's objects are listed in order, after a key."""
    home = Home(aws, kind)
    assert home.ask(lambda archive: archive.days(STREAM)) == []
    for batch in BATCHES:
        home.write(batch)

    assert home.ask(lambda archive: archive.days(STREAM)) == ["2026-03-01", "2026-03-02"]
    assert home.ask(lambda archive: archive.days("country_change")) == []

    keys = [home.layout.key(batch) for batch in ([BATCHES[0], BATCHES[2], BATCHES[1][:1]])]

    def keys_after(after: str) -> list[str]:
        return [each.key for each in home.ask(lambda reader: reader.objects(FOLDER, after=after))]

    assert [keys_after(""), keys_after(keys[1]), keys_after(keys[2])] == [keys, keys[2:], []]
    assert home.ask(lambda archive: archive.objects(Folder("2026-03-05", STREAM), after="")) == []


@every_archive
def test_read(aws: Aws, kind: str) -> None:
    """Reading returns an object's stored bytes, of the listed size; None if it is deleted."""
    home = Home(aws, kind)
    home.write(BATCHES[0])
    ((key, size),) = home.ask(lambda archive: archive.objects(FOLDER, after=""))

    body = home.ask(lambda archive: archive.read(key))

    assert body is not None
    assert len(body) == size
    assert list(read_lines(body)) == [delivery.line for delivery in BATCHES[0]]
    assert home.ask(lambda archive: archive.read(f"{key}-gone")) is None


@every_archive
@pytest.mark.parametrize(
    "question",
    [
        lambda archive: archive.days(STREAM),
        lambda archive: archive.objects(FOLDER, after=""),
        lambda archive: archive.read("made-up"),
    ],
    ids=["days", "objects", "read"],
)
def test_denied(aws: Aws, kind: str, question: Callable[[ArchiveReader], Awaitable[T]]) -> None:
    """Without permission the error is fatal, and names the place, S3's code and the hint."""
    home = Home(aws, kind, is_denied=True)
    with pytest.raises(ArchiveReadError) as raised:
        home.ask(question)
    assert raised.value.failure.kind is FailureKind.FATAL
    if kind == "s3":
        assert raised.match(rf"s3://{home.bucket}/.*AccessDenied.*{HINT}")


def test_other_objects_are_passed_over(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other objects and folders are skipped, even if a page has nothing else."""
    home = Home(aws, "s3")
    home.write(BATCHES[0])
    prefix = f"{home.layout.prefix}/{STREAM}"
    names = ("dt=2026-03-01/0.json", "dt=2026-03-01/0.txt", "dt=2026-03-01/00.txt")
    for name in (*names, "dt=2026-03-01/notes.txt", "dt=today/0.ndjson.gz", "0.gz"):
        aws.s3.put_object(Bucket=home.bucket, Key=f"{prefix}/{name}", Body=b"made up")
    whole = aws.allowed.s3.list_objects_v2

    def two_at_a_time(**call: Any) -> Any:
        return whole(**call, MaxKeys=2)

    monkeypatch.setattr(aws.allowed.s3, "list_objects_v2", two_at_a_time)
    assert home.ask(lambda archive: archive.days(STREAM)) == ["2026-03-01"]
    objects = home.ask(lambda archive: archive.objects(FOLDER, after=""))
    assert [stored.key for stored in objects] == [home.layout.key(BATCHES[0])]


def test_connections_with_new_credentials(aws: Aws) -> None:
    """Credentials are read again after some minutes; calls continue meanwhile."""
    home = Home(aws, "s3")
    home.write(BATCHES[0])
    asked: list[AwsEndpoint] = []
    times = iter([0.0, 0.0, 100.0, 400.0, 400.0, 500.0])

    def endpoint() -> AwsEndpoint:
        asked.append(aws.allowed.s3_endpoint(home.bucket))
        return asked[-1]

    path = f"/{quote(home.layout.key(BATCHES[0]))}"

    async def call() -> list[bytes]:
        async with AsyncExitStack() as connections:
            http = RefreshingHttp(
                endpoint, connections, max_concurrent_calls=1, clock=lambda: next(times)
            )
            return [await http.call("GET", path, (), b"") for _ in range(4)]

    assert len({*asyncio.run(call())}) == 1
    assert len(asked) == 1 + 2, "once for the URL, once at first, and once after the minutes"
