"""One embedded AWS for all fault tests, and a fresh scene for each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from eventdrain import drain
from eventdrain.backoff import Backoff
from tests.faults.cloud import Cloud
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    moment = timedelta(milliseconds=100)
    monkeypatch.setattr(drain, "_AFTER_AUTHENTICATION_ERROR", Backoff(first=moment, longest=moment))
