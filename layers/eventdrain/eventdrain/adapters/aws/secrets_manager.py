"""Secrets in AWS Secrets Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from eventdrain.adapters.aws.errors import UNUSABLE, code_of, describe, hint_for
from eventdrain.errors import CredentialsError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_FAILURES = (BotoCoreError, ClientError, *UNUSABLE)


class SecretsManager:
    """Reads and writes secrets; see ``token_ports.SecretStore``.

    Args:
        client: Its calls must be bounded in time.
    """

    def __init__(self, client: SecretsManagerClient) -> None:
        self._client = client

    def get(self, arn: str) -> str | None:
        """See ``token_ports.SecretStore``."""
        try:
            answer = self._client.get_secret_value(SecretId=arn)
        except _FAILURES as error:
            # A secret that is there and was never filled has no current version, and the answer
            # is the same as for one that is not there (API reference, GetSecretValue).
            if code_of(error) == "ResourceNotFoundException":
                return None
            raise CredentialsError(
                f"secretsmanager:GetSecretValue of {arn} failed with {describe(error)}",
                hint=hint_for(
                    error,
                    "check that the secret exists in this region and is not scheduled for"
                    " deletion, the function's role, and the key that encrypts it",
                ),
                setting=arn,
            ) from None
        content: object = answer.get("SecretString")
        if content is None or isinstance(content, str):
            return content
        raise CredentialsError(
            f"secretsmanager:GetSecretValue of {arn} failed: the answer's SecretString is not a"
            " string",
            hint="check what AWS_ENDPOINT_URL_SECRETS_MANAGER names, if it is set",
        )

    def put(self, arn: str, content: str) -> None:
        """See ``token_ports.SecretStore``."""
        try:
            self._client.put_secret_value(SecretId=arn, SecretString=content)
        except _FAILURES as error:
            raise CredentialsError(
                f"secretsmanager:PutSecretValue of {arn} failed with {describe(error)}",
                hint=hint_for(
                    error, "check the function's role, and the key that encrypts the secret"
                ),
                setting=arn,
            ) from None
