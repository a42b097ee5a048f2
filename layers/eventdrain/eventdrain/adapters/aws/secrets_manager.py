"""Secrets in AWS Secrets Manager."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from eventdrain.adapters.aws.errors import ServiceError, describe_error, error_code, error_hint
from eventdrain.adapters.http import HTTPClientError
from eventdrain.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from eventdrain.adapters.aws.secret_calls import SecretCalls

_FAILURES = (ServiceError, HTTPClientError)


class SecretsManager:
    """Reads and writes secrets; see ``ports.SecretStore``.

    Args:
        connect: Opens a connection, which must limit the time of each call.
    """

    def __init__(self, connect: Callable[[], SecretCalls]) -> None:
        self._connect = connect
        self._shared: SecretCalls | None = None

    @contextmanager
    def connected(self) -> Iterator[SecretsManager]:
        """Share one connection between the calls in this block, which one thread makes."""
        with self._connect() as calls:
            self._shared = calls
            try:
                yield self
            finally:
                self._shared = None

    def get(self, arn: str) -> str | None:
        """See ``ports.SecretStore``."""
        try:
            answer = self._call("GetSecretValue", SecretId=arn)
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
        if isinstance(content, str):
            return content
        if content is None and answer.get("SecretBinary") is None:
            return None
        raise CredentialsError(
            f"secretsmanager:GetSecretValue of {arn} failed: SecretString is not a string",
            hint="store the content as text, not as binary",
            setting=arn,
        )

    def created_at(self, arn: str) -> datetime | None:
        """See ``ports.SecretStore``."""
        try:
            created: object = self._call("DescribeSecret", SecretId=arn).get("CreatedDate")
        except _FAILURES as error:
            if error_code(error) == "ResourceNotFoundException":
                return None
            raise _failed("DescribeSecret", arn, error, "check the function's role") from None
        try:
            return (
                datetime.fromtimestamp(created, UTC) if isinstance(created, int | float) else None
            )
        except (ValueError, OverflowError, OSError):
            return None

    def put(self, arn: str, content: str) -> None:
        """See ``ports.SecretStore``."""
        try:
            self._call(
                "PutSecretValue",
                SecretId=arn,
                SecretString=content,
                # A retry with the same token does not create another version.
                ClientRequestToken=os.urandom(16).hex(),
            )
        except _FAILURES as error:
            hint = "check the function's role and the secret's encryption key"
            raise _failed("PutSecretValue", arn, error, hint) from None

    def _call(self, operation: str, **fields: str) -> Mapping[str, Any]:
        if self._shared is not None:
            return self._shared.call(operation, **fields)
        with self._connect() as calls:
            return calls.call(operation, **fields)


def _failed(action: str, arn: str, error: Exception, hint: str) -> CredentialsError:
    return CredentialsError(
        f"secretsmanager:{action} of {arn} failed with {describe_error(error)}",
        hint=error_hint(error, hint),
        setting=arn,
    )
