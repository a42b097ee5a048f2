"""Reads the comments of ``protos/``, which generated code doesn't have."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import grpc_tools
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PROTOS: Final = Path(__file__).parents[2] / "protos"


def proto_comments() -> Mapping[str, str]:
    """Return the comment above each message type, field and method, by full name, on one line.

    Raises:
        ValueError: The compiler failed. It has printed why.
    """
    with TemporaryDirectory() as folder:
        output = Path(folder) / "descriptors.binpb"
        failed = protoc.main(
            [
                "protoc",
                f"--proto_path={_PROTOS}",
                f"--proto_path={Path(grpc_tools.__file__).parent / '_proto'}",
                "--include_source_info",
                f"--descriptor_set_out={output}",
                *(str(path) for path in sorted(_PROTOS.rglob("*.proto"))),
            ]
        )
        if failed:
            raise ValueError(f"protoc could not compile {_PROTOS}")
        files = FileDescriptorSet.FromString(output.read_bytes()).file
    return {
        _full_name(file, location.path): " ".join(location.leading_comments.split())
        for file in files
        for location in file.source_code_info.location
        if location.leading_comments
    }


def _full_name(file: FileDescriptorProto, path: Iterable[int]) -> str:
    """Return the full name of what is commented.

    Args:
        file: The file.
        path: The numbers of a field and of an item in it, alternately, from the file inwards.
    """
    names = [file.package]
    node: Any = file
    numbers = iter(path)
    for field, index in zip(numbers, numbers, strict=False):
        node = getattr(node, node.DESCRIPTOR.fields_by_number[field].name)[index]
        names.append(node.name)
    return ".".join(names)
