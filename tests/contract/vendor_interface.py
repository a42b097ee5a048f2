"""The vendor's interface, and an independent client's messages made of it.

It was written by hand from what the vendor publishes, not taken from ``protos/`` or from generated
code, so that a slip there is found by whatever uses this.
"""

from __future__ import annotations

import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from simulator.child_process import run_child

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor_pb2 import FileDescriptorProto

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


@cache
def _compiled() -> bytes:
    """Compile the interface to a set of descriptors, those of the imports included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in CONTRACT.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(f'syntax = "proto3";\n{text}')
        options = ("-I.", "--include_imports", "--descriptor_set_out=set")
        command = (sys.executable, "-W", "ignore", "-m", "grpc_tools.protoc", *options, *CONTRACT)
        done = run_child(command, folder=folder)
        assert done.returncode == 0, done.stderr
        return (folder / "set").read_bytes()


def vendor_file(name: str) -> FileDescriptorProto:
    """Return the descriptor of one file."""
    files = FileDescriptorSet.FromString(_compiled()).file
    return next(file for file in files if file.name == name)


class VendorMessages:
    """Message classes made of the interface alone, in a descriptor pool of their own.

    Args:
        is_newer: Whether every message has a field ``added_later`` that our descriptors lack.
    """

    def __init__(self, *, is_newer: bool = False) -> None:
        self._pool = DescriptorPool()
        for file in FileDescriptorSet.FromString(_compiled()).file:
            for message in file.message_type if is_newer and file.name in CONTRACT else ():
                message.field.add(
                    name="added_later",
                    number=1999,
                    label=FieldDescriptorProto.LABEL_OPTIONAL,
                    type=FieldDescriptorProto.TYPE_STRING,
                )
            self._pool.Add(file)

    def __getitem__(self, name: str) -> Any:
        """Return a message's class by its full name."""
        return GetMessageClass(self._pool.FindMessageTypeByName(name))
