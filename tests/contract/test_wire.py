"""The wire contract: what goes over the wire is what the vendor's interface says."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from eventdrain.events import STREAMS
from simulator.event_server import EventServer, made_up_events
from tests.contract.vendor_interface import CONTRACT, VendorMessages, vendor_file
from tests.deliveries import EventReader
from wgtwo.common.v1 import phonenumber_pb2, types_pb2
from wgtwo.consents.v1 import consent_events_pb2
from wgtwo.events.v1 import events_pb2
from wgtwo.subscription.v1 import subscription_events_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPILED: Final = {
    module.DESCRIPTOR.name: module.DESCRIPTOR
    for module in (
        phonenumber_pb2,
        types_pb2,
        events_pb2,
        subscription_events_pb2,
        consent_events_pb2,
    )
}
_GENERATED: Final = Path(events_pb2.__file__).parents[3]
_RECEIVED_AT: Final = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
_SUCCESS: Final = 2
_MADE_UP: Final = 20


class _Stream(NamedTuple):
    """One stream, as a public client names it."""

    package: str
    service: str
    subject: str

    @property
    def stream_path(self) -> str:
        return f"/{self.package}.{self.service}/Stream{self.subject}Events"

    @property
    def ack_path(self) -> str:
        return f"/{self.package}.{self.service}/Ack{self.subject}Event"

    def message(self, messages: VendorMessages, name: str) -> Any:
        return messages[f"{self.package}.{name.replace('X', self.subject)}"]


_STREAMS: Final = {
    "handset_change": _Stream("wgtwo.subscription.v1", "SubscriptionEventService", "HandsetChange"),
    "country_change": _Stream("wgtwo.subscription.v1", "SubscriptionEventService", "CountryChange"),
    "first_attachment": _Stream(
        "wgtwo.subscription.v1", "SubscriptionEventService", "FirstAttachment"
    ),
    "periodic_country": _Stream(
        "wgtwo.subscription.v1", "SubscriptionEventService", "PeriodicCountry"
    ),
    "consent_change": _Stream("wgtwo.consents.v1", "ConsentEventService", "ConsentChange"),
}


def _as_text(file: FileDescriptorProto) -> list[str]:
    """Write down all of a file that the wire, or a client's code, depends on."""
    contract = FileDescriptorProto()
    contract.CopyFrom(file)
    contract.ClearField("dependency")
    for message in contract.message_type:
        message.field.sort(key=lambda field: field.number)
        for field in message.field:
            field.ClearField("json_name")
            field.ClearField("options")
    contract.message_type.sort(key=lambda message: message.name)
    return str(contract).splitlines()


def test_the_contract_has_as_many_files_as_there_is_generated_code() -> None:
    """No file is missing, and none is there that the vendor does not have."""
    generated = {
        str(path.relative_to(_GENERATED)).replace("_pb2.py", ".proto")
        for path in (_GENERATED / "wgtwo").rglob("*_pb2.py")
    }
    assert generated == CONTRACT.keys() == _COMPILED.keys()


@pytest.mark.parametrize("name", CONTRACT)
def test_compiled_descriptors_are_the_vendors(name: str) -> None:
    """Messages, fields, types, labels, oneofs, enums, services and methods: no more and no less."""
    compiled = FileDescriptorProto.FromString(_COMPILED[name].serialized_pb)
    assert _as_text(compiled) == _as_text(vendor_file(name))


@pytest.mark.parametrize("event_type", _STREAMS)
def test_engine_calls_the_vendors_methods(event_type: str) -> None:
    """The paths that our client calls are those of the vendor's interface."""
    ours, vendors = STREAMS[event_type], _STREAMS[event_type]
    assert (ours.stream_path, ours.ack_path) == (vendors.stream_path, vendors.ack_path)


@pytest.mark.parametrize("event_type", _STREAMS)
def test_public_client_streams_and_acks(event_type: str) -> None:
    """A client with only the vendor's descriptors gets every event whole, and acks it."""
    stream, vendor = _STREAMS[event_type], VendorMessages()
    published = list(made_up_events(event_type, _MADE_UP))
    with EventServer() as server, grpc.insecure_channel(server.target) as channel:
        server.publish(published)
        request = stream.message(vendor, "StreamXEventsRequest")()
        request.stream_configuration.start_at_oldest_possible.SetInParent()
        open_stream = channel.unary_stream(
            stream.stream_path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=stream.message(vendor, "StreamXEventsResponse").FromString,
        )
        ack = channel.unary_unary(
            stream.ack_path,
            request_serializer=stream.message(vendor, "AckXEventRequest").SerializeToString,
            response_deserializer=stream.message(vendor, "AckXEventResponse").FromString,
        )
        call = open_stream(request, timeout=30)
        received = list(islice(call, _MADE_UP))
        for response in received:
            asked = stream.message(vendor, "AckXEventRequest")(ack_info=response.metadata.ack_info)
            assert ack(asked, timeout=30).ack_status.status_code == _SUCCESS
        call.cancel()
    assert len(server.ledger().acked) == _MADE_UP
    for response, event in zip(received, published, strict=True):
        response.metadata.ClearField("ack_info")
        assert response.SerializeToString(deterministic=True) == event.undelivered


def _delivered(event_type: str, vendor: VendorMessages, seed: int = 0) -> Any:
    """Make up one delivery as an independent message."""
    (event,) = made_up_events(event_type, 1, seed)
    message = _STREAMS[event_type].message(vendor, "StreamXEventsResponse")
    return message.FromString(event.delivery("made-up-handle", is_redelivered=True))


@pytest.mark.parametrize("event_type", _STREAMS)
def test_client_reads_the_vendors_messages(event_type: str) -> None:
    """What the vendor's messages say is in the line, and the handle is there to be acked."""
    vendor, reader = VendorMessages(), EventReader(STREAMS[event_type])
    for seed in range(_MADE_UP):
        response = _delivered(event_type, vendor, seed)
        delivery = reader.read(response.SerializeToString(), _RECEIVED_AT)
        line = json.loads(delivery.line)
        payload = getattr(response, f"{event_type}_event")
        assert delivery.ack_info == "made-up-handle"
        assert delivery.redelivered
        assert line["event"] == json_format.MessageToDict(payload, preserving_proto_field_name=True)
        assert line["event_time"] == response.metadata.timestamp.ToJsonString()
        assert "raw" not in line


def _set_messages(message: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Walk the messages of a tree that are set and can have an added field, by their paths."""
    yield path
    for field, value in message.ListFields():
        if field.message_type is not None and "added_later" in field.message_type.fields_by_name:
            yield from _set_messages(value, (*path, field.name))


@pytest.mark.parametrize("event_type", _STREAMS)
def test_unknown_fields_at_any_level_are_kept(event_type: str) -> None:
    """A field that we don't know, wherever it is, puts the whole message into the line."""
    vendor, reader = VendorMessages(is_newer=True), EventReader(STREAMS[event_type])
    original = _delivered(event_type, vendor)
    known = json.loads(reader.read(original.SerializeToString(), _RECEIVED_AT).line)
    paths = list(_set_messages(original))
    assert ("metadata", "identifier", "subscription_identifier") in paths
    assert len([path for path in paths if path[:1] == (f"{event_type}_event",)]) > 1
    for path in paths:
        newer = type(original).FromString(original.SerializeToString())
        owner = newer
        for name in path:
            owner = getattr(owner, name)
        owner.added_later = "made up"
        message = newer.SerializeToString()
        line = json.loads(reader.read(message, _RECEIVED_AT).line)
        assert base64.b64decode(line.pop("raw")) == message
        line.pop("event_id")  # what the payload says is part of its identity, known or not
        assert line == {name: value for name, value in known.items() if name != "event_id"}
