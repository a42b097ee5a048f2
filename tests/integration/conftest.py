"""What the integration tests share: the scene of the fault tests, without faults."""

from __future__ import annotations

from tests.faults.fixtures import cloud, scene

__all__ = ["cloud", "scene"]
