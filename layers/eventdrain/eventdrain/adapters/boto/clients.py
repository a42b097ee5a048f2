"""boto3 clients and the endpoints they resolve, created once per process because it is slow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError

from eventdrain.adapters.aws import AwsEndpoint
from eventdrain.adapters.boto.session import AwsSession
from eventdrain.errors import ConfigurationError

if TYPE_CHECKING:
    from botocore.client import BaseClient
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
class AwsClients:
    """One client for each service that a replay uses.

    S3 is read, and SQS called, by ``adapters.aws``; their clients resolve the endpoints.
    """

    session: AwsSession
    s3: S3Client
    sqs: SQSClient
    secrets: SecretsManagerClient

    def sqs_endpoint(self) -> AwsEndpoint:
        """Return the endpoint of SQS.

        Raises:
            ConfigurationError: There are no AWS credentials.
        """
        return self._endpoint(self.sqs, "sqs")

    def s3_endpoint(self, bucket: str) -> AwsEndpoint:
        """Return the endpoint of a bucket; paths are object keys.

        Raises:
            ConfigurationError: There are no AWS credentials, or the bucket's name is invalid.
        """
        endpoint = self._endpoint(self.s3, "s3")
        try:
            # The only public API that resolves a bucket's URL as botocore does: virtual host or
            # path style, access point, partition, or an endpoint from the environment.
            url = self.s3.generate_presigned_url(
                "put_object", Params={"Bucket": bucket, "Key": _KEY}
            )
        except BotoCoreError as error:
            raise ConfigurationError(
                f"ARCHIVE_BUCKET is invalid: {error}",
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
                hint="check the function's role; on your own machine, set AWS_PROFILE to a profile",
                setting="AWS_PROFILE",
            )
        try:
            roots = self.session.roots()
        except OSError as error:
            raise ConfigurationError(
                f"the trusted certificates cannot be read: {error}",
                hint="check AWS_CA_BUNDLE, or ca_bundle in the profile",
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
    """Create the clients.

    Every call is bounded: two attempts of at most five seconds each, and a wait of at most one
    second between them.

    Args:
        session: The session to use; None for a session from the environment.

    Raises:
        ConfigurationError: The region is missing, or the profile or an endpoint is invalid.
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
        raise ConfigurationError(
            f"the AWS clients cannot be created: {error}", hint=_HINT
        ) from error


def _s3_client(session: AwsSession) -> S3Client:
    """Create an S3 client: virtual-host style for AWS endpoints, path style for others."""

    def client(style: Literal["virtual", "path"]) -> S3Client:
        # Without a style, presigned URLs use the global endpoint. It redirects for hours after a
        # bucket was created, and does not support regions launched after March 2019.
        styled = Config(s3={"addressing_style": style}, signature_version="s3v4")
        return session.client("s3", config=_BOUNDED.merge(styled))

    virtual = client("virtual")
    host = urlsplit(virtual.meta.endpoint_url).hostname or ""
    return virtual if host.endswith(session.aws_suffixes()) else client("path")
