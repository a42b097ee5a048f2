"""Made-up events of the event server have the properties of their streams."""

from __future__ import annotations

import pytest

from simulator.event_server import made_up_events
from wgtwo.subscription.v1.subscription_events_pb2 import CountryChangeEvent, HandsetChangeEvent


@pytest.mark.parametrize(
    ("event_type", "message"),
    [("country_change", CountryChangeEvent), ("handset_change", HandsetChangeEvent)],
)
def test_a_change_changes_something(
    event_type: str, message: type[CountryChangeEvent | HandsetChangeEvent]
) -> None:
    """In every change, the country or handset differs from the previous one."""
    for made_up in made_up_events(event_type, 200):
        event = message.FromString(made_up.payload or b"")
        assert event.previous != event.current
