"""The five event streams as the server offers them.

Written from the vendor's interface, not taken from the engine's table, so that tests detect a wrong
path or scope there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from wgtwo.consents.v1 import consent_events_pb2 as consents
from wgtwo.subscription.v1 import subscription_events_pb2 as subscription


@dataclass(frozen=True)
class EventType:
    """One stream and the acknowledgement that belongs to it.

    Attributes:
        name: As in ``handset_change``.
        service: The gRPC service, with its package.
        stream_method: The server-streaming method.
        ack_method: The unary method.
        scope: The scope that a token must have; empty if none is needed.
        request: The message that opens the stream.
        response: The message that carries one event.
    """

    name: str
    service: str
    stream_method: str
    ack_method: str
    scope: str
    request: Any
    response: Any

    @classmethod
    def of(cls, name: str, messages: Any, service: str, scope: str) -> EventType:
        """Return the event type, with methods and messages named after it as the vendor does."""
        event = f"{name.title().replace('_', '')}Event"
        return cls(
            name,
            service,
            f"Stream{event}s",
            f"Ack{event}",
            scope,
            getattr(messages, f"Stream{event}sRequest"),
            getattr(messages, f"Stream{event}sResponse"),
        )

    @property
    def payload_field(self) -> str:
        """The name of the field, number 2, that holds the event in a response."""
        return f"{self.name}_event"


_SUBSCRIPTIONS: Final = (subscription, "wgtwo.subscription.v1.SubscriptionEventService")
_CONSENTS: Final = (consents, "wgtwo.consents.v1.ConsentEventService")

EVENT_TYPES: Final = {
    name: EventType.of(name, *service, scope)
    for name, service, scope in (
        ("handset_change", _SUBSCRIPTIONS, "subscription.handset_details:read"),
        ("country_change", _SUBSCRIPTIONS, "subscription.country_change:read"),
        ("first_attachment", _SUBSCRIPTIONS, "subscription.first_attachment:read"),
        ("periodic_country", _SUBSCRIPTIONS, "subscription.periodic_country:read"),
        ("consent_change", _CONSENTS, ""),
    )
}
"""Every stream by its name."""

ALL_SCOPES: Final = frozenset(kind.scope for kind in EVENT_TYPES.values() if kind.scope)
"""The scopes that a token needs to read every stream."""
