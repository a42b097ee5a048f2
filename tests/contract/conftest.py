"""The embedded AWS for the contracts of the ports that AWS stands behind."""

from __future__ import annotations

import os
import secrets
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from eventdrain.adapters.aws import AwsClients, aws_clients
from simulator.aws.embedded_aws import EmbeddedAws

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class Aws:
    """An AWS to write to and to look into.

    Attributes:
        allowed: What the engine finds in the environment of somebody who may do everything.
        powerless: What it finds in that of somebody who may do nothing.
        s3: To look into the buckets.
        sqs: To look into the queues.
        secrets: To look into the secrets.
    """

    allowed: AwsClients
    powerless: AwsClients
    s3: S3Client = field(repr=False)
    sqs: SQSClient = field(repr=False)
    secrets: SecretsManagerClient = field(repr=False)


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[EmbeddedAws]:
    """Give one embedded AWS to all contracts."""
    with EmbeddedAws() as running:
        yield running


@pytest.fixture(scope="module")
def aws(embedded_aws: EmbeddedAws) -> Iterator[Aws]:
    """Give the AWS, in an environment that leads to it for as long as the module's tests run."""
    with (
        closing(embedded_aws.client("iam")) as iam,
        closing(embedded_aws.client("s3")) as s3,
        closing(embedded_aws.client("sqs")) as sqs,
        closing(embedded_aws.client("secretsmanager")) as secrets_manager,
    ):
        user = f"powerless-{secrets.token_hex(6)}"
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        environment = embedded_aws.environment()
        with (
            _clients_in(
                environment
                | {
                    "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                    "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
                }
            ) as powerless,
            _clients_in(environment) as allowed,
        ):
            yield Aws(allowed, powerless, s3, sqs, secrets_manager)


@contextmanager
def _clients_in(environment: Mapping[str, str]) -> Iterator[AwsClients]:
    """Give the clients that the engine makes in an environment, which stays for the block."""
    with patch.dict(os.environ, environment):
        aws_clients.cache_clear()
        clients = aws_clients()
        clients.session.get_credentials()  # else it looks for them later, when they are another's
        try:
            yield clients
        finally:
            aws_clients.cache_clear()
            for client in (clients.s3, clients.sqs, clients.secrets):
                client.close()
