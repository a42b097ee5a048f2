"""What boto3 knows of a session: found out once in its life, for that takes its time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from eventdrain.adapters.aws.session import AwsSession
from eventdrain.errors import ConfigurationError

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

_BOUNDED: Final = Config(
    connect_timeout=2,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 2},
)
_KEY: Final = "k"
_HINT: Final = (
    "check the region and the profile (AWS_REGION, AWS_PROFILE), and AWS_ENDPOINT_URL if it is set"
)


@dataclass(frozen=True, slots=True)
class AwsEndpoint:
    """Where a service is called, as whom, and whose certificates are trusted.

    Attributes:
        url: The URL that paths are appended to, without a slash at its end.
        service: The service's name in signatures.
        region: The region's name in signatures.
        access_key: The credentials' key id.
        secret_key: Its secret.
        session_token: The session's token; None for credentials without.
        roots: The certificates that are trusted, PEM.
    """

    url: str
    service: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    roots: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AwsClients:
    """One client for each service that a drain uses.

    Those of S3 and SQS only tell where and as whom these are called: see ``signed_http``.
    """

    session: AwsSession
    s3: S3Client
    sqs: SQSClient
    secrets: SecretsManagerClient

    def sqs_endpoint(self) -> AwsEndpoint:
        """Give the endpoint of SQS.

        Raises:
            ConfigurationError: There are no AWS credentials.
        """
        return self._endpoint(self.sqs, "sqs")

    def s3_endpoint(self, bucket: str) -> AwsEndpoint:
        """Give the endpoint of a bucket: paths are its keys.

        Raises:
            ConfigurationError: There are no AWS credentials, or the bucket's name is none.
        """
        endpoint = self._endpoint(self.s3, "s3")
        try:
            # The one public way to ask where botocore would put an object: virtual host or path,
            # access point, partition, an endpoint from the environment.
            url = self.s3.generate_presigned_url(
                "put_object", Params={"Bucket": bucket, "Key": _KEY}
            )
        except BotoCoreError as error:
            raise ConfigurationError(
                f"ARCHIVE_BUCKET: {error}",
                hint="set ARCHIVE_BUCKET to the name of a bucket",
                setting="ARCHIVE_BUCKET",
            ) from error
        address = urlsplit(url)
        path = address.path.removesuffix(f"/{_KEY}")
        return replace(endpoint, url=f"{address.scheme}://{address.netloc}{path}")

    def _endpoint(self, client: BaseClient, service: str) -> AwsEndpoint:
        credentials = self.session.get_credentials()
        frozen = None if credentials is None else credentials.get_frozen_credentials()
        if frozen is None or not (frozen.access_key and frozen.secret_key):
            raise ConfigurationError(
                "there are no AWS credentials",
                hint="give the function a role, or your own machine a profile (AWS_PROFILE)",
                setting="AWS_PROFILE",
            )
        try:
            roots = self.session.roots()
        except OSError as error:
            raise ConfigurationError(
                f"the certificates to trust can't be read ({error})",
                hint="check AWS_CA_BUNDLE, or ca_bundle of the profile",
                setting="AWS_CA_BUNDLE",
            ) from error
        return AwsEndpoint(
            url=client.meta.endpoint_url.rstrip("/"),
            service=service,
            region=client.meta.region_name,
            access_key=frozen.access_key,
            secret_key=frozen.secret_key,
            session_token=frozen.token,
            roots=roots,
        )


@lru_cache(maxsize=1)  # a process has one session
def aws_clients(session: AwsSession | None = None) -> AwsClients:
    """Make the clients.

    Every call by them is bounded: two attempts of at most five seconds and a wait of at most one.

    Args:
        session: Has region, credentials and endpoints; None for those of the environment.

    Raises:
        ConfigurationError: There is no region, or an endpoint or a profile that is none.
    """
    try:
        session = session or AwsSession()
        return AwsClients(
            session=session,
            s3=_s3_client(session),
            sqs=session.client("sqs", config=_BOUNDED),
            secrets=session.client("secretsmanager", config=_BOUNDED),
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"the AWS clients can't be made: {error}", hint=_HINT) from error


@cache
def lambda_client() -> LambdaClient:
    """Make a client of Lambda. Few runs need one, so it is made apart.

    A call is made once: to start a run again because the answer was late would be to start two.

    Raises:
        ConfigurationError: The environment names no region, or an endpoint that is none.
    """
    once = Config(connect_timeout=2, read_timeout=8, retries={"total_max_attempts": 1})
    try:
        return boto3.session.Session().client("lambda", config=once)
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(
            f"the client of Lambda can't be made: {error}", hint=_HINT
        ) from error


def _s3_client(session: AwsSession) -> S3Client:
    """Make the client whose URLs name a bucket's host, or its path at an endpoint not of AWS."""

    def client(style: Literal["virtual", "path"]) -> S3Client:
        # Without a style, a URL that is presigned is one of the global endpoint, which redirects
        # for hours after a bucket was made, and knows no region younger than 2019.
        styled = Config(s3={"addressing_style": style}, signature_version="s3v4")
        return session.client("s3", config=_BOUNDED.merge(styled))

    virtual = client("virtual")
    host = urlsplit(virtual.meta.endpoint_url).hostname or ""
    return virtual if host.endswith(session.aws_suffixes()) else client("path")
