"""What the fault tests share, and what they tell when all have run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from eventdrain.drain import subscription as reading

if TYPE_CHECKING:
    from collections.abc import Callable

_COPIES = pytest.StashKey[list[str]]()


@pytest.fixture
def short_authentication_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a tenth of a second after an authentication error, in place of ten seconds."""
    monkeypatch.setattr(reading, "_AFTER_AUTHENTICATION_ERROR", timedelta(milliseconds=100))


@pytest.fixture
def note_copies(request: pytest.FixtureRequest) -> Callable[[int, int], None]:
    """Take how many copies there were of how many events; told when all tests have run."""

    def note(copies: int, events: int) -> None:
        line = f"{10_000 * copies // events:6d}  {request.node.callspec.id}"
        request.config.stash.setdefault(_COPIES, []).append(line)

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what each kill has cost."""
    lines = terminalreporter.config.stash.get(_COPIES, [])
    if lines:
        terminalreporter.section("copies per 10,000 events, by the step of a kill")
        terminalreporter.write_line("\n".join(lines))
