"""The AWS clients, made once in an environment's life: making them costs more than using them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.httpsession import get_cert_path

from eventdrain.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service is called, as whom, and whose certificates are trusted.

    Attributes:
        url: The endpoint's URL.
        service: The service's name in signatures.
        region: The region's name in signatures.
        access_key: The credentials' key id.
        secret_key: Its secret.
        session_token: The session's token; None for credentials without.
        ca_bundle: Path of a PEM file of trusted certificates.
    """

    url: str
    service: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    ca_bundle: str


@dataclass(frozen=True, slots=True)
class AwsClients:
    """One client for each service that a drain uses."""

    session: botocore.session.Session
    s3: S3Client
    sqs: SQSClient
    secrets: SecretsManagerClient

    def sqs_endpoint(self) -> Endpoint:
        """Give where and as whom the SQS client calls, for those that call without it.

        Raises:
            ConfigurationError: There are no AWS credentials.
        """
        credentials = self.session.get_credentials()
        frozen = None if credentials is None else credentials.get_frozen_credentials()
        if frozen is None or frozen.access_key is None or frozen.secret_key is None:
            raise ConfigurationError("there are no AWS credentials: the function needs a role")
        return Endpoint(
            url=self.sqs.meta.endpoint_url,
            service="sqs",
            region=self.sqs.meta.region_name,
            access_key=frozen.access_key,
            secret_key=frozen.secret_key,
            session_token=frozen.token,
            ca_bundle=str(get_cert_path(self.session.get_config_variable("ca_bundle") or True)),
        )


@cache
def aws_clients(*, calls_at_once: int) -> AwsClients:
    """Make the clients; region, credentials and endpoints are those of the environment.

    Every call is bounded: two attempts of at most seven seconds and a wait of at most one. What
    fails still is tried again by the commit, which knows how much of the window is left.

    Args:
        calls_at_once: How many calls each client may have under way.
    """
    config = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=calls_at_once,
        # The calls are ours and tested; checking their shape again is a tenth of their cost.
        parameter_validation=False,
        tcp_keepalive=True,
    )
    core = botocore.session.Session()
    session = boto3.session.Session(botocore_session=core)
    return AwsClients(
        session=core,
        s3=session.client("s3", config=config),
        sqs=session.client("sqs", config=config),
        secrets=session.client("secretsmanager", config=config),
    )
