"""Whether the stack may read, as values. None shows a secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from eventdrain.auth import Credentials


@dataclass(frozen=True, slots=True)
class StackCredentials:
    """What is in the credentials secret, and when it was put there."""

    content: Credentials = field(repr=False)
    changed: datetime | None = None


class Origin(Enum):
    """Where a token is from."""

    KEPT = "kept"
    MINTED = "minted"
    GIVEN = "given"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Token:
    """A token to call the event API with.

    Attributes:
        origin: Kept by the stack's runs, minted for this check, given by the operator; or there is
            none, as the stack calls without.
        value: The token itself; None for none.
        why_minted: Why the kept one would not do.
        scopes: Those that it is granted; None where that is not known.
        is_complete: Whether the scopes that it lacks were refused.
        expires: When it ends, where that is known.
    """

    origin: Origin
    value: str | None = field(default=None, repr=False)
    why_minted: str = ""
    scopes: tuple[str, ...] | None = None
    is_complete: bool = True
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """The event API's address, and whether TLS is spoken there."""

    url: str
    is_secure: bool
