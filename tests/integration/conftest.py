"""What the integration tests share: the scene of the fault tests, without faults; an archive."""

from __future__ import annotations

from tests.faults.fixtures import cloud, scene
from tests.integration.compaction_stack import events, lines, table

__all__ = ["cloud", "events", "lines", "scene", "table"]
