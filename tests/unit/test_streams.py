from __future__ import annotations

import pytest

from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS
from wgtwo.consents.v1 import consent_events_pb2
from wgtwo.subscription.v1 import subscription_events_pb2

SUBSCRIPTION = "wgtwo.subscription.v1.SubscriptionEventService"
CONSENT = "wgtwo.consents.v1.ConsentEventService"


@pytest.mark.parametrize(
    ("event_type", "service", "name", "scope"),
    [
        ("handset_change", SUBSCRIPTION, "HandsetChange", "subscription.handset_details:read"),
        ("country_change", SUBSCRIPTION, "CountryChange", "subscription.country_change:read"),
        ("first_attachment", SUBSCRIPTION, "FirstAttachment", "subscription.first_attachment:read"),
        ("periodic_country", SUBSCRIPTION, "PeriodicCountry", "subscription.periodic_country:read"),
        ("consent_change", CONSENT, "ConsentChange", ""),
    ],
)
def test_stream(event_type: str, service: str, name: str, scope: str) -> None:
    """Each stream has the paths, the scope and the payload that the vendor documents for it."""
    stream = STREAMS[event_type]
    assert stream.event_type == event_type
    assert stream.stream_path == f"/{service}/Stream{name}Events"
    assert stream.ack_path == f"/{service}/Ack{name}Event"
    assert stream.scope == scope
    assert stream.payload_field.name == f"{event_type}_event"


def test_table_is_complete() -> None:
    """There is an entry for each method of the services that streams, and handsets come first."""
    services = [
        *subscription_events_pb2.DESCRIPTOR.services_by_name.values(),
        *consent_events_pb2.DESCRIPTOR.services_by_name.values(),
    ]
    methods = {method.name for service in services for method in service.methods}
    used = {
        name for stream in STREAMS.values() for name in (stream.stream_method, stream.ack_method)
    }
    assert used == methods
    assert DEFAULT_EVENT_TYPE == "handset_change"
