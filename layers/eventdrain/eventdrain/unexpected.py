"""Errors that nobody foresaw: logged without what they may quote, and made a value.

A bug in one call must not throw away the report of all others, nor may its text reach the log: an
exception can quote the message that it tripped over.
"""

from __future__ import annotations

import logging
import traceback
from typing import Final

from eventdrain.errors import DrainError, Failure, FailureKind

_logger = logging.getLogger(__name__)

_HINT: Final = "report it with the log's lines about it"


def note_unexpected(error: BaseException, what: str) -> DrainError:
    """Log where an error was raised, without its text.

    Args:
        error: The error.
        what: What it ended, e.g. "a write to the archive".

    Returns:
        What to put into a report: the error's type, and what to do.
    """
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    name = type(error).__name__
    _logger.error("%s ended with an unexpected %s, raised at\n%s", what, name, frames)
    return DrainError(f"{what} ended with an unexpected {name}: a bug", hint=_HINT)


def unexpected_failure(error: BaseException, what: str) -> Failure:
    """Log an unexpected error, and return it as what becomes of the deliveries of a call."""
    noted = note_unexpected(error, what)
    return Failure(type(error).__name__, noted.reason, FailureKind.FATAL, hint=noted.hint)
