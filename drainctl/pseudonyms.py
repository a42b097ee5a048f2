"""The names under which an archive may hold a subscription: its id, and its pseudonyms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventdrain.auth import read_pseudonyms
from eventdrain.errors import CredentialsError
from eventdrain.events import Kind, Pseudonyms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drainctl.stack import Stack
    from eventdrain.ports import SecretStore

KEY_OUTPUT = "PseudonymKeySecretArn"


def pseudonyms_of(stack: Stack, secrets: SecretStore) -> Pseudonyms | None:
    """Return the pseudonyms of a stack's archive; None if the stack does not pseudonymise.

    Args:
        stack: The stack.
        secrets: The secrets of the stack's account and region.

    Raises:
        CredentialsError: The key of the pseudonyms can't be read.
    """
    arn = stack.outputs.get(KEY_OUTPUT)
    if arn is None:
        return None
    return pseudonyms_with(secrets, arn, f"the pseudonym key of the stack {stack.name}")


def pseudonyms_with(secrets: SecretStore, arn: str, what: str) -> Pseudonyms:
    """Return the pseudonyms for the key in a secret.

    Args:
        secrets: The secrets.
        arn: The secret's ARN.
        what: The name of the key in the error.

    Raises:
        CredentialsError: The key can't be read.
    """
    try:
        return read_pseudonyms(secrets, arn)
    except CredentialsError as error:
        raise CredentialsError(
            f"reading {what} failed: {error.reason}", hint=error.hint, setting=error.setting
        ) from None


def names_of(subscriptions: Iterable[str], *pseudonyms: Pseudonyms) -> frozenset[str]:
    """Return the names under which lines may hold subscriptions: the ids and their pseudonyms.

    The ids are always included, because lines from before pseudonymisation hold the ids.
    """
    ids = frozenset(subscriptions)
    return ids.union(
        each.of(Kind.SUBSCRIPTION, subscription) for each in pseudonyms for subscription in ids
    )
