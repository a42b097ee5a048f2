"""Unit tests draw the same jitter each time; hypothesis draws it as it draws everything else."""

from __future__ import annotations

import random

import pytest


@pytest.fixture(autouse=True)
def same_jitter() -> None:
    """Start the jitter's generator at one place."""
    random.seed(0)
