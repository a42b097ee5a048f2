"""The contract of ``token_ports.SecretStore``: Secrets Manager, and its fake."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, Protocol

import pytest

from eventdrain.adapters.aws import SecretsManager
from eventdrain.errors import CredentialsError
from tests.fakes import FakeSecretStore

if TYPE_CHECKING:
    from eventdrain.ports import SecretStore
    from tests.contract.conftest import Aws

CONTENT: Final = '{"made-up": "content, \\u00e9 and \\"quotes\\""}'


class Vault(Protocol):
    """A secret store with one secret in it, never filled.

    Attributes:
        store: The store.
        arn: Of the secret.
        elsewhere: The ARN of a secret that is not there.
    """

    store: SecretStore
    arn: str
    elsewhere: str


class FakeVault:
    """The fake."""

    def __init__(self, *, is_denied: bool) -> None:
        self.arn = "arn:made-up"
        self.elsewhere = "arn:elsewhere"
        denied = frozenset({self.arn} if is_denied else ())
        self.store: SecretStore = FakeSecretStore(
            unreadable=denied, unwritable=denied | {self.elsewhere}
        )


class AwsVault:
    """Secrets Manager, called by somebody who may do everything or nothing."""

    def __init__(self, aws: Aws, *, is_denied: bool) -> None:
        clients = aws.powerless if is_denied else aws.allowed
        self.store: SecretStore = SecretsManager(clients.secrets)
        self.arn = aws.secrets.create_secret(Name=f"contract-{secrets.token_hex(6)}")["ARN"]
        self.elsewhere = self.arn.replace("contract-", "elsewhere-")


def make_vault(kind: str, aws: Aws, *, is_denied: bool = False) -> Vault:
    """Make a secret store of a kind."""
    return FakeVault(is_denied=is_denied) if kind == "fake" else AwsVault(aws, is_denied=is_denied)


every_store: Final = pytest.mark.parametrize("kind", ["fake", "secrets-manager"])


@every_store
def test_secret_that_was_never_filled(aws: Aws, kind: str) -> None:
    """It is there and has nothing in it: that is no error, but told by None."""
    vault = make_vault(kind, aws)
    assert vault.store.get(vault.arn) is None


@every_store
def test_secret_that_is_not_there(aws: Aws, kind: str) -> None:
    """It can't be told from one that was never filled, until it is written."""
    vault = make_vault(kind, aws)
    assert vault.store.get(vault.elsewhere) is None
    with pytest.raises(CredentialsError, match=vault.elsewhere) as caught:
        vault.store.put(vault.elsewhere, CONTENT)
    assert CONTENT not in str(caught.value)


@every_store
def test_what_is_put_is_what_is_read(aws: Aws, kind: str) -> None:
    """The content comes back as it was, and the last one put counts."""
    vault = make_vault(kind, aws)
    for content in (CONTENT, "another", CONTENT):
        vault.store.put(vault.arn, content)
        assert vault.store.get(vault.arn) == content


@every_store
def test_who_has_not_the_right(aws: Aws, kind: str) -> None:
    """Reading and writing fail with an error that names the secret, and never its content."""
    vault = make_vault(kind, aws, is_denied=True)
    with pytest.raises(CredentialsError, match=vault.arn):
        vault.store.get(vault.arn)
    with pytest.raises(CredentialsError, match=vault.arn) as caught:
        vault.store.put(vault.arn, CONTENT)
    assert CONTENT not in str(caught.value)


def test_secret_that_an_operator_filled(aws: Aws) -> None:
    """What was put in by hand is read."""
    vault = make_vault("secrets-manager", aws)
    aws.secrets.put_secret_value(SecretId=vault.arn, SecretString=CONTENT)
    assert vault.store.get(vault.arn) == CONTENT


def test_error_tells_cause_and_cure(aws: Aws) -> None:
    """An operator reads which right of whose is missing."""
    vault = make_vault("secrets-manager", aws, is_denied=True)
    with pytest.raises(CredentialsError, match=r"GetSecretValue.*AccessDenied.*function's role"):
        vault.store.get(vault.arn)
    with pytest.raises(CredentialsError, match=r"PutSecretValue.*AccessDenied.*function's role"):
        vault.store.put(vault.arn, CONTENT)


def test_secret_of_bytes_is_no_text(aws: Aws) -> None:
    """A secret that was filled with bytes has no text to read."""
    vault = make_vault("secrets-manager", aws)
    aws.secrets.put_secret_value(SecretId=vault.arn, SecretBinary=b"made up")
    assert vault.store.get(vault.arn) is None


def test_secret_that_is_to_be_deleted(aws: Aws) -> None:
    """A secret that is scheduled for deletion can't be read, which is an error of its own."""
    vault = make_vault("secrets-manager", aws)
    vault.store.put(vault.arn, CONTENT)
    aws.secrets.delete_secret(SecretId=vault.arn, RecoveryWindowInDays=7)
    with pytest.raises(CredentialsError, match="scheduled for deletion"):
        vault.store.get(vault.arn)
