"""Made-up events at a steady rate."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from simulator.event_server import EventServer, Trickle

if TYPE_CHECKING:
    import pytest


def test_rate_is_of_all_streams_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events are published when they are due, of each stream in turn; none at rate 0."""
    now = 100.0
    monkeypatch.setattr("simulator.event_server.trickle.monotonic", lambda: now)
    server = EventServer()
    trickle = Trickle(server, ["handset_change", "consent_change"], 0.5)
    silent = Trickle(server, ["handset_change"], 0)
    published = []
    for seconds in (0, 1.9, 0.1, 10, 0):
        now += seconds
        trickle.publish_due()
        silent.publish_due()
        published.append(server.counts()["published"])
    assert published == [0, 0, 1, 6, 6]
    records = server.ledger().events.values()
    assert Counter(record.event.event_type for record in records) == {
        "handset_change": 3,
        "consent_change": 3,
    }
