"""Questions that are asked concurrently, each in its own thread."""

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
from eventdrain.adapters.boto import describe_error, error_code, error_hint
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
"""The error codes of calls that IAM denies."""
_MISSING: Final = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")
"""Parts of the error codes for resources that do not exist."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why a question has no answer.

    Attributes:
        message: What failed, and why.
        hint: How to fix it; may be empty.
        is_skipped: Whether the question was not asked, because another one has no answer.
    """

    message: str
    hint: str = ""
    is_skipped: bool = False


Answer: TypeAlias = T | NoAnswer


class UnansweredError(CommandError):
    """A question has no answer. ``Question`` turns this error into a ``NoAnswer``."""


@contextmanager
def calling(action: str, what: str, *, also: str = "") -> Iterator[None]:
    """Convert the errors of AWS calls. The service's text is not repeated: it may name the caller.

    Args:
        action: The IAM action of the calls.
        what: The resource that the calls are about.
        also: Other rights to mention if IAM denies the calls, such as ", and kms:Decrypt".

    Raises:
        UnansweredError: A call failed. The error names the action and the resource.
    """
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code in _DENIED:
            raise UnansweredError(
                f"{action} of {what} is denied ({code})",
                f"allow {action}{also} for the role that runs this command; docs/doctor.md lists"
                " all rights",
            ) from None
        if any(word in code for word in _MISSING):
            raise UnansweredError(
                f"{what} does not exist ({code})",
                "deploy the stack again, see docs/operations.md",
            ) from None
        raise UnansweredError(
            f"{action} of {what} failed with {describe_error(error)}",
            error_hint(error, "try again; if the error persists, look up its code"),
        ) from None
    except BotoCoreError as error:
        raise UnansweredError(
            f"{action} of {what} failed ({type(error).__name__})",
            "check the network between this machine and AWS, and try again",
        ) from None


class Question(Generic[T]):
    """A question. Creating it starts a thread that asks it.

    The thread is a daemon, so that it cannot keep the command from ending if a call hangs.

    Args:
        ask: Returns the answer; called with the answers to ``needs``. If it raises a
            ``CommandError`` or an error of the engine, the answer is a ``NoAnswer``.
        needs: The questions to wait for first.
        missing: The reason for skipping questions that need this one if it has no answer.
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
        """Return the answer; wait for it until a time of ``time.monotonic()``."""
        try:
            return self._answer.result(timeout=max(0.0, until - time.monotonic()))
        except TooLate:
            return NoAnswer(
                "the check timed out", "try again; check the network between this machine and AWS"
            )

    def _run(self) -> None:
        try:
            self._answer.set_result(self._find())
        except (CommandError, DrainError) as error:
            self._answer.set_result(NoAnswer(error.reason, error.hint))
        except BaseException as error:  # noqa: BLE001 - raised again by answer()
            self._answer.set_exception(error)

    def _find(self) -> Answer[T]:
        needed = []
        for need in self._needs:
            answer = need._answer.result()  # noqa: SLF001 - of the same class
            if isinstance(answer, NoAnswer):
                return NoAnswer(need.missing, is_skipped=True)
            needed.append(answer)
        return self._ask(*needed)
