"""Where a deployed stack stores events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.config import Config

from drainctl.erase.registered_days import RegisteredDays
from drainctl.erase.table import Tables
from drainctl.pseudonyms import pseudonyms_of, pseudonyms_with
from drainctl.verify import Athena
from eventdrain.adapters.aws import SecretsManager
from eventdrain.adapters.boto import BotoSecretCalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boto3.session import Session

    from drainctl.stack import Stack
    from eventdrain.events import Pseudonyms

PATIENT: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 8}, max_pool_connections=32
)


@dataclass(frozen=True, slots=True)
class Locations:
    """Where a stack stores events. Prefixes have no trailing slash.

    Attributes:
        bucket: The archive's bucket.
        archive_prefixes: The current and earlier prefixes of lines.
        quarantine_prefixes: The current and earlier prefixes of the quarantine.
        tables_prefix: The prefix of the compacted tables' files.
        tables: The compacted tables; None if the stack has no catalog.
        pseudonyms: The pseudonyms under each key that the stack has or had.
    """

    bucket: str
    archive_prefixes: Sequence[str]
    quarantine_prefixes: Sequence[str]
    tables_prefix: str
    tables: Tables | None
    pseudonyms: Sequence[Pseudonyms]

    @property
    def known_prefixes(self) -> Sequence[str]:
        """The prefixes that are searched."""
        tables = () if self.tables is None else (self.tables_prefix,)
        return (*self.archive_prefixes, *self.quarantine_prefixes, *tables)


def locations_of(
    session: Session,
    stack: Stack,
    *,
    earlier_archive_prefixes: Sequence[str],
    earlier_quarantine_prefixes: Sequence[str],
    earlier_pseudonym_keys: Sequence[str],
) -> Locations:
    """Return the locations for a stack's outputs and parameters and their earlier values.

    Args:
        session: The session that creates clients.
        stack: The stack.
        earlier_archive_prefixes: Earlier values of ArchivePrefix.
        earlier_quarantine_prefixes: Earlier values of QuarantinePrefix.
        earlier_pseudonym_keys: The ARNs of secrets with earlier keys for pseudonyms.

    Raises:
        StackError: The stack lacks an output or a parameter.
        CredentialsError: A key for pseudonyms can't be read.
    """
    tables_prefix = stack.parameter("TablesPrefix")
    tables = None
    if "WorkGroupName" in stack.outputs:
        database = stack.output("DatabaseName")
        athena = session.client("athena", config=PATIENT)
        tables = Tables(
            athena=Athena(athena, database, stack.output("WorkGroupName")),
            days=RegisteredDays(session.client("glue", config=PATIENT), database),
            steps=session.client("stepfunctions", config=PATIENT),
            compaction_arn=stack.output("CompactionStateMachineArn"),
            folder=f"s3://{stack.bucket}/{tables_prefix}/",
        )
    secrets_client = session.client("secretsmanager", config=PATIENT)
    secrets = SecretsManager(lambda: BotoSecretCalls(secrets_client))
    current = pseudonyms_of(stack, secrets)
    return Locations(
        bucket=stack.bucket,
        archive_prefixes=_distinct(stack.prefix, *earlier_archive_prefixes),
        quarantine_prefixes=_distinct(
            stack.parameter("QuarantinePrefix"), *earlier_quarantine_prefixes
        ),
        tables_prefix=tables_prefix,
        tables=tables,
        pseudonyms=[
            *([] if current is None else [current]),
            *(
                pseudonyms_with(secrets, arn, "the secret of --pseudonym-key")
                for arn in earlier_pseudonym_keys
            ),
        ],
    )


def _distinct(*prefixes: str) -> Sequence[str]:
    return tuple(dict.fromkeys(prefix.strip("/") for prefix in prefixes))
