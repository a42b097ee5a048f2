"""An S3, SQS and Secrets Manager in a process, over real HTTP, that answer at once or later.

It answers PutObject of S3, and in the JSON protocol SendMessage and SendMessageBatch of SQS and
GetSecretValue of Secrets Manager. What is written is counted, not kept. It prints its port, and
at the end of its input a JSON object: ``objects``, ``archived`` (events in them), ``calls`` of SQS,
``messages`` sent, ``published`` (events in them, one per line), ``secrets`` read, and
``cpu_seconds``.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import uuid4

import click

from benchmarks.deployed import secrets
from benchmarks.serving import serve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_END_OF_HEAD: Final = b"\r\n\r\n"
_GZIP: Final = b"\x1f\x8b"


class Connection(asyncio.Protocol):
    """One kept-alive connection, one request at a time.

    Args:
        counts: The counts to update.
        s3_seconds: Latency of a PutObject.
        sqs_seconds: Latency of an SQS call.
    """

    def __init__(self, counts: Counter[str], *, s3_seconds: float, sqs_seconds: float) -> None:
        self._counts = counts
        self._s3_seconds = s3_seconds
        self._sqs_seconds = sqs_seconds
        self._secrets = secrets()
        self._received = b""
        self._was_told_to_go_on = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer a request once it is whole."""
        self._received += data
        head_text, separator, body = self._received.partition(_END_OF_HEAD)
        if not separator:
            return
        request_line, *lines = head_text.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        if "expect" in headers and not self._was_told_to_go_on:
            self._was_told_to_go_on = True
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if len(body) < int(headers["content-length"]):
            return
        self._received = b""
        self._was_told_to_go_on = False
        if request_line.startswith("PUT "):
            self._answer_later(self._s3_seconds, self._put_object(body))
        else:
            action = headers["x-amz-target"].partition(".")[2]
            request = json.loads(body)
            if action == "getsecretvalue":
                self._answer_later(0, self._secret(request["SecretId"]))
            else:
                self._answer_later(self._sqs_seconds, self._send(action, request))

    def _put_object(self, body: bytes) -> bytes:
        self._counts["objects"] += 1
        text = gzip.decompress(body) if body.startswith(_GZIP) else body
        self._counts["archived"] += text.count(b"\n")
        etag = md5(body, usedforsecurity=False).hexdigest()
        return f'ETag: "{etag}"\r\nContent-Length: 0\r\n\r\n'.encode()

    def _send(self, action: str, request: Mapping[str, Any]) -> bytes:
        self._counts["calls"] += 1
        answer: dict[str, Any]
        if action == "sendmessagebatch":
            sent = [{"Id": entry["Id"], **_receipt(entry)} for entry in request["Entries"]]
            self._count(request["Entries"])
            answer = {"Successful": sent}
        elif action == "sendmessage":
            self._count([request])
            answer = _receipt(request)
        else:
            raise ValueError(action)
        return _json(answer)

    def _secret(self, arn: str) -> bytes:
        self._counts["secrets"] += 1
        return _json({"ARN": arn, "Name": arn, "SecretString": self._secrets[arn]})

    def _count(self, messages: Sequence[Mapping[str, Any]]) -> None:
        self._counts["messages"] += len(messages)
        self._counts["published"] += sum(
            message["MessageBody"].count("\n") + 1 for message in messages
        )

    def _answer_later(self, seconds: float, answer: bytes) -> None:
        answer = f"HTTP/1.1 200 OK\r\nx-amzn-RequestId: {uuid4()}\r\n".encode() + answer
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _json(answer: Mapping[str, Any]) -> bytes:
    body = json.dumps(answer).encode()
    head = f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _receipt(message: Mapping[str, Any]) -> dict[str, str]:
    body = md5(message["MessageBody"].encode(), usedforsecurity=False).hexdigest()
    return {
        "MessageId": str(uuid4()),
        "MD5OfMessageBody": body,
        # boto3 checks neither; the second makes the answer as long as a real one.
        "MD5OfMessageAttributes": body,
    }


@click.command()
@click.option("--s3-ms", default=0.0, show_default=True, help="Latency of a PutObject.")
@click.option("--sqs-ms", default=0.0, show_default=True, help="Latency of an SQS call.")
@click.option("--certificate", type=click.Path(path_type=Path), help="Serve over TLS with it.")
def main(s3_ms: float, sqs_ms: float, certificate: Path | None) -> None:
    """Accept writes to S3 and SQS and reads of secrets, and count them."""
    counts = Counter(objects=0, archived=0, calls=0, messages=0, published=0, secrets=0)
    cpu_seconds = asyncio.run(
        serve(
            lambda: Connection(counts, s3_seconds=s3_ms / 1000, sqs_seconds=sqs_ms / 1000),
            certificate,
        )
    )
    click.echo(json.dumps({**counts, "cpu_seconds": cpu_seconds}))


if __name__ == "__main__":
    main()
