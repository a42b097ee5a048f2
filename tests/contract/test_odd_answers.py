"""For any answer of a service, each adapter returns or raises what its port specifies."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eventdrain.adapters.aws import (
    AwsEndpoint,
    LambdaRuns,
    S3Archive,
    SecretsManager,
    SignedHttp,
    SignedSecretCalls,
    SqsPublisher,
    secret_calls,
)
from eventdrain.adapters.boto import BotoSecretCalls, S3ArchiveReader
from eventdrain.adapters.oauth import OAuthTokenEndpoint
from eventdrain.drain import Start
from eventdrain.errors import (
    ArchiveReadError,
    CredentialsError,
    DrainError,
    StartFailed,
    TokenError,
)
from eventdrain.events import ArchiveLayout
from eventdrain.ports import ClientCredentials, Folder
from eventdrain.settings import Endpoint
from tests.deliveries import delivery_of
from tests.unit.http_aws import HttpAws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import Message

    from eventdrain.ports import Sink

_KEYS: Final = (
    *("Successful", "Failed", "Id", "Code", "SenderFault", "Message"),
    *("SecretString", "SecretBinary", "ARN", "__type", "StatusCode", "Payload"),
    *("access_token", "token_type", "expires_in", "scope", "error"),
)
_NUMBERS: Final = st.integers() | st.floats(allow_nan=False)
_JSON: Final = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(max_size=10) | st.sampled_from(["0", "bearer"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
_BODIES: Final = (
    st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=4).map(json.dumps).map(str.encode)
    | _JSON.map(json.dumps).map(str.encode)
    | st.binary(max_size=20)
    | st.sampled_from(
        [
            *(b"", b"null", b"[]", b"\xef\xbb\xbf{}", b'{"SecretString": 7}', b"[" * 50_000),
            *(b'{"CreatedDate": 1e400}', b'{"CreatedDate": 1e300, "SecretString": "made-up"}'),
        ]
    )
)
_LISTING: Final = "<ListBucketResult>{}</ListBucketResult>".format
_LISTINGS: Final = (
    st.lists(
        st.sampled_from(
            [
                *("<Contents/>", "<Contents><Key>k</Key></Contents>", "<CommonPrefixes/>"),
                "<Contents><Key>k</Key><Size>many</Size></Contents>",
                "<CommonPrefixes><Prefix/></CommonPrefixes>",
                *("<IsTruncated>perhaps</IsTruncated>", "<Contents><Key><a/></Key></Contents>"),
            ]
        ),
        max_size=3,
    ).map(lambda parts: _LISTING("".join(parts)).encode())
    | _BODIES
)
_STATUSES: Final = st.sampled_from([200, 200, 200, 400, 403])
_ODD: Final = given(status=_STATUSES, body=_BODIES)
_SEARCH: Final = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class OddAws(HttpAws):
    """Answers every request with the status and body that are set."""

    status, body = 200, b""

    def answer(self, headers: Message, path: str, body: str) -> tuple[int, bytes]:  # noqa: ARG002 - its base's
        """Return the answer that is set."""
        return self.status, self.body


@pytest.fixture(scope="module")
def aws() -> Iterator[OddAws]:
    """Yield the server."""
    with OddAws() as server:
        yield server


def error_of(kind: type[DrainError], call: Callable[[], object], *, default: str = "") -> str:
    """Call, and return the text of the error of that kind; a default if there was none."""
    try:
        call()
    except kind as error:
        return str(error)
    return default


def endpoint(aws: OddAws, *, service: str = "s3") -> AwsEndpoint:
    """Return the server as the endpoint of a service."""
    return AwsEndpoint(aws.url, service, "eu-north-1", "made-up", "made-up", None, b"")


def client(service: Any, aws: OddAws) -> Any:
    """Return a client of boto3 that calls the server."""
    return boto3.client(
        service,
        region_name="eu-north-1",
        endpoint_url=aws.url,
        aws_access_key_id="made-up",
        aws_secret_access_key="made-up",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.mark.parametrize("kind", ["archive", "queue"])
@_SEARCH
@_ODD
@example(status=200, body=b'{"Successful": [7], "Failed": null}')
@example(status=200, body=b'{"Successful": {"Id": "2"}, "Failed": [{"Id": []}]}')
def test_sink(aws: OddAws, kind: str, status: int, body: bytes) -> None:
    """A sink returns a failure for each event that is not clearly confirmed, and no other."""
    aws.status, aws.body = status, body
    deliveries = [delivery_of(index) for index in range(3)]
    layout = ArchiveLayout("made-up", "events", "quarantine")

    async def write() -> Mapping[str, object]:
        async with SignedHttp.connect(endpoint(aws), max_concurrent_calls=1) as http:
            sink: Sink = (
                S3Archive(http, layout)
                if kind == "archive"
                else SqsPublisher(http, queue_url="made-up", layout=layout)
            )
            return await sink.write(deliveries)

    refused = asyncio.run(write())

    assert refused.keys() <= {delivery.event_id for delivery in deliveries}
    if kind == "queue" and not _names_as_taken(body, "2"):
        assert deliveries[2].event_id in refused, "the answer doesn't confirm it"


def _names_as_taken(body: bytes, name: str) -> bool:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False

    def names(key: str) -> bool:
        entries = answer.get(key) if isinstance(answer, dict) else None
        return any(
            isinstance(entry, dict) and entry.get("Id") == name
            for entry in (entries if isinstance(entries, list) else [])
        )

    return names("Successful") and not names("Failed")


@pytest.mark.parametrize("kind", ["own", "boto3"])
@_SEARCH
@_ODD
@example(status=200, body=b'{"CreatedDate": 1e308}')
def test_secret_store(
    aws: OddAws, kind: str, status: int, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a secret returns text or None, or raises an error that names it."""
    monkeypatch.setattr(secret_calls, "_RETRY_SECONDS", 0)
    aws.status, aws.body = status, body
    calls = BotoSecretCalls(client("secretsmanager", aws))
    store = SecretsManager(lambda: calls if kind == "boto3" else SignedSecretCalls(endpoint(aws)))

    def get() -> None:
        assert isinstance(store.get("made-up-arn"), str | None)

    def created_at() -> None:
        assert isinstance(store.created_at("made-up-arn"), datetime | None)

    assert "made-up-arn" in error_of(CredentialsError, get, default="made-up-arn")
    assert "made-up-arn" in error_of(CredentialsError, created_at, default="made-up-arn")
    text = error_of(CredentialsError, lambda: store.put("made-up-arn", "made-up-content"))
    assert "made-up-content" not in text


@_SEARCH
@_ODD
def test_start_of_a_run(aws: OddAws, status: int, body: bytes) -> None:
    """Starting a run succeeds, or raises an error that names the function."""
    aws.status, aws.body = status, body
    runs = LambdaRuns(endpoint(aws, service="lambda"), "made-up")
    assert "made-up" in error_of(StartFailed, lambda: runs.start(Start()), default="made-up")


@_SEARCH
@_ODD
def test_token_endpoint(aws: OddAws, status: int, body: bytes) -> None:
    """Requesting a token returns one that fits into a header, or raises an error."""
    aws.status, aws.body = status, body
    try:
        token = OAuthTokenEndpoint(
            Endpoint.parse(aws.url), ClientCredentials("made-up", "made-up")
        ).mint("made.up:read", timeout_seconds=30)
    except TokenError:
        return
    assert token.value.isascii()
    assert token.value.isprintable()


@_SEARCH
@given(status=_STATUSES, body=_LISTINGS)
def test_archive_reader(aws: OddAws, status: int, body: bytes) -> None:
    """Listing the archive returns days or objects, or raises the archive's error."""
    aws.status, aws.body = status, body
    http: Any = None  # a listing doesn't use it
    reader = S3ArchiveReader(client("s3", aws), http, bucket="made-up", prefix="events", hint="")
    with suppress(ArchiveReadError):
        assert all(isinstance(day, str) for day in asyncio.run(reader.days("handset_change")))
    folder = Folder("2026-03-01", "handset_change")
    with suppress(ArchiveReadError):
        for stored in asyncio.run(reader.objects(folder, after="")):
            assert isinstance(stored.size, int)
