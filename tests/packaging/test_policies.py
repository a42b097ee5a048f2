"""Checkov's run over the templates finds what it is for, and takes no skip without a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from devtools.policies.checkov import CheckovError, check
from devtools.policies.templates import PROJECT, expand, templates

if TYPE_CHECKING:
    from pathlib import Path

INLINE_POLICY: Final = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Greedy:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: folder/
      Handler: app.handler
      Runtime: python3.14
      Policies:
        - Version: "2012-10-17"
          Statement: [{Effect: Allow, Action: ["s3:*"], Resource: "*"}]
"""
HARMLESS: Final = """
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Plain:
    Type: AWS::Lambda::Function
    Metadata:
      checkov:
        skip:
          - {id: CKV_AWS_115, comment: "no matter here"}
          - {id: CKV_AWS_116, comment: "no matter here"}
          - {id: CKV_AWS_117, comment: "no matter here"}
          - {id: CKV_AWS_173, comment: "no matter here"}
    Properties:
      Code: {S3Bucket: bucket, S3Key: key}
      Handler: app.handler
      Role: arn:aws:iam::123456789012:role/plain
      Runtime: python3.14
      Environment: {Variables: {NAME: value}}
"""
SILENT_SKIP: Final = """
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Metadata:
      checkov: {skip: [{id: CKV_AWS_27}]}
"""


def test_every_template_is_checked() -> None:
    """All templates that the stack is made of are looked at."""
    names = {path.relative_to(PROJECT).as_posix() for path in templates()}
    nested = ("stream", "catalog", "compaction", "operations", "encryption")
    assert names == {"template.yaml", *(f"stacks/{name}.yaml" for name in nested)}


def test_findings(tmp_path: Path) -> None:
    """A policy that SAM writes and a skip without reason are found, by resource, rule and hint.

    What is well is not found: not even in a folder whose path looks like a secret access key, which
    has forty letters.
    """
    folder = tmp_path / f"of-{'a' * 40}-letters"
    folder.mkdir()
    for name, text in (("inline", INLINE_POLICY), ("silent", SILENT_SKIP), ("plain", HARMLESS)):
        (folder / f"{name}.yaml").write_text(text)
    others = [folder / "silent.yaml", folder / "plain.yaml"]
    outcome = check([expand(folder / "inline.yaml", folder), *others])
    found = {(finding.resource, finding.rule): str(finding) for finding in outcome.findings}

    assert ("AWS::IAM::Role.GreedyRole", "CKV_AWS_111") in found
    silent = found["AWS::SQS::Queue.Queue", "CKV_AWS_27"]
    assert "silent.yaml:4 " in silent
    assert "skipped without a reason" in silent
    assert "Metadata.checkov.skip" in silent
    assert "AWS::Lambda::Function.Plain" not in {resource for resource, _ in found}
    assert outcome.passed
    assert outcome.skipped == 5, "four of Plain's, which it was looked at for, and one of Queue's"


def test_unreadable_template_is_no_success(tmp_path: Path) -> None:
    """A template that Checkov can't read stops the check."""
    (tmp_path / "broken.yaml").write_text("Resources: {Queue: {Type: AWS::SQS::Queue")

    with pytest.raises(CheckovError):
        check([tmp_path / "broken.yaml"])
