"""The event streams that exist: the only place that names one.

Source: the vendor's interface, ``wgtwo.subscription.v1`` and ``wgtwo.consents.v1``, and the scope
that its documentation gives for each stream.
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
"""The field of a stream response that holds the event; field 1 holds the metadata, everywhere."""


@dataclass(frozen=True)
class EventStream:
    """One stream of events and the acknowledgement that belongs to it.

    Attributes:
        event_type: Our name of what it carries, as in a line's ``event_type``.
        service: The gRPC service that offers it.
        stream_method: The server-streaming method.
        ack_method: The unary method that acknowledges one event.
        scope: The OAuth scope that reading needs; empty where it needs none.
    """

    event_type: str
    service: ServiceDescriptor
    stream_method: str
    ack_method: str
    scope: str

    @property
    def stream_path(self) -> str:
        """The path of the stream method on the wire: ``/package.Service/Method``."""
        return f"/{self.service.full_name}/{self.stream_method}"

    @property
    def ack_path(self) -> str:
        """The path of the ack method on the wire."""
        return f"/{self.service.full_name}/{self.ack_method}"

    @cached_property
    def stream_request(self) -> type[Message]:
        """The message that opens the stream."""
        return GetMessageClass(self._method(self.stream_method).input_type)

    @cached_property
    def stream_response(self) -> type[Message]:
        """The message that one delivery arrives in."""
        return GetMessageClass(self._method(self.stream_method).output_type)

    @cached_property
    def ack_request(self) -> type[Message]:
        """The message that acknowledges one delivery."""
        return GetMessageClass(self._method(self.ack_method).input_type)

    @cached_property
    def ack_response(self) -> type[Message]:
        """The answer to an acknowledgement."""
        return GetMessageClass(self._method(self.ack_method).output_type)

    @cached_property
    def payload_field(self) -> FieldDescriptor:
        """The field of :attr:`stream_response` that holds the event itself."""
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
"""Every stream by its event type."""

DEFAULT_EVENT_TYPE: Final = next(iter(STREAMS))
"""Handset changes: what most users come for."""
