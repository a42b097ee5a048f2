"""The AWS clients, made once in an environment's life: making them costs more than using them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class AwsClients:
    """One client for each service that a drain uses."""

    s3: S3Client
    sqs: SQSClient
    secrets: SecretsManagerClient


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
    session = boto3.session.Session()
    return AwsClients(
        s3=session.client("s3", config=config),
        sqs=session.client("sqs", config=config),
        secrets=session.client("secretsmanager", config=config),
    )
