"""HTTP/1.1 messages over asyncio's streams: whole ones, read and written with their bodies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from http.client import responses
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

Headers = tuple[tuple[str, str], ...]

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "expect"})
"""Not signed by botocore, or the same for a body that is sent in one piece."""


@dataclass(frozen=True)
class Message:
    """A request or an answer.

    Attributes:
        first_line: Without the line's end.
        headers: As they came, names in any case.
        body: Freed from the transfer's encoding.
    """

    first_line: str
    headers: Headers
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """Give a header's value; empty if it isn't there."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def status(self) -> int:
        """An answer's status."""
        return int(self.first_line.split()[1])

    @classmethod
    def answer(cls, status: int, body: bytes, headers: Headers) -> Self:
        """Make an answer."""
        return cls(f"HTTP/1.1 {status} {responses.get(status, 'Made Up')}", headers, body)

    def encode(self) -> bytes:
        """Write the message, its body in one piece."""
        headers = [pair for pair in self.headers if pair[0].lower() not in _FRAMING]
        headers.append(("Content-Length", str(len(self.body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        return f"{self.first_line}\r\n{head}\r\n".encode("latin-1") + self.body


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Message | None:
    """Read the next request of a connection, its body asked for if need be; None at its end."""
    message = await _read_head(reader)
    if message is None:
        return None
    if message.header("expect"):
        writer.write(_CONTINUE)
    return await _read_body(reader, message)


async def read_answer(reader: asyncio.StreamReader) -> Message:
    """Read an answer.

    Raises:
        ConnectionError: There is none.
    """
    message = await _read_head(reader)
    if message is None:
        raise ConnectionError("the connection ended without an answer")
    return await _read_body(reader, message)


def unwrapped(request: Message) -> bytes:
    """Give a request's content: without the chunks that botocore signs one by one, if it did."""
    if "aws-chunked" not in request.header("content-encoding"):
        return request.body
    return b"".join(_aws_chunks(request.body))


def _aws_chunks(body: bytes) -> Iterator[bytes]:
    while body:
        line, _, rest = body.partition(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            return
        yield rest[:size]
        body = rest[size + 2 :]


async def _read_head(reader: asyncio.StreamReader) -> Message | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first_line, *lines = head.rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Message(first_line, tuple((name, value.strip()) for name, _, value in pairs))


async def _read_body(reader: asyncio.StreamReader, message: Message) -> Message:
    if "chunked" in message.header("transfer-encoding"):
        chunks = []
        while size := int((await reader.readline()).partition(b";")[0], 16):
            chunks.append(await reader.readexactly(size))
            await reader.readline()
        while (await reader.readline()).strip():
            pass  # trailers
        return replace(message, body=b"".join(chunks))
    length = int(message.header("content-length") or 0)
    return replace(message, body=await reader.readexactly(length))
