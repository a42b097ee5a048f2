"""Each check of the supply chain fails when it should: secrets, policies, advisories, licences."""

from __future__ import annotations

import json
import os
import subprocess
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Final

import pytest

from simulator.aws import PROJECT_FOLDER
from tests.packaging.test_layers import locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Concatenated, so that the scan of this file doesn't find it.
KEY: Final = "AKIA" + "Z7QJ2MTRXW4LKPDV"
LOCK: Final = "layers/vendor/requirements.txt"
UNENCRYPTED: Final = """
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Queue:
    Type: AWS::SQS::Queue
"""
CRC_OF_APACHE_2_0: Final = 0x86E2B4B4
NOBODY: Final = "http://127.0.0.1:9/"


def make(
    *arguments: str, folder: Path = PROJECT_FOLDER, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a target of the Makefile with the existing environments."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"MAKEFLAGS", "MAKELEVEL", "CI", "ALLOW_SKIPPED"}
    }
    options = ["--file", str(PROJECT_FOLDER / "Makefile"), "--directory", str(folder)]
    made = ["--old-file=.venv/.made-dev", "--old-file=.venv-checkov/.made"]
    return subprocess.run(
        ["make", *options, *made, f"BIN={PROJECT_FOLDER / '.venv/bin'}", *arguments],
        env={**inherited, **environment},
        check=False,
        capture_output=True,
        text=True,
    )


@contextmanager
def advisories(answer: dict[str, object]) -> Iterator[str]:
    """Run a service that gives every request this answer; yield its URL."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_secret_is_found(tmp_path: Path) -> None:
    """A secret in a new file fails the scan and isn't printed; made-up ones and locks pass."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "made_up.py").write_text('password = "made-up-1"\n')
    for lock in ("requirements.txt", "package-lock.json"):
        (tmp_path / lock).write_text(f"key = {KEY!r}\n")
    assert make("secrets", folder=tmp_path).returncode == 0

    (tmp_path / "app.py").write_text(f"a = 1\nkey = {KEY!r}\n")
    result = make("secrets", folder=tmp_path)

    assert result.returncode != 0
    assert "app.py:2" in result.stdout
    assert KEY not in result.stdout + result.stderr


def test_scan_without_git_is_skipped(tmp_path: Path) -> None:
    """Without git the scan is skipped, which fails in CI."""
    result = make("secrets", folder=tmp_path, CI="true")

    assert result.returncode != 0
    assert "secrets: SKIPPED" in result.stdout


def test_policy_that_is_broken_fails(tmp_path: Path) -> None:
    """A template that breaks a rule of Checkov fails the check, which names the rule."""
    (tmp_path / "queue.yaml").write_text(UNENCRYPTED)
    result = make("policies", f"TEMPLATES={tmp_path / 'queue.yaml'}")

    assert result.returncode != 0
    assert "CKV_AWS_27" in result.stdout


def test_vulnerable_package_fails() -> None:
    """A known vulnerability of a locked package fails the audit; without any, it passes."""
    advisory = {"id": "PYSEC-1", "affected": [{"package": {"name": "six", "ecosystem": "PyPI"}}]}
    for vulnerabilities, expected in (([advisory], False), ([], True)):
        with advisories({"vulns": vulnerabilities}) as url:
            result = make(
                "audit",
                f"LOCKS={LOCK}",
                f"ADVISORIES={url}",
                PIP_AUDIT_VULNERABILITY_SERVICE="osv",
                PIP_AUDIT_OSV_URL=url,
            )
        assert (result.returncode == 0) is expected, result
        assert ("PYSEC-1" in result.stdout) is not expected


@pytest.mark.parametrize(
    ("ci", "allowed", "passes"),
    [
        ("", "", True),
        ("false", "", True),
        ("true", "", False),
        ("true", "secrets", False),
        ("true", "secrets,audit", True),
    ],
)
def test_audit_without_a_network_is_skipped(ci: str, allowed: str, *, passes: bool) -> None:
    """Without an answer the audit reports that it was skipped, which fails in CI unless allowed."""
    result = make("audit", f"ADVISORIES={NOBODY}", CI=ci, ALLOW_SKIPPED=allowed)

    assert "audit: SKIPPED" in result.stdout
    assert (result.returncode == 0) is passes
    assert ("set ALLOW_SKIPPED=audit" in result.stdout) is not passes


def test_bill_lists_what_is_locked(tmp_path: Path) -> None:
    """The bill of materials has each package of the vendor layer, in its version, and no other."""
    bill = tmp_path / "sbom.cdx.json"
    result = make("sbom", f"DEPLOYED={tmp_path / 'deployed'}", f"SBOM={bill}")
    assert result.returncode == 0, result
    written = json.loads(bill.read_text())

    assert written["metadata"]["component"]["licenses"][0]["license"]["id"] == "Apache-2.0"
    assert {it["purl"] for it in written["components"]} == {
        f"pkg:pypi/{name}@{str(requirement.specifier).removeprefix('==')}"
        for name, requirement in locked().items()
    }


def test_licence_is_whole() -> None:
    """LICENSE is the text of Apache-2.0 to the byte, so that tools recognise it."""
    text = (PROJECT_FOLDER / "LICENSE").read_bytes()

    assert zlib.crc32(text) == CRC_OF_APACHE_2_0


def test_licences(tmp_path: Path) -> None:
    """docs/licences.md is what `make licences` writes, and a copyleft licence is an error."""
    written = tmp_path / "licences.md"
    folders = [f"DEPLOYED={tmp_path / 'deployed'}", f"LICENCES={written}"]
    result = make("licences", *folders)
    assert result.returncode == 0, result
    assert written.read_text() == (PROJECT_FOLDER / "docs" / "licences.md").read_text(), (
        "run `make licences`"
    )

    (packages,) = (tmp_path / "deployed" / "lib").glob("python*/site-packages")
    (packages / "pkg-1.dist-info").mkdir()
    (packages / "pkg-1.dist-info" / "METADATA").write_text(
        "Name: pkg\nVersion: 1\nLicense-Expression: MIT AND LGPL-3.0-only\n"
    )
    result = make("licences", "--old-file=deployed", *folders)

    assert result.returncode != 0
    assert "LGPL" in result.stderr
