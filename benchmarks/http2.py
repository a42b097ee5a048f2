"""The part of HTTP/2 (RFC 9113) that a gRPC server with known requests needs.

Frames are built once, and the stream's number is inserted later. Headers are literals, which need
no table (RFC 7541, section 6.2.2).
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

CONNECTION: Final = b"\0\0\0\0"
"""The stream number of frames that concern the whole connection."""
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD: Final = 9
FIRST_WINDOW: Final = 65_535
"""The initial flow control window of a connection, in bytes."""

DATA: Final = 0
HEADERS: Final = 1
SETTINGS: Final = 4
PING: Final = 6
WINDOW_UPDATE: Final = 8

ACK: Final = 1
END_STREAM: Final = 1
_END_HEADERS: Final = 4
_INITIAL_WINDOW_SIZE: Final = 4

_MOST_ROOM: Final = 2**31 - 1 - FIRST_WINDOW
_head = Struct(">BHBBI")
_setting = Struct(">HI")
_number = Struct(">I")
_message_head = Struct(">BI")


class FrameHead(NamedTuple):
    """The nine bytes before each frame's content."""

    length: int
    kind: int
    flags: int
    stream: bytes


def frame_head(received: bytes | bytearray, at: int) -> FrameHead:
    """Read the head of the frame that starts at an offset; at least nine bytes must follow."""
    high, low, kind, flags, _ = _head.unpack_from(received, at)
    return FrameHead(high << 16 | low, kind, flags, bytes(received[at + 5 : at + FRAME_HEAD]))


def frame(kind: int, flags: int, content: bytes, stream: bytes = CONNECTION) -> bytes:
    """Return a frame, by default one of the connection itself."""
    return before_stream(kind, flags, len(content)) + stream + content


def before_stream(kind: int, flags: int, length: int) -> bytes:
    """Return the part of a frame before its stream's number."""
    return _head.pack(length >> 16, length & 0xFFFF, kind, flags, 0)[:5]


def grpc_message(content: bytes) -> bytes:
    """Put gRPC's head before a message, uncompressed."""
    return _message_head.pack(0, len(content)) + content


def literal_headers(*headers: tuple[str, str]) -> bytes:
    """Encode headers as literals with literal names, none of them longer than 126 bytes."""
    return b"".join(
        b"\0" + b"".join(bytes([len(text)]) + text.encode() for text in header)
        for header in headers
    )


def headers_before_stream(block: bytes, *, ends: bool = False) -> bytes:
    """Return a frame with a whole header block, up to its stream's number."""
    return before_stream(HEADERS, _END_HEADERS | (END_STREAM if ends else 0), len(block))


def more_room() -> bytes:
    """Return a WINDOW_UPDATE with the maximum increment: more than any bench sends."""
    return frame(WINDOW_UPDATE, 0, _number.pack(_MOST_ROOM))


def window_increment(content: bytes) -> int:
    """Read the increment of a WINDOW_UPDATE."""
    (increment,) = _number.unpack(content)
    return int(increment)


def initial_window(settings: bytes) -> int | None:
    """Read the initial window of new streams from a SETTINGS frame; None if it isn't set."""
    return dict(_setting.iter_unpack(settings)).get(_INITIAL_WINDOW_SIZE)
