"""The five event streams as the server offers them.

Written from the vendor's interface and not taken from the engine's own table, so that a wrong
path or scope there is found by the first test that streams.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from wgtwo.consents.v1 import consent_events_pb2 as consents
from wgtwo.subscription.v1 import subscription_events_pb2 as subscription

if TYPE_CHECKING:
    from collections.abc import Mapping

StreamRequest: TypeAlias = (
    subscription.StreamHandsetChangeEventsRequest
    | subscription.StreamCountryChangeEventsRequest
    | subscription.StreamFirstAttachmentEventsRequest
    | subscription.StreamPeriodicCountryEventsRequest
    | consents.StreamConsentChangeEventsRequest
)
StreamResponse: TypeAlias = (
    subscription.StreamHandsetChangeEventsResponse
    | subscription.StreamCountryChangeEventsResponse
    | subscription.StreamFirstAttachmentEventsResponse
    | subscription.StreamPeriodicCountryEventsResponse
    | consents.StreamConsentChangeEventsResponse
)

_SUBSCRIPTIONS: Final = "wgtwo.subscription.v1.SubscriptionEventService"
_CONSENTS: Final = "wgtwo.consents.v1.ConsentEventService"


@dataclass(frozen=True)
class EventType:
    """One stream and the acknowledgement that belongs to it.

    Attributes:
        name: As in ``handset_change``.
        service: The gRPC service, with its package.
        stream_method: The server-streaming method.
        ack_method: The unary method.
        scope: What a token must allow; empty where any valid token will do.
        request: The message that opens the stream.
        response: The message that carries one event.
    """

    name: str
    service: str
    stream_method: str
    ack_method: str
    scope: str
    request: type[StreamRequest]
    response: type[StreamResponse]

    @property
    def payload_field(self) -> str:
        """The name of the field, number 2, that holds the event in a response."""
        return f"{self.name}_event"


EVENT_TYPES: Final[Mapping[str, EventType]] = MappingProxyType(
    {
        "handset_change": EventType(
            "handset_change",
            _SUBSCRIPTIONS,
            "StreamHandsetChangeEvents",
            "AckHandsetChangeEvent",
            "subscription.handset_details:read",
            subscription.StreamHandsetChangeEventsRequest,
            subscription.StreamHandsetChangeEventsResponse,
        ),
        "country_change": EventType(
            "country_change",
            _SUBSCRIPTIONS,
            "StreamCountryChangeEvents",
            "AckCountryChangeEvent",
            "subscription.country_change:read",
            subscription.StreamCountryChangeEventsRequest,
            subscription.StreamCountryChangeEventsResponse,
        ),
        "first_attachment": EventType(
            "first_attachment",
            _SUBSCRIPTIONS,
            "StreamFirstAttachmentEvents",
            "AckFirstAttachmentEvent",
            "subscription.first_attachment:read",
            subscription.StreamFirstAttachmentEventsRequest,
            subscription.StreamFirstAttachmentEventsResponse,
        ),
        "periodic_country": EventType(
            "periodic_country",
            _SUBSCRIPTIONS,
            "StreamPeriodicCountryEvents",
            "AckPeriodicCountryEvent",
            "subscription.periodic_country:read",
            subscription.StreamPeriodicCountryEventsRequest,
            subscription.StreamPeriodicCountryEventsResponse,
        ),
        "consent_change": EventType(
            "consent_change",
            _CONSENTS,
            "StreamConsentChangeEvents",
            "AckConsentChangeEvent",
            "",
            consents.StreamConsentChangeEventsRequest,
            consents.StreamConsentChangeEventsResponse,
        ),
    }
)
"""Every stream by its name."""

ALL_SCOPES: Final = frozenset(kind.scope for kind in EVENT_TYPES.values() if kind.scope)
"""What a token needs that may read every stream."""
