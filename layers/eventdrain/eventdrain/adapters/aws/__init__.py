"""Adapters for S3, SQS, Secrets Manager and Lambda."""

from __future__ import annotations

from eventdrain.adapters.aws.clients import AwsClients, AwsEndpoint, aws_clients, lambda_client
from eventdrain.adapters.aws.errors import (
    describe_error,
    error_code,
    error_hint,
    failure_from,
    is_retryable,
)
from eventdrain.adapters.aws.lambda_runs import LambdaRuns
from eventdrain.adapters.aws.refreshing_http import RefreshingHttp
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
    "RefreshingHttp",
    "S3Archive",
    "S3ArchiveReader",
    "SecretsManager",
    "SignedHttp",
    "SqsPublisher",
    "aws_clients",
    "describe_error",
    "error_code",
    "error_hint",
    "failure_from",
    "is_retryable",
    "lambda_client",
]
