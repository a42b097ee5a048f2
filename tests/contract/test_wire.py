"""The wire contract: the generated code is as compared with the vendor's published interface.

A digest pins each file. After a deliberate change, compare the file with the vendor's interface and
update its digest.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from eventdrain.events import STREAMS
from wgtwo.common.v1 import phonenumber_pb2, types_pb2
from wgtwo.consents.v1 import consent_events_pb2
from wgtwo.events.v1 import events_pb2
from wgtwo.subscription.v1 import subscription_events_pb2

_GENERATED: Final = Path(events_pb2.__file__).parents[3]
_COMPARED: Final = {
    phonenumber_pb2: "sha256:18e213f8af7eabc8",
    types_pb2: "sha256:c327527dfc0756fa",
    events_pb2: "sha256:fb20c1168eb19cd6",
    subscription_events_pb2: "sha256:cd6e765c699a53e1",
    consent_events_pb2: "sha256:1212b20d67478677",
}
_SUBSCRIPTIONS: Final = "/wgtwo.subscription.v1.SubscriptionEventService"
_PATHS: Final = {
    "handset_change": f"{_SUBSCRIPTIONS}/StreamHandsetChangeEvents",
    "country_change": f"{_SUBSCRIPTIONS}/StreamCountryChangeEvents",
    "first_attachment": f"{_SUBSCRIPTIONS}/StreamFirstAttachmentEvents",
    "periodic_country": f"{_SUBSCRIPTIONS}/StreamPeriodicCountryEvents",
    "consent_change": "/wgtwo.consents.v1.ConsentEventService/StreamConsentChangeEvents",
}


def _digest(descriptor: bytes) -> str:
    """Return a digest of the parts of a file that the wire or a client's code depends on."""
    file = FileDescriptorProto.FromString(descriptor)
    file.ClearField("dependency")
    for message in file.message_type:
        message.field.sort(key=lambda field: field.number)
        for field in message.field:
            field.ClearField("json_name")
            field.ClearField("options")
    file.message_type.sort(key=lambda message: message.name)
    digest = hashlib.sha256(file.SerializeToString(deterministic=True)).hexdigest()
    return f"sha256:{digest[:16]}"


def test_every_generated_file_was_compared() -> None:
    """Every generated file has a digest, and every digest a file."""
    names = {str(path.relative_to(_GENERATED)) for path in _GENERATED.rglob("*_pb2.py")}
    compared = {module.DESCRIPTOR.name.replace(".proto", "_pb2.py") for module in _COMPARED}
    assert compared == names


@pytest.mark.parametrize(("module", "digest"), _COMPARED.items(), ids=lambda each: str(each)[-60:])
def test_generated_code_is_the_vendors(module: object, digest: str) -> None:
    """Messages, fields, types, labels, oneofs, enums, services and methods are unchanged."""
    assert _digest(module.DESCRIPTOR.serialized_pb) == digest  # type: ignore[attr-defined]


def test_engine_calls_the_vendors_methods() -> None:
    """The paths that the engine calls are those of the vendor's interface."""
    assert {name: stream.stream_path for name, stream in STREAMS.items()} == _PATHS
    for name, stream in STREAMS.items():
        assert stream.ack_path == _PATHS[name].replace("/Stream", "/Ack").removesuffix("s")
