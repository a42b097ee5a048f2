"""The wire contract: the generated code says what the vendor's interface says.

The interface below was written by hand from what the vendor publishes, not taken from ``protos/``
or from generated code, so that a slip there is found.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from eventdrain.events import STREAMS
from simulator.child_process import run_child
from wgtwo.common.v1 import phonenumber_pb2, types_pb2
from wgtwo.consents.v1 import consent_events_pb2
from wgtwo.events.v1 import events_pb2
from wgtwo.subscription.v1 import subscription_events_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of each stream, by its subject in both spellings.
_MESSAGES: Final = """
message Stream{0}EventsRequest {{ wgtwo.events.v1.StreamConfiguration stream_configuration = 1; }}
message Stream{0}EventsResponse {{ wgtwo.events.v1.Metadata metadata = 1; {0}Event {1}_event = 2; }}
message Ack{0}EventRequest {{ wgtwo.events.v1.AckInfo ack_info = 1; }}
message Ack{0}EventResponse {{ wgtwo.events.v1.AckStatus ack_status = 1; }}
"""
_METHODS: Final = """
    rpc Stream{0}Events(Stream{0}EventsRequest) returns (stream Stream{0}EventsResponse);
    rpc Ack{0}Event(Ack{0}EventRequest) returns (Ack{0}EventResponse);
"""


def _service(name: str, **streams: str) -> str:
    methods = "".join(map(_METHODS.format, streams))
    messages = "".join(_MESSAGES.format(*stream) for stream in streams.items())
    return f"service {name} {{{methods}}}\n{messages}"


CONTRACT: Final[Mapping[str, str]] = {
    "wgtwo/common/v1/phonenumber.proto": """
        package wgtwo.common.v1;
        message E164 { string e164 = 1; }
    """,
    "wgtwo/common/v1/types.proto": """
        package wgtwo.common.v1;
        message Country { string code = 1; string name = 2; }
        message SubscriptionIdentifier { string value = 1; string wg2rn = 2; }
        message Imsi { string value = 1; }
        message ImeiSv { string imei = 1; string software_version = 2; }
    """,
    "wgtwo/events/v1/events.proto": """
        package wgtwo.events.v1;
        import "google/protobuf/duration.proto";
        import "google/protobuf/empty.proto";
        import "google/protobuf/timestamp.proto";
        import "wgtwo/common/v1/types.proto";
        message StreamConfiguration {
            oneof stream_type { RegularStream regular = 1; DurableQueue durable_queue = 2; }
            oneof acknowledge_option {
                google.protobuf.Empty disable_explicit_ack = 3;
                google.protobuf.Duration custom_ack_timeout = 4;
            }
            uint32 max_in_flight = 5;
            oneof start_position {
                google.protobuf.Empty start_at_new = 6;
                uint64 start_at_id = 7;
                google.protobuf.Timestamp start_at_timestamp = 8;
                google.protobuf.Empty start_at_oldest_possible = 9;
            }
        }
        message RegularStream {}
        message DurableQueue { string custom_name = 1; }
        message AckInfo { string value = 1; }
        message AckStatus {
            enum StatusCode {
                STATUS_CODE_UNSPECIFIED = 0; STATUS_CODE_FAILURE = 1; STATUS_CODE_SUCCESS = 2;
            }
            StatusCode status_code = 1;
        }
        message AckRequest { AckInfo ack_info = 1; }
        message AckResponse { AckStatus ack_status = 1; }
        message Identifier { wgtwo.common.v1.SubscriptionIdentifier subscription_identifier = 1; }
        message Metadata {
            google.protobuf.Timestamp timestamp = 1;
            Identifier identifier = 2;
            AckInfo ack_info = 3;
            bool is_redelivered = 4;
        }
    """,
    "wgtwo/subscription/v1/subscription_events.proto": """
        package wgtwo.subscription.v1;
        import "wgtwo/common/v1/phonenumber.proto";
        import "wgtwo/common/v1/types.proto";
        import "wgtwo/events/v1/events.proto";
        message Handset { wgtwo.common.v1.ImeiSv imei_sv = 1; }
        message HandsetChangeEvent {
            Handset previous = 1;
            Handset current = 2;
            wgtwo.common.v1.Imsi imsi = 3;
            wgtwo.common.v1.E164 number = 4;
        }
        message CountryChangeEvent {
            wgtwo.common.v1.Country previous = 1;
            wgtwo.common.v1.Country current = 2;
            wgtwo.common.v1.E164 number = 3;
        }
        message FirstAttachmentEvent {
            wgtwo.common.v1.E164 number = 1;
            wgtwo.common.v1.Imsi imsi = 2;
        }
        message PeriodicCountryEvent {
            wgtwo.common.v1.E164 number = 1;
            wgtwo.common.v1.Imsi imsi = 2;
            wgtwo.common.v1.Country country = 3;
        }
    """
    + _service(
        "SubscriptionEventService",
        HandsetChange="handset_change",
        CountryChange="country_change",
        FirstAttachment="first_attachment",
        PeriodicCountry="periodic_country",
    ),
    "wgtwo/consents/v1/consent_events.proto": """
        package wgtwo.consents.v1;
        import "wgtwo/common/v1/phonenumber.proto";
        import "wgtwo/events/v1/events.proto";
        message ConsentChangeEvent {
            oneof type {
                ConsentAdded added = 1; ConsentUpdated updated = 2; ConsentRevoked revoked = 3;
            }
            oneof target { wgtwo.common.v1.E164 number = 4; string tenant = 5; }
        }
        message ConsentAdded { repeated string scopes = 1; }
        message ConsentUpdated { repeated string scopes = 1; }
        message ConsentRevoked {}
    """
    + _service("ConsentEventService", ConsentChange="consent_change"),
}
"""Every file, with all that is in it."""

_MODULES: Final = (
    *(phonenumber_pb2, types_pb2, events_pb2, subscription_events_pb2, consent_events_pb2),
)
_COMPILED: Final = {module.DESCRIPTOR.name: module.DESCRIPTOR for module in _MODULES}
_GENERATED: Final = Path(events_pb2.__file__).parents[3]
_SUBSCRIPTIONS: Final = "/wgtwo.subscription.v1.SubscriptionEventService"
_PATHS: Final = {
    "handset_change": f"{_SUBSCRIPTIONS}/StreamHandsetChangeEvents",
    "country_change": f"{_SUBSCRIPTIONS}/StreamCountryChangeEvents",
    "first_attachment": f"{_SUBSCRIPTIONS}/StreamFirstAttachmentEvents",
    "periodic_country": f"{_SUBSCRIPTIONS}/StreamPeriodicCountryEvents",
    "consent_change": "/wgtwo.consents.v1.ConsentEventService/StreamConsentChangeEvents",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, FileDescriptorProto]:
    """Return the descriptors of the vendor's files, by name."""
    folder = tmp_path_factory.mktemp("protos")
    for path, text in CONTRACT.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f'syntax = "proto3";\n{text}')
    options = ("-I.", "--descriptor_set_out=set", *CONTRACT)
    done = run_child(
        (sys.executable, "-W", "ignore", "-m", "grpc_tools.protoc", *options), folder=folder
    )
    assert done.returncode == 0, done.stderr
    files = FileDescriptorSet.FromString((folder / "set").read_bytes()).file
    return {file.name: file for file in files}


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
def test_compiled_descriptors_are_the_vendors(
    published: Mapping[str, FileDescriptorProto], name: str
) -> None:
    """Messages, fields, types, labels, oneofs, enums, services and methods: no more and no less."""
    compiled = FileDescriptorProto.FromString(_COMPILED[name].serialized_pb)
    assert _as_text(compiled) == _as_text(published[name])


def test_engine_calls_the_vendors_methods() -> None:
    """The paths that our client calls are those of the vendor's interface."""
    assert {name: stream.stream_path for name, stream in STREAMS.items()} == _PATHS
    for name, stream in STREAMS.items():
        assert stream.ack_path == _PATHS[name].replace("/Stream", "/Ack").removesuffix("s")
