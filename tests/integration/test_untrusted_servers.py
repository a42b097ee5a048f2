"""An AWS or token server with an untrusted certificate receives no request; the error says why."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from unittest.mock import Mock

import boto3
import pytest
import trustme
from botocore.config import Config

from eventdrain.adapters.aws import (
    SecretCalls,
    SecretsManager,
    SignedHttp,
    SignedSecretCalls,
    SqsPublisher,
)
from eventdrain.adapters.boto import BotoSecretCalls
from eventdrain.adapters.http import (
    CrtHttp,
    ReadTimeoutError,
    UntrustedCertificate,
    certificate_problem,
    crt_http,
)
from eventdrain.adapters.oauth import OAuthTokenEndpoint
from eventdrain.errors import ConfigurationError, CredentialsError, FailureKind, TokenUnavailable
from eventdrain.events import ArchiveLayout
from eventdrain.ports import ClientCredentials
from eventdrain.settings import Endpoint
from tests.deliveries import delivery_of
from tests.integration.test_signed_http import GENEROUS, endpoint, reply, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from eventdrain.errors import Failure

OURS, ANOTHERS = trustme.CA(), trustme.CA()
ROOTS: Final = OURS.cert_pem.bytes()
A_DAY: Final = timedelta(days=1)
NOW: Final = datetime.now(UTC)
CERTIFICATES: Final = {
    "unable to get local issuer certificate": ANOTHERS.issue_cert("localhost"),
    "Hostname mismatch": OURS.issue_cert("elsewhere.example"),
    "certificate has expired": OURS.issue_cert(
        "localhost", not_before=NOW - 2 * A_DAY, not_after=NOW - A_DAY
    ),
}
every_certificate: Final = pytest.mark.parametrize(
    ("problem", "certificate"),
    CERTIFICATES.items(),
    ids=["another authority", "another name", "expired"],
)


@dataclass
class Server:
    """A server with TLS.

    Attributes:
        url: Its URL, with the host ``localhost``.
        bodies: The bodies that it received.
    """

    url: str
    bodies: list[bytes] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.url.rpartition(":")[2])


@contextmanager
def server_with(certificate: trustme.LeafCert) -> Iterator[Server]:
    """Serve with a certificate."""
    server = Server("")

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> None:
        server.bodies.append(body)
        reply(request, 200, b"{}")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with serving(answer, tls=context) as server.url:
        yield server


async def call(
    url: str, *, roots: bytes = ROOTS, seconds: float = GENEROUS, at_once: int = 1
) -> None:
    """Make concurrent calls."""
    async with CrtHttp.connect(url, roots=roots, max_concurrent_calls=at_once) as client:
        await asyncio.gather(
            *(client.call("POST", "/", [], b"secret", seconds=seconds) for _ in range(at_once))
        )


def test_trusted_server_is_called() -> None:
    """A server with a trusted certificate receives the request."""
    with server_with(OURS.issue_cert("localhost")) as server:
        asyncio.run(call(server.url))
        assert server.bodies == [b"secret"]


@every_certificate
def test_queue(problem: str, certificate: trustme.LeafCert) -> None:
    """A sink's failure is fatal, and names the problem and a hint."""

    async def write(url: str) -> Mapping[str, Failure]:
        async with SignedHttp.connect(
            replace(endpoint(url), roots=ROOTS), max_concurrent_calls=1
        ) as http:
            layout = ArchiveLayout("made-up", "events", "quarantine")
            return await SqsPublisher(http, queue_url="made-up", layout=layout).write(
                [delivery_of()]
            )

    with server_with(certificate) as server:
        [failure] = asyncio.run(write(server.url)).values()
        assert server.bodies == []
    assert failure.kind is FailureKind.FATAL
    assert problem in failure.message
    assert "AWS_CA_BUNDLE" in failure.hint


@every_certificate
def test_token_endpoint(
    problem: str, certificate: trustme.LeafCert, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's secret is not sent; the error names the problem and the setting.

    The request is not retried, which would use up the run's time and hide the cause.
    """
    looks = Mock(wraps=certificate_problem)
    monkeypatch.setattr(crt_http, "certificate_problem", looks)
    monkeypatch.setattr(crt_http, "system_roots", lambda: ROOTS)
    client = ClientCredentials("made-up", "made-up-secret")
    with server_with(certificate) as server, pytest.raises(TokenUnavailable) as caught:
        OAuthTokenEndpoint(Endpoint.parse(server.url), client).mint("", timeout_seconds=GENEROUS)
    assert server.bodies == []
    assert problem in str(caught.value)
    assert caught.value.setting == "TOKEN_ENDPOINT"
    looks.assert_called_once()


def secret_calls(kind: str, url: str, bundle: Path) -> SecretCalls:
    """Return calls of a kind, which trust the certificates in a file."""
    if kind == "own":
        return SignedSecretCalls(replace(endpoint(url), roots=bundle.read_bytes()))
    return BotoSecretCalls(
        boto3.client(
            "secretsmanager",
            region_name="eu-north-1",
            endpoint_url=url,
            aws_access_key_id="made-up",
            aws_secret_access_key="made-up",
            verify=str(bundle),
            config=Config(retries={"total_max_attempts": 1}),
        )
    )


@every_certificate
@pytest.mark.parametrize("kind", ["own", "boto3"])
def test_secrets(problem: str, certificate: trustme.LeafCert, tmp_path: Path, kind: str) -> None:
    """The drain's calls and boto3's fail alike, and the error doesn't blame the secret."""
    bundle = tmp_path / "roots.pem"
    bundle.write_bytes(ROOTS)
    with server_with(certificate) as server, pytest.raises(CredentialsError) as caught:
        SecretsManager(lambda: secret_calls(kind, server.url, bundle)).get("made-up-arn")
    assert server.bodies == []
    assert problem in str(caught.value)
    assert "AWS_CA_BUNDLE" in str(caught.value)
    assert "exists" not in str(caught.value)


@pytest.mark.parametrize(
    "roots",
    [pytest.param(b"made up", id="no PEM"), pytest.param(b"", id="nothing")],
)
def test_roots_that_are_none(roots: bytes) -> None:
    """A file that isn't a certificate bundle is a configuration error."""
    with pytest.raises(ConfigurationError, match="not in PEM format") as caught:
        asyncio.run(call("https://localhost:1", roots=roots))
    assert caught.value.setting == "AWS_CA_BUNDLE"


# --- The check of a certificate if a connection takes long ---


def test_look_is_no_stricter_than_the_call() -> None:
    """A certificate that the Common Runtime trusts is trusted, here with an intermediate authority.

    Comments in a file of certificates, in any encoding, are no problem.
    """
    between = OURS.create_child_ca()
    roots = "# Behörde\n".encode("latin-1") + between.cert_pem.bytes()
    with server_with(between.issue_cert("localhost")) as server:
        asyncio.run(call(server.url, roots=between.cert_pem.bytes()))
        assert certificate_problem("localhost", server.port, roots) is None


def test_calls_share_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several calls that wait for a connection, one checks, and all get its result."""
    looks = Mock(return_value="made up")
    monkeypatch.setattr(crt_http, "certificate_problem", looks)
    with (
        server_with(CERTIFICATES["certificate has expired"]) as server,
        pytest.raises(UntrustedCertificate, match="made up"),
    ):
        asyncio.run(call(server.url, at_once=4))
    looks.assert_called_once()


def test_look_that_takes_long_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow check delays neither the end of the call nor that of the event loop."""
    may_end, was_held_up = threading.Event(), threading.Event()

    def look(*_server: object) -> None:
        if not may_end.wait(GENEROUS):
            was_held_up.set()

    monkeypatch.setattr(crt_http, "certificate_problem", look)
    try:
        with (
            server_with(CERTIFICATES["certificate has expired"]) as server,
            pytest.raises(ReadTimeoutError),
        ):
            asyncio.run(call(server.url, seconds=1.5))
        assert not was_held_up.is_set()
    finally:
        may_end.set()
