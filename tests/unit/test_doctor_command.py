"""The doctor's command: what it does where it can't look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner

from drainctl.doctor.__main__ import main

if TYPE_CHECKING:
    import pytest


def test_wrong_usage() -> None:
    """Without a stack's name it ends with 2, as for all wrong usage."""
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert "--stack-name" in result.output


def test_unknown_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that isn't there is told in a line, and ends with 2: nothing was looked at."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    result = CliRunner().invoke(
        main, ["--stack-name", "made-up", "--region", "eu-west-1", "--profile", "made-up-profile"]
    )
    assert result.exit_code == 2
    assert "made-up-profile" in result.output
    assert "Traceback" not in result.output


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without AWS credentials it ends with 2, and asks nothing."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    result = CliRunner().invoke(main, ["--stack-name", "made-up", "--region", "eu-west-1"])
    assert result.exit_code == 2
    assert "credentials" in result.output


def test_help_tells_exit_statuses() -> None:
    """Who writes a script finds the statuses in the help."""
    text = " ".join(CliRunner().invoke(main, ["--help"]).output.split())
    assert "Exit status: 0 nothing is wrong, 1 something is, 2 wrong usage" in text
