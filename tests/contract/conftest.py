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

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

    from tests.faults.cloud import Cloud


@dataclass(frozen=True)
class Aws:
    """An AWS to write to and to look into.

    Attributes:
        allowed: The engine's clients in the environment of a caller with all permissions.
        powerless: The same without any permission.
        s3: For looking into the buckets.
        sqs: For looking into the queues.
        secrets: For looking into the secrets.
    """

    allowed: AwsClients
    powerless: AwsClients
    s3: S3Client = field(repr=False)
    sqs: SQSClient = field(repr=False)
    secrets: SecretsManagerClient = field(repr=False)


@pytest.fixture(scope="module")
def aws(cloud: Cloud) -> Iterator[Aws]:
    """Yield the AWS, in an environment that leads to it while the module's tests run."""
    with closing(cloud.aws.client("iam")) as iam:
        user = f"powerless-{secrets.token_hex(6)}"
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]
    allowed = cloud.aws.environment()
    keys = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    with _clients_in(allowed | keys) as powerless, _clients_in(allowed) as clients:
        yield Aws(clients, powerless, cloud.s3, cloud.sqs, cloud.secrets)


@contextmanager
def _clients_in(environment: Mapping[str, str]) -> Iterator[AwsClients]:
    """Yield the clients that the engine makes in an environment, which stays for the block."""
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
