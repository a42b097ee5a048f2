"""What outlives a deleted stack, because it holds what can't be made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drainctl.shell import aws_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from drainctl.stack import Stack


class Kept(NamedTuple):
    """A resource that CloudFormation keeps.

    Attributes:
        what: What it holds.
        id: Its name or ARN.
        how_to_delete: A command, and what must come before it.
    """

    what: str
    id: str
    how_to_delete: str


def _bucket(name: str, **where: Any) -> str:
    deletion = aws_command("s3api delete-bucket", "--bucket", name, **where)
    return f"empty it in S3's console, which deletes all versions, then: {deletion}"


def _secret(arn: str, **where: Any) -> str:
    days = ("--recovery-window-in-days", "30")
    return aws_command("secretsmanager delete-secret", "--secret-id", arn, *days, **where)


def _key(arn: str, **where: Any) -> str:
    days = ("--pending-window-in-days", "30")
    deletion = aws_command("kms schedule-key-deletion", "--key-id", arn, *days, **where)
    return f"last, as nothing that it encrypts can be read without it: {deletion}"


_KEPT: Final[dict[str, tuple[str, Callable[..., str]]]] = {
    "ArchiveBucketName": ("all events: the archive, its tables, the quarantine", _bucket),
    "AccessLogBucketName": ("S3's access logs", _bucket),
    "QueryResultsBucketName": ("answers to queries", _bucket),
    "CredentialsSecretArn": ("the event API's credentials", _secret),
    "TokenSecretArn": ("the cached access token", _secret),
    "PseudonymKeySecretArn": ("the pseudonyms' key, without which none can be computed", _secret),
    "KeyArn": ("the key that encrypts all of these", _key),
}
"""By the output that names it: what it holds, and how to delete it."""


def kept_by(stack: Stack) -> list[Kept]:
    """Return what a stack's deletion keeps, in the order in which it can be deleted."""
    where = {"region": stack.region, "profile": stack.profile}
    return [
        Kept(what, name, how(name, **where))
        for output, (what, how) in _KEPT.items()
        if (name := stack.outputs.get(output))
        and not (output == "KeyArn" and stack.parameters.get("KmsKeyArn"))
    ]
