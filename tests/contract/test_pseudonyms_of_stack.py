"""The key of a stack's pseudonyms, read by the operator's commands."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import pytest

from drainctl.pseudonyms import KEY_OUTPUT, names_of, pseudonyms_of
from drainctl.stack import Stack
from eventdrain.adapters.aws import SecretsManager
from eventdrain.adapters.boto import BotoSecretCalls
from eventdrain.errors import CredentialsError
from eventdrain.events import Kind

if TYPE_CHECKING:
    from tests.contract.conftest import Aws

KEY: Final = "made-up-key-of-letters-and-digits-0123456789ABCDEF"


def store_of(aws: Aws) -> SecretsManager:
    """Return the secrets as an operator's command reads them."""
    return SecretsManager(lambda: BotoSecretCalls(aws.allowed.secrets))


def stack_with(arn: str | None) -> Stack:
    """Return a stack as CloudFormation describes it."""
    outputs = {} if arn is None else {KEY_OUTPUT: arn}
    return Stack(name="made-up", outputs=outputs, parameters={})


def test_names_are_id_and_pseudonym(aws: Aws) -> None:
    """With a key a subscriber is found by id and pseudonym; without one only by id."""
    name = f"key-{secrets.token_hex(6)}"
    arn = aws.secrets.create_secret(Name=name, SecretString=KEY)["ARN"]
    store = store_of(aws)
    pseudonyms = pseudonyms_of(stack_with(arn), store)
    assert pseudonyms is not None
    assert names_of(["a", "b"], pseudonyms) == {
        *("a", "b"),
        *(pseudonyms.of(Kind.SUBSCRIPTION, each) for each in ("a", "b")),
    }
    assert pseudonyms_of(stack_with(None), store) is None
    assert names_of(["a"]) == {"a"}


def test_unreadable_key_is_an_error(aws: Aws) -> None:
    """A missing key is an error that names the stack and the secret."""
    arn = aws.secrets.create_secret(Name=f"key-{secrets.token_hex(6)}")["ARN"]
    with pytest.raises(CredentialsError, match="pseudonym key of the stack made-up") as caught:
        pseudonyms_of(stack_with(arn), store_of(aws))
    assert arn in str(caught.value)
