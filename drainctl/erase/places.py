"""Where a deployed stack keeps what it has of a subscriber."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.config import Config

from drainctl.erase.days import Days
from drainctl.erase.table import Table
from drainctl.pseudonym_key import pseudonyms_of
from drainctl.verify.athena import Athena
from eventdrain.adapters.aws import SecretsManager
from eventdrain.auth import read_pseudonyms
from eventdrain.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boto3.session import Session

    from drainctl.replay.stack import Stack
    from eventdrain.events import Pseudonyms

PATIENT: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=32
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look.

    Attributes:
        bucket: The archive's bucket.
        archive_prefixes: What the keys of lines begin with, without a slash at the end: today's,
            and those of before.
        quarantine_prefixes: Likewise of what is in quarantine.
        tables_prefix: Likewise of the compacted tables' files.
        table: The compacted tables; None where the stack has no catalogue.
        pseudonyms: Those of the archive, by each of their keys; none where it has none.
    """

    bucket: str
    archive_prefixes: Sequence[str]
    quarantine_prefixes: Sequence[str]
    tables_prefix: str
    table: Table | None
    pseudonyms: Sequence[Pseudonyms]

    @property
    def known(self) -> Sequence[str]:
        """The prefixes that are looked through."""
        tables = () if self.table is None else (self.tables_prefix,)
        return (*self.archive_prefixes, *self.quarantine_prefixes, *tables)


@dataclass(frozen=True, slots=True)
class Before:
    """What a stack had before, and CloudFormation does not tell any more.

    Attributes:
        archive_prefixes: Values of the parameter.
        quarantine_prefixes: Likewise.
        pseudonym_keys: ARNs of secrets with keys of pseudonyms.
    """

    archive_prefixes: Sequence[str] = ()
    quarantine_prefixes: Sequence[str] = ()
    pseudonym_keys: Sequence[str] = ()


def find_places(session: Session, stack: Stack, before: Before) -> Places:
    """Find out from a stack's outputs and parameters.

    Raises:
        ConfigurationError: The stack lacks something.
        CredentialsError: The key of its pseudonyms can't be read.
    """
    table = None
    if "WorkGroupName" in stack.outputs:
        database = stack.outputs["DatabaseName"]
        athena = session.client("athena", config=PATIENT)
        table = Table(
            athena=Athena(athena, database, stack.outputs["WorkGroupName"]),
            days=Days(session.client("glue", config=PATIENT), database),
            steps=session.client("stepfunctions", config=PATIENT),
            compaction_arn=stack.outputs["CompactionStateMachineArn"],
            place=f"s3://{stack.bucket}/{stack.parameters['TablesPrefix']}/",
        )
    secrets = SecretsManager(session.client("secretsmanager", config=PATIENT))
    of_today = pseudonyms_of(stack, secrets)
    of_before = [_pseudonyms(secrets, arn) for arn in before.pseudonym_keys]
    quarantine = stack.parameters["QuarantinePrefix"]
    return Places(
        bucket=stack.bucket,
        archive_prefixes=_distinct(stack.prefix, *before.archive_prefixes),
        quarantine_prefixes=_distinct(quarantine, *before.quarantine_prefixes),
        tables_prefix=stack.parameters["TablesPrefix"],
        table=table,
        pseudonyms=[*([] if of_today is None else [of_today]), *of_before],
    )


def _pseudonyms(secrets: SecretsManager, arn: str) -> Pseudonyms:
    try:
        return read_pseudonyms(secrets, arn)
    except CredentialsError as error:
        raise CredentialsError(
            f"--pseudonym-key can't be read: {error.reason}",
            hint=error.hint,
            setting="--pseudonym-key",
        ) from None


def _distinct(*prefixes: str) -> Sequence[str]:
    return tuple(dict.fromkeys(prefix.strip("/") for prefix in prefixes))
