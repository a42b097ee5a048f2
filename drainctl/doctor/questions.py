"""Asks side by side, in threads: what hangs on something waits for it, or is skipped with it."""

from __future__ import annotations

import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from threading import Thread
from typing import TYPE_CHECKING, Any, Generic

from drainctl.doctor.answers import NoAnswer, T, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from drainctl.doctor.answers import Answer


class Question(Generic[T]):
    """Something that is being asked, from its making on.

    The thread is a daemon: one that hangs must not keep the command from ending.

    Args:
        ask: Gives the answer; called with the answers to ``needs``. Raises ``Unanswered``.
        needs: What must be known before.
        lacking: What to say in place of what needs this, where there is no answer.
    """

    def __init__(
        self, ask: Callable[..., T], *needs: Question[Any], lacking: str = "it is not known"
    ) -> None:
        self.lacking = lacking
        self._ask = ask
        self._needs = needs
        self._answer: Future[Answer[T]] = Future()
        Thread(target=self._find, name="ask", daemon=True).start()

    def answer(self, until: float) -> Answer[T]:
        """Wait for the answer.

        Args:
            until: No longer than until this time of ``time.monotonic()``.
        """
        try:
            return self._answer.result(timeout=max(0.0, until - time.monotonic()))
        except TooLate:
            return NoAnswer("it took too long", "try again; check the network between here and AWS")

    def _find(self) -> None:
        try:
            self._answer.set_result(self._found())
        except Unanswered as error:
            self._answer.set_result(error.no_answer)
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            self._answer.set_exception(error)

    def _found(self) -> Answer[T]:
        needed = []
        for need in self._needs:
            answer = need._answer.result()  # noqa: SLF001 - of its own kind
            if isinstance(answer, NoAnswer):
                return NoAnswer(need.lacking, is_skipped=True)
            needed.append(answer)
        return self._ask(*needed)
