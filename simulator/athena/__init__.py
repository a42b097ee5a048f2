"""Athena in the embedded AWS: its SQL on DuckDB."""

from simulator.athena.folder import FolderObjects, MemoryCatalogue
from simulator.athena.on_duckdb import AthenaOnDuckDB, Result
from simulator.athena.tables import AthenaError, Partition

__all__ = [
    "AthenaError",
    "AthenaOnDuckDB",
    "FolderObjects",
    "MemoryCatalogue",
    "Partition",
    "Result",
]
