"""AWS by boto3, for replays and for operators' commands. A drain imports nothing of it."""

from __future__ import annotations

from eventdrain.adapters.boto.clients import AwsClients, aws_clients
from eventdrain.adapters.boto.errors import describe_error, error_code, error_hint, failure_from
from eventdrain.adapters.boto.refreshing_http import RefreshingHttp
from eventdrain.adapters.boto.s3_archive_reader import S3ArchiveReader
from eventdrain.adapters.boto.secret_calls import BotoSecretCalls
from eventdrain.adapters.boto.session import AwsSession

__all__ = [
    "AwsClients",
    "AwsSession",
    "BotoSecretCalls",
    "RefreshingHttp",
    "S3ArchiveReader",
    "aws_clients",
    "describe_error",
    "error_code",
    "error_hint",
    "failure_from",
]
