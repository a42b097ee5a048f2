"""S3, SQS, Secrets Manager and Lambda, as the ports of the engine."""

from __future__ import annotations

from eventdrain.adapters.aws.clients import AwsClients, AwsEndpoint, aws_clients, lambda_client
from eventdrain.adapters.aws.errors import code_of, describe, failure, hint_for, may_pass
from eventdrain.adapters.aws.lambda_runs import LambdaRuns
from eventdrain.adapters.aws.renewed_http import RenewedHttp
from eventdrain.adapters.aws.s3_archive import S3Archive
from eventdrain.adapters.aws.s3_archive_reader import S3ArchiveReader
from eventdrain.adapters.aws.secrets_manager import SecretsManager
from eventdrain.adapters.aws.session import AwsSession
from eventdrain.adapters.aws.signed_http import SignedHttp
from eventdrain.adapters.aws.sqs_publisher import SqsPublisher

__all__ = [
    "AwsClients",
    "AwsEndpoint",
    "AwsSession",
    "LambdaRuns",
    "RenewedHttp",
    "S3Archive",
    "S3ArchiveReader",
    "SecretsManager",
    "SignedHttp",
    "SqsPublisher",
    "aws_clients",
    "code_of",
    "describe",
    "failure",
    "hint_for",
    "lambda_client",
    "may_pass",
]
