"""The days of the compacted tables, as Glue has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from drainctl.erase.store import ErasureFailed
from eventdrain.adapters.aws import describe, hint_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_glue import GlueClient


class Days:
    """The registered days of one database's tables. A day is ``YYYY-MM-DD``.

    Args:
        glue: The client.
        database: The database.
    """

    def __init__(self, glue: GlueClient, database: str) -> None:
        self._glue = glue
        self._database = database

    def definition(self, name: str) -> dict[str, Any]:
        """Give the storage descriptor of a table.

        Raises:
            ErasureFailed: Glue refuses.
        """
        try:
            table = self._glue.get_table(DatabaseName=self._database, Name=name)
        except (BotoCoreError, ClientError) as error:
            raise failed(error, f"glue:GetTable of {name}") from error
        return dict(table["Table"]["StorageDescriptor"])

    def location(self, name: str, day: str) -> str:
        """Give where a day's folder is.

        Raises:
            ErasureFailed: Glue refuses.
        """
        try:
            found = self._glue.get_partition(
                DatabaseName=self._database, TableName=name, PartitionValues=[day]
            )
        except (BotoCoreError, ClientError) as error:
            raise failed(error, f"glue:GetPartition of {name}") from error
        return found["Partition"]["StorageDescriptor"]["Location"]

    def locations(self, name: str) -> Iterator[tuple[str, str]]:
        """Give each registered day with its folder.

        Raises:
            ErasureFailed: Glue refuses.
        """
        pages = self._glue.get_paginator("get_partitions").paginate(
            DatabaseName=self._database, TableName=name
        )
        try:
            for page in pages:
                for each in page["Partitions"]:
                    yield each["Values"][0], each["StorageDescriptor"]["Location"]
        except (BotoCoreError, ClientError) as error:
            raise failed(error, f"glue:GetPartitions of {name}") from error

    def register(self, name: str, day: str, storage: dict[str, Any]) -> None:
        """Let a day have another folder.

        Raises:
            ErasureFailed: Glue refuses.
        """
        try:
            self._glue.update_partition(
                DatabaseName=self._database,
                TableName=name,
                PartitionValueList=[day],
                PartitionInput={"Values": [day], "StorageDescriptor": storage},  # type: ignore[typeddict-item] # Glue's own
            )
        except (BotoCoreError, ClientError) as error:
            raise failed(error, f"glue:UpdatePartition of {name}") from error

    def unregister(self, name: str, day: str) -> None:
        """Let a day have none.

        Raises:
            ErasureFailed: Glue refuses.
        """
        try:
            self._glue.delete_partition(
                DatabaseName=self._database, TableName=name, PartitionValues=[day]
            )
        except (BotoCoreError, ClientError) as error:
            raise failed(error, f"glue:DeletePartition of {name}") from error


def failed(error: BotoCoreError | ClientError, action: str) -> ErasureFailed:
    """Tell what failed, and what it leaves."""
    return ErasureFailed(
        f"{action} failed with {describe(error)}: {hint_for(error, 'check that you may do that')}."
        " What was deleted before stays deleted."
    )
