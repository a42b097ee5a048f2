"""The scene itself: without a fault there is neither a copy nor a violation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.scene import Scene


def test_without_faults_everything_arrives_once(scene: Scene) -> None:
    """One window brings every event into both sinks, once, and acks it."""
    scene.publish(1000)
    report = scene.drain()
    assert (report.end_reason, report.received, report.acked) == ("idle", 1000, 1000)
    assert scene.check().copies == 0
