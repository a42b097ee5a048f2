"""Questions asked in threads at the same time, and the answers that could not be had."""

from __future__ import annotations

import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from drainctl.errors import CommandError
from eventdrain.adapters.aws import describe_error, error_code, error_hint
from eventdrain.errors import DrainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
"""The codes of calls that IAM denies."""
_MISSING: Final = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")
"""Parts of the codes of calls about something that does not exist."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why something is not known.

    Attributes:
        message: What went wrong.
        hint: What to do.
        is_skipped: Whether it was not asked, because something that it depends on is not known.
    """

    message: str
    hint: str = ""
    is_skipped: bool = False


Answer: TypeAlias = T | NoAnswer


class UnansweredError(CommandError):
    """Raised instead of an answer; becomes a ``NoAnswer``."""


@contextmanager
def calling(action: str, what: str, *, also: str = "") -> Iterator[None]:
    """Map what calls of AWS raise. A service's own text is not repeated: it may quote the caller.

    Args:
        action: The IAM action of the calls.
        what: What they are about.
        also: What else may be missing if IAM denies them, such as ", and kms:Decrypt".

    Raises:
        UnansweredError: A call failed; names the action and what it was about.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code in _DENIED:
            raise UnansweredError(
                f"{action} of {what} is denied ({code})",
                f"allow {action}{also} for whoever runs this; docs/doctor.md lists all rights",
            ) from None
        if any(word in code for word in _MISSING):
            raise UnansweredError(
                f"{what} does not exist ({code})",
                "somebody has deleted it: see docs/operations.md for how to deploy again",
            ) from None
        raise UnansweredError(
            f"{action} of {what} failed with {describe_error(error)}",
            error_hint(error, "try again; if it stays, look up the code"),
        ) from None
    except BotoCoreError as error:
        raise UnansweredError(
            f"{action} of {what} failed ({type(error).__name__})",
            "check the network between this machine and AWS, and try again",
        ) from None


class Question(Generic[T]):
    """Something that is being asked, in a thread of its own, from the start.

    The thread is a daemon: one that hangs must not keep the command from ending.

    Args:
        ask: Returns the answer; called with the answers to ``needs``. A ``CommandError`` or an
            error of the engine becomes a ``NoAnswer``.
        needs: The questions that must be answered before.
        missing: Why a question that needs this one is skipped if this one has no answer.
    """

    def __init__(
        self, ask: Callable[..., T], *needs: Question[Any], missing: str = "it is unknown"
    ) -> None:
        self.missing = missing
        self._ask = ask
        self._needs = needs
        self._answer: Future[Answer[T]] = Future()
        Thread(target=self._run, name="ask", daemon=True).start()

    def answer(self, until: float) -> Answer[T]:
        """Wait for the answer until a time of ``time.monotonic()``, and return it."""
        try:
            return self._answer.result(timeout=max(0.0, until - time.monotonic()))
        except TooLate:
            return NoAnswer(
                "it took too long", "try again; check the network between this machine and AWS"
            )

    def _run(self) -> None:
        try:
            self._answer.set_result(self._find())
        except (CommandError, DrainError) as error:
            self._answer.set_result(NoAnswer(error.reason, error.hint))
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is waited for
            self._answer.set_exception(error)

    def _find(self) -> Answer[T]:
        needed = []
        for need in self._needs:
            answer = need._answer.result()  # noqa: SLF001 - of its own kind
            if isinstance(answer, NoAnswer):
                return NoAnswer(need.missing, is_skipped=True)
            needed.append(answer)
        return self._ask(*needed)
