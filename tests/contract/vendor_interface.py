"""The vendor's interface as a table, and an independent client's messages made of it.

The table was written by hand from what the vendor publishes, not taken from ``protos/`` or from
generated code, so that a slip there is found by whatever uses this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf import duration_pb2, empty_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from collections.abc import Mapping

# A field is "number name [repeated] type [oneof its-name]", an enum value "number name"; a method
# has a line for its request and one for its response.
CONTRACT: Final[Mapping[str, str]] = {
    "wgtwo/common/v1/phonenumber.proto": """
        package wgtwo.common.v1
        message E164
            1 e164 string
    """,
    "wgtwo/common/v1/types.proto": """
        package wgtwo.common.v1
        message Country
            1 code string
            2 name string
        message SubscriptionIdentifier
            1 value string
            2 wg2rn string
        message Imsi
            1 value string
        message ImeiSv
            1 imei string
            2 software_version string
    """,
    "wgtwo/events/v1/events.proto": """
        package wgtwo.events.v1
        message StreamConfiguration
            1 regular wgtwo.events.v1.RegularStream oneof stream_type
            2 durable_queue wgtwo.events.v1.DurableQueue oneof stream_type
            3 disable_explicit_ack google.protobuf.Empty oneof acknowledge_option
            4 custom_ack_timeout google.protobuf.Duration oneof acknowledge_option
            5 max_in_flight uint32
            6 start_at_new google.protobuf.Empty oneof start_position
            7 start_at_id uint64 oneof start_position
            8 start_at_timestamp google.protobuf.Timestamp oneof start_position
            9 start_at_oldest_possible google.protobuf.Empty oneof start_position
        message RegularStream
        message DurableQueue
            1 custom_name string
        message AckInfo
            1 value string
        message AckStatus
            1 status_code wgtwo.events.v1.AckStatus.StatusCode
        message AckRequest
            1 ack_info wgtwo.events.v1.AckInfo
        message AckResponse
            1 ack_status wgtwo.events.v1.AckStatus
        message Identifier
            1 subscription_identifier wgtwo.common.v1.SubscriptionIdentifier
        message Metadata
            1 timestamp google.protobuf.Timestamp
            2 identifier wgtwo.events.v1.Identifier
            3 ack_info wgtwo.events.v1.AckInfo
            4 is_redelivered bool
        enum AckStatus.StatusCode
            0 STATUS_CODE_UNSPECIFIED
            1 STATUS_CODE_FAILURE
            2 STATUS_CODE_SUCCESS
    """,
    "wgtwo/subscription/v1/subscription_events.proto": """
        package wgtwo.subscription.v1
        message StreamHandsetChangeEventsRequest
            1 stream_configuration wgtwo.events.v1.StreamConfiguration
        message StreamHandsetChangeEventsResponse
            1 metadata wgtwo.events.v1.Metadata
            2 handset_change_event wgtwo.subscription.v1.HandsetChangeEvent
        message AckHandsetChangeEventRequest
            1 ack_info wgtwo.events.v1.AckInfo
        message AckHandsetChangeEventResponse
            1 ack_status wgtwo.events.v1.AckStatus
        message StreamCountryChangeEventsRequest
            1 stream_configuration wgtwo.events.v1.StreamConfiguration
        message StreamCountryChangeEventsResponse
            1 metadata wgtwo.events.v1.Metadata
            2 country_change_event wgtwo.subscription.v1.CountryChangeEvent
        message AckCountryChangeEventRequest
            1 ack_info wgtwo.events.v1.AckInfo
        message AckCountryChangeEventResponse
            1 ack_status wgtwo.events.v1.AckStatus
        message StreamFirstAttachmentEventsRequest
            1 stream_configuration wgtwo.events.v1.StreamConfiguration
        message StreamFirstAttachmentEventsResponse
            1 metadata wgtwo.events.v1.Metadata
            2 first_attachment_event wgtwo.subscription.v1.FirstAttachmentEvent
        message AckFirstAttachmentEventRequest
            1 ack_info wgtwo.events.v1.AckInfo
        message AckFirstAttachmentEventResponse
            1 ack_status wgtwo.events.v1.AckStatus
        message StreamPeriodicCountryEventsRequest
            1 stream_configuration wgtwo.events.v1.StreamConfiguration
        message StreamPeriodicCountryEventsResponse
            1 metadata wgtwo.events.v1.Metadata
            2 periodic_country_event wgtwo.subscription.v1.PeriodicCountryEvent
        message AckPeriodicCountryEventRequest
            1 ack_info wgtwo.events.v1.AckInfo
        message AckPeriodicCountryEventResponse
            1 ack_status wgtwo.events.v1.AckStatus
        message Handset
            1 imei_sv wgtwo.common.v1.ImeiSv
        message HandsetChangeEvent
            1 previous wgtwo.subscription.v1.Handset
            2 current wgtwo.subscription.v1.Handset
            3 imsi wgtwo.common.v1.Imsi
            4 number wgtwo.common.v1.E164
        message CountryChangeEvent
            1 previous wgtwo.common.v1.Country
            2 current wgtwo.common.v1.Country
            3 number wgtwo.common.v1.E164
        message FirstAttachmentEvent
            1 number wgtwo.common.v1.E164
            2 imsi wgtwo.common.v1.Imsi
        message PeriodicCountryEvent
            1 number wgtwo.common.v1.E164
            2 imsi wgtwo.common.v1.Imsi
            3 country wgtwo.common.v1.Country
        service SubscriptionEventService
            StreamHandsetChangeEvents takes StreamHandsetChangeEventsRequest
            StreamHandsetChangeEvents streams StreamHandsetChangeEventsResponse
            AckHandsetChangeEvent takes AckHandsetChangeEventRequest
            AckHandsetChangeEvent returns AckHandsetChangeEventResponse
            StreamCountryChangeEvents takes StreamCountryChangeEventsRequest
            StreamCountryChangeEvents streams StreamCountryChangeEventsResponse
            AckCountryChangeEvent takes AckCountryChangeEventRequest
            AckCountryChangeEvent returns AckCountryChangeEventResponse
            StreamFirstAttachmentEvents takes StreamFirstAttachmentEventsRequest
            StreamFirstAttachmentEvents streams StreamFirstAttachmentEventsResponse
            AckFirstAttachmentEvent takes AckFirstAttachmentEventRequest
            AckFirstAttachmentEvent returns AckFirstAttachmentEventResponse
            StreamPeriodicCountryEvents takes StreamPeriodicCountryEventsRequest
            StreamPeriodicCountryEvents streams StreamPeriodicCountryEventsResponse
            AckPeriodicCountryEvent takes AckPeriodicCountryEventRequest
            AckPeriodicCountryEvent returns AckPeriodicCountryEventResponse
    """,
    "wgtwo/consents/v1/consent_events.proto": """
        package wgtwo.consents.v1
        message StreamConsentChangeEventsRequest
            1 stream_configuration wgtwo.events.v1.StreamConfiguration
        message StreamConsentChangeEventsResponse
            1 metadata wgtwo.events.v1.Metadata
            2 consent_change_event wgtwo.consents.v1.ConsentChangeEvent
        message AckConsentChangeEventRequest
            1 ack_info wgtwo.events.v1.AckInfo
        message AckConsentChangeEventResponse
            1 ack_status wgtwo.events.v1.AckStatus
        message ConsentChangeEvent
            1 added wgtwo.consents.v1.ConsentAdded oneof type
            2 updated wgtwo.consents.v1.ConsentUpdated oneof type
            3 revoked wgtwo.consents.v1.ConsentRevoked oneof type
            4 number wgtwo.common.v1.E164 oneof target
            5 tenant string oneof target
        message ConsentAdded
            1 scopes repeated string
        message ConsentUpdated
            1 scopes repeated string
        message ConsentRevoked
        service ConsentEventService
            StreamConsentChangeEvents takes StreamConsentChangeEventsRequest
            StreamConsentChangeEvents streams StreamConsentChangeEventsResponse
            AckConsentChangeEvent takes AckConsentChangeEventRequest
            AckConsentChangeEvent returns AckConsentChangeEventResponse
    """,
}
"""Every file, with all that is in it."""

_WELL_KNOWN: Final = (duration_pb2, empty_pb2, timestamp_pb2)
_LATER_FIELD: Final = "1999 added_later string"


class VendorMessages:
    """Message classes made of the table alone, in a descriptor pool of their own.

    Args:
        is_newer: Whether every message has a field that our descriptors don't know, of the name
            ``added_later``.
    """

    def __init__(self, *, is_newer: bool = False) -> None:
        self._pool = DescriptorPool()
        for known in _WELL_KNOWN:
            self._pool.Add(FileDescriptorProto.FromString(known.DESCRIPTOR.serialized_pb))
        earlier = [known.DESCRIPTOR.name for known in _WELL_KNOWN]
        for name in CONTRACT:
            file = vendor_file(name)
            file.dependency.extend(earlier)
            earlier.append(name)
            if is_newer:
                for message in file.message_type:
                    _add_field(message, _LATER_FIELD)
            self._pool.Add(file)

    def __getitem__(self, name: str) -> Any:
        """Give a message's class by its full name."""
        return GetMessageClass(self._pool.FindMessageTypeByName(name))


def vendor_file(name: str) -> FileDescriptorProto:
    """Make the descriptor of one file of the table, but for its imports."""
    file = FileDescriptorProto(name=name, syntax="proto3")
    part: DescriptorProto | EnumDescriptorProto | ServiceDescriptorProto | None = None
    for line in CONTRACT[name].strip().splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "package":
            file.package = rest
        elif kind == "message":
            part = file.message_type.add(name=rest)
        elif kind == "enum":
            outer, _, inner = rest.partition(".")
            owner = next(message for message in file.message_type if message.name == outer)
            part = owner.enum_type.add(name=inner)
        elif kind == "service":
            part = file.service.add(name=rest)
        elif isinstance(part, DescriptorProto):
            _add_field(part, line)
        elif isinstance(part, EnumDescriptorProto):
            part.value.add(number=int(kind), name=rest)
        elif isinstance(part, ServiceDescriptorProto):
            _add_to_method(part, line, file.package)
    return file


def _add_field(message: DescriptorProto, row: str) -> None:
    number, name, *words = row.split()
    field = message.field.add(number=int(number), name=name)
    field.label = FieldDescriptorProto.LABEL_OPTIONAL
    if words[0] == "repeated":
        field.label = FieldDescriptorProto.LABEL_REPEATED
        words = words[1:]
    kind = words[0]
    if "." in kind:
        is_enum = kind.endswith("StatusCode")
        field.type = (
            FieldDescriptorProto.TYPE_ENUM if is_enum else FieldDescriptorProto.TYPE_MESSAGE
        )
        field.type_name = f".{kind}"
    else:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    if words[1:2] == ["oneof"]:
        names = [oneof.name for oneof in message.oneof_decl]
        if words[2] not in names:
            message.oneof_decl.add(name=words[2])
            names.append(words[2])
        field.oneof_index = names.index(words[2])


def _add_to_method(service: ServiceDescriptorProto, row: str, package: str) -> None:
    name, verb, message = row.split()
    if verb == "takes":
        service.method.add(name=name, input_type=f".{package}.{message}")
        return
    method = next(method for method in service.method if method.name == name)
    method.output_type = f".{package}.{message}"
    if verb == "streams":
        method.server_streaming = True
