"""The registered days of the compacted tables: partitions in Glue, each with a folder."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from drainctl.erase.findings import call_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_glue import GlueClient


class RegisteredDays:
    """The registered days of one database's tables. A day is ``YYYY-MM-DD``.

    Methods raise ``ErasureError`` if a call to Glue fails.

    Args:
        glue: The client.
        database: The database's name.
    """

    def __init__(self, glue: GlueClient, database: str) -> None:
        self._glue = glue
        self._database = database

    def definition(self, table: str) -> dict[str, Any]:
        """Return the storage descriptor of a table."""
        with _calling(f"glue:GetTable of {table}"):
            found = self._glue.get_table(DatabaseName=self._database, Name=table)
        return dict(found["Table"]["StorageDescriptor"])

    def location(self, table: str, day: str) -> str:
        """Return the folder of a day, as an S3 URI."""
        with _calling(f"glue:GetPartition of {table}"):
            found = self._glue.get_partition(
                DatabaseName=self._database, TableName=table, PartitionValues=[day]
            )
        return found["Partition"]["StorageDescriptor"]["Location"]

    def locations(self, table: str) -> Iterator[tuple[str, str]]:
        """Yield each registered day with its folder."""
        pages = self._glue.get_paginator("get_partitions").paginate(
            DatabaseName=self._database, TableName=table
        )
        with _calling(f"glue:GetPartitions of {table}"):
            for page in pages:
                for each in page["Partitions"]:
                    yield each["Values"][0], each["StorageDescriptor"]["Location"]

    def register(self, table: str, day: str, storage: dict[str, Any]) -> None:
        """Replace the folder of a day."""
        with _calling(f"glue:UpdatePartition of {table}"):
            self._glue.update_partition(
                DatabaseName=self._database,
                TableName=table,
                PartitionValueList=[day],
                PartitionInput={"Values": [day], "StorageDescriptor": storage},  # type: ignore[typeddict-item] # Glue returned it
            )

    def unregister(self, table: str, day: str) -> None:
        """Remove a day."""
        with _calling(f"glue:DeletePartition of {table}"):
            self._glue.delete_partition(
                DatabaseName=self._database, TableName=table, PartitionValues=[day]
            )


@contextmanager
def _calling(action: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise call_error(error, action) from error
