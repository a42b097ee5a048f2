"""Writes the catalogue's templates from the tables and statements of ``drainctl.catalogue``."""
