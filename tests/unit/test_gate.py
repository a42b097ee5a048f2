"""A gate that could not look: where that is a failure."""

from __future__ import annotations

import pytest

from devtools.gate import skip


@pytest.mark.parametrize(
    ("ci", "allowed", "status"),
    [
        (None, "", 0),
        ("", "", 0),
        ("false", "", 0),
        ("true", "", 1),
        ("1", "", 1),
        ("true", "secrets", 1),
        ("true", "audit", 0),
        ("true", "secrets, audit", 0),
    ],
)
def test_skipped_gate_fails_in_ci(
    ci: str | None,
    allowed: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In CI it fails and names the exception, unless that is made; elsewhere it is shown."""
    monkeypatch.delenv("CI", raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("ALLOW_SKIPPED", allowed)

    assert skip("audit", "there is no network") == status

    output = capsys.readouterr().out
    assert "audit: SKIPPED, there is no network" in output
    assert ("ALLOW_SKIPPED=audit" in output) == bool(status)
