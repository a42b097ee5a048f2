"""Writes the catalogue's templates from the tables and statements of ``drainctl.catalogue``."""

from __future__ import annotations

from devtools.catalogue.tables import Places, table_inputs

__all__ = ["Places", "table_inputs"]
