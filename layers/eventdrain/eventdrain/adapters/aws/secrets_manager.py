"""Secrets in AWS Secrets Manager."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from eventdrain.adapters.aws.errors import (
    MALFORMED_RESPONSE_ERRORS,
    describe_error,
    error_code,
    error_hint,
)
from eventdrain.errors import CredentialsError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_FAILURES = (BotoCoreError, ClientError, *MALFORMED_RESPONSE_ERRORS)


class SecretsManager:
    """Reads and writes secrets; see ``ports.SecretStore``.

    Args:
        client: The client. Its calls must have a time limit.
    """

    def __init__(self, client: SecretsManagerClient) -> None:
        self._client = client

    def get(self, arn: str) -> str | None:
        """See ``ports.SecretStore``."""
        try:
            answer = self._client.get_secret_value(SecretId=arn)
        except _FAILURES as error:
            # Also returned for a secret without a version (API reference, GetSecretValue).
            if error_code(error) == "ResourceNotFoundException":
                return None
            hint = (
                "check that the secret exists in this region and is not scheduled for deletion, and"
                " check the function's role and the secret's encryption key"
            )
            raise _failed("GetSecretValue", arn, error, hint) from None
        content: object = answer.get("SecretString")
        if content is None or isinstance(content, str):
            return content
        raise CredentialsError(
            f"secretsmanager:GetSecretValue of {arn} failed: SecretString is not a string",
            hint="check AWS_ENDPOINT_URL_SECRETS_MANAGER, if it is set",
        )

    def created_at(self, arn: str) -> datetime | None:
        """See ``ports.SecretStore``."""
        try:
            created: object = self._client.describe_secret(SecretId=arn).get("CreatedDate")
        except _FAILURES as error:
            if error_code(error) == "ResourceNotFoundException":
                return None
            raise _failed("DescribeSecret", arn, error, "check the function's role") from None
        return created if isinstance(created, datetime) else None

    def put(self, arn: str, content: str) -> None:
        """See ``ports.SecretStore``."""
        try:
            self._client.put_secret_value(SecretId=arn, SecretString=content)
        except _FAILURES as error:
            hint = "check the function's role and the secret's encryption key"
            raise _failed("PutSecretValue", arn, error, hint) from None


def _failed(action: str, arn: str, error: Exception, hint: str) -> CredentialsError:
    return CredentialsError(
        f"secretsmanager:{action} of {arn} failed with {describe_error(error)}",
        hint=error_hint(error, hint),
        setting=arn,
    )
