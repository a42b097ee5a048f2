"""Whole runs of the engine in a deterministic simulation: ``python -m tests.simulation --help``."""
