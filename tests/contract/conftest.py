"""The embedded AWS for the contract tests of adapters that call AWS."""

from __future__ import annotations

import os
import secrets
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from eventdrain.adapters.aws import AwsEnvironment
from eventdrain.adapters.boto import AwsClients, aws_clients

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

    from tests.faults.cloud import Cloud


@dataclass(frozen=True)
class Aws:
    """An AWS, with clients to write to it and to inspect it.

    Attributes:
        environment: The environment of a drain with all permissions.
        powerless_environment: The environment of a drain without permissions.
        allowed: A replay's clients for a caller with all permissions.
        powerless: A replay's clients for a caller without permissions.
        s3: A client to inspect buckets.
        sqs: A client to inspect queues.
        secrets: A client to inspect secrets.
    """

    environment: AwsEnvironment = field(repr=False)
    powerless_environment: AwsEnvironment = field(repr=False)
    allowed: AwsClients
    powerless: AwsClients
    s3: S3Client = field(repr=False)
    sqs: SQSClient = field(repr=False)
    secrets: SecretsManagerClient = field(repr=False)


@pytest.fixture(scope="module")
def aws(cloud: Cloud) -> Iterator[Aws]:
    """Yield the AWS; the environment refers to it while the module's tests run."""
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
        yield Aws(
            environment=AwsEnvironment(allowed),
            powerless_environment=AwsEnvironment(allowed | keys),
            allowed=clients,
            powerless=powerless,
            s3=cloud.s3,
            sqs=cloud.sqs,
            secrets=cloud.secrets,
        )


@contextmanager
def _clients_in(environment: Mapping[str, str]) -> Iterator[AwsClients]:
    """Yield the clients that the engine makes in an environment, which is set during the block."""
    with patch.dict(os.environ, environment):
        aws_clients.cache_clear()
        clients = aws_clients()
        clients.session.get_credentials()  # now, as the environment is another one later
        try:
            yield clients
        finally:
            aws_clients.cache_clear()
            for client in (clients.s3, clients.sqs, clients.secrets):
                client.close()
