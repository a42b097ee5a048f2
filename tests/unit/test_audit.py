"""The dependency audit: what it makes of the answers, and of none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from devtools import audit

if TYPE_CHECKING:
    from collections.abc import Callable

SOUND: Final[dict[str, Any]] = {"name": "six", "version": "1.0", "vulns": []}
UNKNOWN: Final[dict[str, Any]] = {"name": "own", "skip_reason": "Dependency not found"}
VULNERABLE: Final[dict[str, Any]] = {
    "name": "urllib3",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}],
}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[dict[str, Any]]], None]:
    """Let the service give these answers."""

    def answer(answers: list[dict[str, Any]]) -> None:
        monkeypatch.setattr(audit, "ask", lambda _lock, _seconds: answers)

    return answer


def test_vulnerable_package_fails(
    answered: Callable[[list[dict[str, Any]]], None],
) -> None:
    """A known vulnerability ends the audit with 1, and names lock, package, advisory and hint."""
    answered([SOUND, VULNERABLE, UNKNOWN])
    result = CliRunner().invoke(audit.main, ["requirements/dev.txt"])

    assert result.exit_code == 1
    assert "requirements/dev.txt: urllib3 1.0: PYSEC-1, mended in 1.1: raise it" in result.output
    assert "3 packages, 1 of them unknown" in result.output


def test_sound_packages_pass(answered: Callable[[list[dict[str, Any]]], None]) -> None:
    """Without a vulnerability the audit ends with 0, and covers every lock."""
    answered([SOUND])
    result = CliRunner().invoke(audit.main)

    assert result.exit_code == 0
    for lock in ("layers/vendor/requirements.txt", "requirements/dev.txt", "requirements/sam.txt"):
        assert f"{lock}: 1 packages" in result.output


def test_without_a_service_it_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers the audit reports that it was skipped and why; in CI that fails."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("ALLOW_SKIPPED", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing listens there
    result = CliRunner().invoke(audit.main, ["layers/vendor/requirements.txt"])

    assert result.exit_code == 1
    assert "audit: SKIPPED, from layers/vendor/requirements.txt on" in result.output
