"""Measures speed, scaling and memory of the engine, against the floor of bare calls."""
