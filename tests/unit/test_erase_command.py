"""The command ``drainctl erase``: invalid options, its receipt, its SQL."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from drainctl.erase.findings import ErasureError, Findings
from drainctl.erase.receipt import Receipt
from drainctl.erase.subject import Subject
from drainctl.group import drainctl
from tests.faults.personal_values import found

if TYPE_CHECKING:
    from pathlib import Path

PERSONAL: Final = "madeup:eu:4711000000"
STARTED: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


def receipt_at(path: Path) -> Receipt:
    """Return a receipt for a subject."""
    subject = Subject([PERSONAL], [])
    return Receipt(path, stack_name="made-up", subject=subject, started=STARTED)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "Missing option '--stack-name'"),
        (["--stack-name", "made-up"], "Missing option '--subscription'"),
        (["--stack-name", "made-up", "--subscription", " "], "it is empty"),
    ],
)
def test_invalid_options_are_rejected(arguments: list[str], expected: str) -> None:
    """An invalid option is an error that names it, without a call of AWS."""
    result = CliRunner().invoke(drainctl, ["erase", *arguments])
    assert result.exit_code == 2
    assert expected in result.output


def test_receipt_names_nobody(tmp_path: Path) -> None:
    """A receipt has a salted digest, which can be checked only with the subscriber's id."""
    path = tmp_path / "receipt.json"
    findings = Findings()
    findings.add(lines=2)
    findings.note_day("made_up", "2026-03-01")

    receipt = receipt_at(path)
    receipt.write(receipt.content(findings, ended=STARTED, error=None))

    text = path.read_text()
    content = json.loads(text)
    assert found([PERSONAL], text) == []
    [digest] = content["subscriptions"]
    salt = bytes.fromhex(digest["salt"])
    assert (
        hashlib.scrypt(PERSONAL.encode(), salt=salt, **digest["scrypt"]).hex() == digest["digest"]
    )
    assert content["counts"]["lines"] == 2
    assert content["days"] == {"made_up": ["2026-03-01"]}
    assert content["is_complete"]
    assert [each.name for each in tmp_path.iterdir()] == ["receipt.json"]


@pytest.mark.parametrize(("error", "unchecked"), [("made up", None), (None, "key")])
def test_receipt_of_what_is_not_done(
    tmp_path: Path, error: str | None, unchecked: str | None
) -> None:
    """The receipt of a failed or incomplete run says so."""
    findings = Findings()
    if unchecked is not None:
        findings.note_unchecked(unchecked, "made up")
    content = receipt_at(tmp_path / "receipt.json").content(findings, ended=STARTED, error=error)
    assert not content["is_complete"]


def test_receipt_overwrites_nothing(tmp_path: Path) -> None:
    """An existing receipt is not overwritten, and its folder must exist."""
    path = tmp_path / "receipt.json"
    path.write_text("{}")
    with pytest.raises(ErasureError, match="already exists"):
        receipt_at(path).check()
    with pytest.raises(ErasureError, match="is not writable"):
        receipt_at(tmp_path / "no" / "receipt.json").check()


def test_condition_names_nobody() -> None:
    """The SQL has a salted digest for each name, different in each run."""
    condition = Subject([PERSONAL, "b"], []).condition()
    salt = re.search(r"concat\('([0-9a-f]{32})'", condition)
    assert salt is not None
    digest = hashlib.sha256(f"{salt[1]}{PERSONAL}".encode()).hexdigest().upper()
    assert f"'{digest}'" in condition
    assert len(re.findall(r"'[0-9A-F]{64}'", condition)) == 2
    assert found([PERSONAL], condition) == []
    assert Subject([PERSONAL], []).condition() != Subject([PERSONAL], []).condition()
