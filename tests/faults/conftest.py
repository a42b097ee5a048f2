"""Shared fixtures of the fault tests."""

from __future__ import annotations

from datetime import timedelta

import pytest

from eventdrain.drain import subscription


@pytest.fixture
def short_authentication_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a tenth of a second after an authentication error, instead of ten seconds."""
    monkeypatch.setattr(subscription, "_AFTER_AUTHENTICATION_ERROR", timedelta(milliseconds=100))
