"""Athena in the embedded AWS: its SQL on DuckDB."""
