"""Answers that can't be had: a call that fails becomes a value that names what would help."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from eventdrain.adapters.aws import code_of, describe, hint_for

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
    }
)
"""How services say that IAM refuses a call."""
_GONE: Final = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")
"""What the codes of services have in them where what is asked for is not there."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why something is not known.

    Attributes:
        says: What went wrong.
        hint: What helps.
        is_skipped: It was not asked for, as it hangs on something else that is not known.
    """

    says: str
    hint: str = ""
    is_skipped: bool = False


Answer: TypeAlias = T | NoAnswer


class Unanswered(Exception):
    """Carries a :class:`NoAnswer` to whoever waits for an answer."""

    def __init__(self, says: str, hint: str = "", *, is_skipped: bool = False) -> None:
        super().__init__(says)
        self.no_answer = NoAnswer(says, hint, is_skipped)


@contextmanager
def calling(action: str, what: str, *, besides: str = "") -> Iterator[None]:
    """Map what AWS's calls raise.

    A service's own text is not repeated: it may quote what was sent, and who sent it.

    Args:
        action: The IAM action of the calls.
        what: What they are about.
        besides: What else may be missing where they are refused.

    Raises:
        Unanswered: Names the action and what it was about.
    """
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        if code in _DENIED:
            raise Unanswered(
                f"{action} of {what} is refused ({code})",
                f"allow {action}{besides} to whoever runs this; docs/doctor.md lists all of it",
            ) from None
        if any(word in code for word in _GONE):
            raise Unanswered(
                f"{what} is not there ({code})",
                "somebody has deleted it by hand: docs/operations.md says how to deploy anew",
            ) from None
        raise Unanswered(
            f"{action} of {what} failed with {describe(error)}",
            hint_for(error, "try again; then look the code up"),
        ) from None
    except BotoCoreError as error:
        raise Unanswered(
            f"{action} of {what} failed ({type(error).__name__})",
            "check the network between here and AWS, and try again",
        ) from None
