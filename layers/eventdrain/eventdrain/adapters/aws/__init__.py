"""Adapters for S3, SQS, Secrets Manager and Lambda, over the AWS Common Runtime."""

from __future__ import annotations

from eventdrain.adapters.aws.endpoint import AwsEndpoint, AwsEnvironment
from eventdrain.adapters.aws.errors import (
    ServiceError,
    describe_error,
    error_code,
    error_hint,
    failure_from,
    is_retryable,
)
from eventdrain.adapters.aws.lambda_runs import LambdaRuns
from eventdrain.adapters.aws.s3_archive import S3Archive
from eventdrain.adapters.aws.secret_calls import SecretCalls, SignedSecretCalls
from eventdrain.adapters.aws.secrets_manager import SecretsManager
from eventdrain.adapters.aws.signed_http import AwsHttp, SignedHttp
from eventdrain.adapters.aws.sqs_publisher import SqsPublisher

__all__ = [
    "AwsEndpoint",
    "AwsEnvironment",
    "AwsHttp",
    "LambdaRuns",
    "S3Archive",
    "SecretCalls",
    "SecretsManager",
    "ServiceError",
    "SignedHttp",
    "SignedSecretCalls",
    "SqsPublisher",
    "describe_error",
    "error_code",
    "error_hint",
    "failure_from",
    "is_retryable",
]
