"""One embedded AWS for all fault tests, and a fresh scene for each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from eventdrain import reading
from tests.faults.cloud import Cloud
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COPIES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """Give the AWS behind its proxies."""
    with Cloud() as running:
        yield running


@pytest.fixture
def scene(cloud: Cloud) -> Iterator[Scene]:
    """Give a scene on the event server's default rules."""
    with Scene(cloud) as running:
        yield running


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
