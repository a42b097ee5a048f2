"""The contract of ``ports.SecretStore``: Secrets Manager, the fake, and the simulation."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from eventdrain.adapters.aws import SecretsManager, SignedSecretCalls
from eventdrain.adapters.boto import BotoSecretCalls
from eventdrain.errors import CredentialsError
from tests.contract.simulated import Simulated
from tests.fakes import FakeSecretStore
from tests.simulation.secrets import TOKEN
from tests.simulation.world import STARTED_AT

if TYPE_CHECKING:
    from eventdrain.ports import SecretStore
    from tests.contract.conftest import Aws

CONTENT: Final = '{"made-up": "content, \\u00e9 and \\"quotes\\""}'


class Vault(NamedTuple):
    """A store, the ARN of an empty secret in it, the ARN of a missing secret, and the time."""

    store: SecretStore
    arn: str
    elsewhere: str
    now: datetime


def make_vault(kind: str, aws: Aws, *, is_denied: bool = False) -> Vault:
    """Make a secret store of a kind, for a caller with all permissions or none."""
    if kind == "fake":
        denied = frozenset({"arn:made-up"} if is_denied else ())
        store = FakeSecretStore(unreadable=denied, unwritable=denied | {"arn:elsewhere"})
        store.created["arn:made-up"] = datetime.now(UTC)
        return Vault(store, "arn:made-up", "arn:elsewhere", datetime.now(UTC))
    if kind == "simulated":
        faults = ("secrets cannot be read", "the token cannot be cached") if is_denied else ()
        simulated = Simulated(*faults)
        store = simulated.blocking(simulated.cloud.secrets)
        return Vault(store, TOKEN, "arn:elsewhere", STARTED_AT)
    environment = aws.powerless_environment if is_denied else aws.environment
    clients = aws.powerless if is_denied else aws.allowed
    arn = aws.secrets.create_secret(Name=f"contract-{secrets.token_hex(6)}")["ARN"]
    manager = SecretsManager(
        lambda: (
            BotoSecretCalls(clients.secrets)
            if kind == "boto3"
            else SignedSecretCalls(environment.endpoint("secretsmanager"))
        )
    )
    return Vault(manager, arn, arn.replace("contract-", "elsewhere-"), datetime.now(UTC))


every_store: Final = pytest.mark.parametrize(
    "kind", ["fake", "simulated", "secrets-manager", "boto3"]
)


@every_store
def test_secret_without_a_text(aws: Aws, kind: str) -> None:
    """Reading returns None for a secret that is empty or doesn't exist."""
    vault = make_vault(kind, aws)
    assert vault.store.get(vault.arn) is vault.store.get(vault.elsewhere) is None
    with pytest.raises(CredentialsError, match=vault.elsewhere) as caught:
        vault.store.put(vault.elsewhere, CONTENT)
    assert CONTENT not in str(caught.value)


@every_store
def test_creation_of_a_secret(aws: Aws, kind: str) -> None:
    """A secret has the time of its creation, although it was never filled."""
    vault = make_vault(kind, aws)
    created = vault.store.created_at(vault.arn)
    assert created is not None
    assert abs(vault.now - created) < timedelta(minutes=1)
    assert vault.store.created_at(vault.elsewhere) is None


@every_store
def test_what_is_put_is_what_is_read(aws: Aws, kind: str) -> None:
    """Reading returns the last content, unchanged."""
    vault = make_vault(kind, aws)
    for content in (CONTENT, "another", CONTENT):
        vault.store.put(vault.arn, content)
        assert vault.store.get(vault.arn) == content


@every_store
def test_caller_without_permission(aws: Aws, kind: str) -> None:
    """Reading and writing fail with an error that names the secret, and never its content."""
    vault = make_vault(kind, aws, is_denied=True)
    with pytest.raises(CredentialsError, match=vault.arn) as reading:
        vault.store.get(vault.arn)
    with pytest.raises(CredentialsError, match=vault.arn) as asking:
        vault.store.created_at(vault.arn)
    with pytest.raises(CredentialsError, match=vault.arn) as writing:
        vault.store.put(vault.arn, CONTENT)
    assert CONTENT not in str(writing.value)
    if kind not in {"fake", "simulated"}:
        calls = ("GetSecretValue", reading), ("DescribeSecret", asking), ("PutSecretValue", writing)
        for call, caught in calls:
            assert caught.match(rf"{call}.*AccessDenied.*function's role")


def test_secret_of_bytes_is_not_empty(aws: Aws) -> None:
    """A secret with bytes instead of a text can't be read, so nobody waits for its content."""
    vault = make_vault("secrets-manager", aws)
    aws.secrets.put_secret_value(SecretId=vault.arn, SecretBinary=b"made up")
    with pytest.raises(CredentialsError, match=vault.arn) as caught:
        vault.store.get(vault.arn)
    assert "as text, not as binary" in caught.value.hint


def test_secret_that_is_to_be_deleted(aws: Aws) -> None:
    """Reading a secret that is scheduled for deletion fails with an error that says so."""
    vault = make_vault("secrets-manager", aws)
    aws.secrets.delete_secret(SecretId=vault.arn, RecoveryWindowInDays=7)
    with pytest.raises(CredentialsError, match="scheduled for deletion"):
        vault.store.get(vault.arn)
