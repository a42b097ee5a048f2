"""Made-up streams, whose events have the fields that a test needs."""

from __future__ import annotations

from typing import Final

from google.protobuf import text_format
from google.protobuf.any_pb2 import DESCRIPTOR as ANY
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.duration_pb2 import DESCRIPTOR as DURATION
from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP
from google.protobuf.wrappers_pb2 import DESCRIPTOR as WRAPPERS

from eventdrain.events import EventStream

_ODD: Final = """
name: "odd.proto" package: "odd" syntax: "proto3"
dependency: "google/protobuf/any.proto"
dependency: "google/protobuf/timestamp.proto"
dependency: "google/protobuf/duration.proto"
dependency: "google/protobuf/wrappers.proto"
message_type {{
  name: "Odd"
  {fields}
  nested_type {{ name: "Mark" }}
  nested_type {{
    name: "Note" field {{ name: "text" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }}
  }}
  nested_type {{
    name: "Only" field {{ name: "value" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL }}
  }}
  nested_type {{
    name: "TagsEntry" options {{ map_entry: true }}
    field {{ name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }}
    field {{ name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }}
  }}
  enum_type {{ name: "Kind" value {{ name: "UNKNOWN" number: 0 }} }}
}}
message_type {{
  name: "Response"
  field {{ name: "odd" number: 2 type: TYPE_MESSAGE type_name: ".odd.Odd" label: LABEL_OPTIONAL }}
}}
message_type {{ name: "Request" }}
service {{
  name: "OddService"
  method {{
    name: "Stream" input_type: ".odd.Request" output_type: ".odd.Response" server_streaming: true
  }}
}}
"""


def stream_of(*fields: str) -> EventStream:
    """Return a stream whose event has these fields, given as `name type` or `name message`."""
    written = ""
    for number, field in enumerate(fields, start=1):
        name, kind, *label = field.split()
        is_message = "." in kind and not kind.endswith("Kind")
        kind_text = (
            f"type: TYPE_{'MESSAGE' if is_message else 'ENUM'} type_name: '{kind}'"
            if "." in kind
            else f"type: TYPE_{kind.upper()}"
        )
        written += (
            f"field {{ name: '{name}' number: {number} {kind_text}"
            f" label: LABEL_{(label or ['optional'])[0].upper()} }}\n"
        )
    pool = DescriptorPool()
    for known in (ANY, TIMESTAMP, DURATION, WRAPPERS):
        pool.AddSerializedFile(known.serialized_pb)
    file = text_format.Parse(_ODD.format(fields=written), FileDescriptorProto())
    pool.Add(file)
    service = pool.FindServiceByName("odd.OddService")
    return EventStream("odd", service, "Stream", "", "")
