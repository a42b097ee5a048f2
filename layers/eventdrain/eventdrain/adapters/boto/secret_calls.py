"""Calls of Secrets Manager by boto3, which knows an operator's profiles and proxies."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from eventdrain.adapters.boto.errors import BOTO_ERRORS, converted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient


class BotoSecretCalls:
    """Calls over the client's connections; see ``adapters.aws.SecretCalls``.

    Args:
        client: The client. Its calls must have a time limit.
    """

    def __init__(self, client: SecretsManagerClient) -> None:
        self._operations: dict[str, Any] = {
            "GetSecretValue": client.get_secret_value,
            "DescribeSecret": client.describe_secret,
            "PutSecretValue": client.put_secret_value,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Do nothing: the client stays open."""

    def call(self, operation: str, **fields: str) -> Mapping[str, Any]:
        """See ``adapters.aws.SecretCalls``."""
        try:
            answer: dict[str, Any] = self._operations[operation](**fields)
        except BOTO_ERRORS as error:
            raise converted(error) from None
        return {
            name: value.timestamp() if isinstance(value, datetime) else value
            for name, value in answer.items()
        }
