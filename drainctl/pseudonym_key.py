"""The names that an archive knows a subscription by: its id, and its pseudonym if there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventdrain.auth import read_pseudonyms
from eventdrain.errors import CredentialsError
from eventdrain.events import Kind, Pseudonyms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drainctl.replay.stack import Stack
    from eventdrain.ports import SecretStore

KEY_OUTPUT = "PseudonymKeySecretArn"


def pseudonyms_of(stack: Stack, secrets: SecretStore) -> Pseudonyms | None:
    """Give the pseudonyms of a stack's archive; None if it makes none.

    Args:
        stack: The stack.
        secrets: Those of its account and region, where the key is.

    Raises:
        CredentialsError: Their key can't be read.
    """
    arn = stack.outputs.get(KEY_OUTPUT)
    if arn is None:
        return None
    try:
        return read_pseudonyms(secrets, arn)
    except CredentialsError as error:
        raise CredentialsError(
            f"the stack {stack.name!r} has pseudonyms, and you can't read their key:"
            f" {error.reason}",
            hint=error.hint,
            setting=error.setting,
        ) from None


def names_of(subscriptions: Iterable[str], pseudonyms: Pseudonyms | None) -> frozenset[str]:
    """Give the names that lines have for subscriptions.

    An archive may have both: lines of before it had pseudonyms hold the ids themselves.
    """
    ids = frozenset(subscriptions)
    if pseudonyms is None:
        return ids
    return ids | {pseudonyms.of(Kind.SUBSCRIPTION, each) for each in ids}
