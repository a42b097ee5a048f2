"""The table of event streams. No other code names a stream.

Source: the vendor's interface (``wgtwo.subscription.v1`` and ``wgtwo.consents.v1``) and, for the
scopes, its documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from google.protobuf.message_factory import GetMessageClass

from wgtwo.consents.v1 import consent_events_pb2
from wgtwo.subscription.v1 import subscription_events_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import (
        FieldDescriptor,
        MethodDescriptor,
        ServiceDescriptor,
    )
    from google.protobuf.message import Message

_PAYLOAD_NUMBER: Final = 2
"""The number of the field with the event in every stream response. Field 1 is the metadata."""


@dataclass(frozen=True)
class EventStream:
    """One event stream and its ack method.

    Attributes:
        event_type: Our name for the stream's events, as in a line's ``event_type``.
        service: The gRPC service of the stream.
        stream_method: The server-streaming method.
        ack_method: The unary method that acknowledges one event.
        scope: The OAuth scope that the stream requires; empty for none.
    """

    event_type: str
    service: ServiceDescriptor
    stream_method: str
    ack_method: str
    scope: str

    @property
    def stream_path(self) -> str:
        """The full path of the stream method: ``/package.Service/Method``."""
        return f"/{self.service.full_name}/{self.stream_method}"

    @property
    def ack_path(self) -> str:
        """The full path of the ack method."""
        return f"/{self.service.full_name}/{self.ack_method}"

    @cached_property
    def stream_request(self) -> type[Message]:
        """The message type that opens the stream."""
        return GetMessageClass(self._method(self.stream_method).input_type)

    @cached_property
    def stream_response(self) -> type[Message]:
        """The message type of one delivery."""
        return GetMessageClass(self._method(self.stream_method).output_type)

    @cached_property
    def ack_request(self) -> type[Message]:
        """The message type that acknowledges one delivery."""
        return GetMessageClass(self._method(self.ack_method).input_type)

    @cached_property
    def ack_response(self) -> type[Message]:
        """The message type of the response to an ack."""
        return GetMessageClass(self._method(self.ack_method).output_type)

    @cached_property
    def payload_field(self) -> FieldDescriptor:
        """The field of :attr:`stream_response` that holds the event."""
        return self._method(self.stream_method).output_type.fields_by_number[_PAYLOAD_NUMBER]

    def _method(self, name: str) -> MethodDescriptor:
        return self.service.methods_by_name[name]


_SUBSCRIPTION: Final = subscription_events_pb2.DESCRIPTOR.services_by_name[
    "SubscriptionEventService"
]
_CONSENT: Final = consent_events_pb2.DESCRIPTOR.services_by_name["ConsentEventService"]

STREAMS: Final[Mapping[str, EventStream]] = MappingProxyType(
    {
        stream.event_type: stream
        for stream in (
            EventStream(
                "handset_change",
                _SUBSCRIPTION,
                "StreamHandsetChangeEvents",
                "AckHandsetChangeEvent",
                "subscription.handset_details:read",
            ),
            EventStream(
                "country_change",
                _SUBSCRIPTION,
                "StreamCountryChangeEvents",
                "AckCountryChangeEvent",
                "subscription.country_change:read",
            ),
            EventStream(
                "first_attachment",
                _SUBSCRIPTION,
                "StreamFirstAttachmentEvents",
                "AckFirstAttachmentEvent",
                "subscription.first_attachment:read",
            ),
            EventStream(
                "periodic_country",
                _SUBSCRIPTION,
                "StreamPeriodicCountryEvents",
                "AckPeriodicCountryEvent",
                "subscription.periodic_country:read",
            ),
            EventStream(
                "consent_change",
                _CONSENT,
                "StreamConsentChangeEvents",
                "AckConsentChangeEvent",
                "",
            ),
        )
    }
)
"""All streams by event type."""

DEFAULT_EVENT_TYPE: Final = next(iter(STREAMS))
"""Handset changes, the stream that most users need."""
