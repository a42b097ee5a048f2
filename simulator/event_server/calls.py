"""Shared by stream calls and ack calls: authorization, state, notification of streams."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from simulator.event_server.delivery_queue import DeliveryQueue, Queues
    from simulator.event_server.ledger import Ledger
    from simulator.event_server.rules import ServerRules
    from simulator.injection import Faults
    from simulator.token_ledger import TokenLedger


class AuthMode(Enum):
    """The vendor's endpoint that the server behaves like."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"


class Refused(Exception):
    """A call that is ended before it does anything; carries the gRPC status to answer with."""

    def __init__(self, code: grpc.StatusCode, reason: str) -> None:
        super().__init__(f"{code.name}: {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Authorization:
    """Checks calls against the tokens that were issued.

    Attributes:
        mode: Production needs a token on every call, the sandbox takes calls without one.
        tokens: The ledger to look them up in.
    """

    mode: AuthMode
    tokens: TokenLedger

    def client_of(self, header: str | None, scope: str) -> str:
        """Return the id of the client that calls; empty for an anonymous one.

        Args:
            header: The call's ``authorization`` metadata.
            scope: The scope that the token must have; empty if none is needed.

        Raises:
            Refused: ``UNAUTHENTICATED`` without a valid token, ``PERMISSION_DENIED`` without the
                scope. The reason names no token.
        """
        if header is None:
            if self.mode is AuthMode.SANDBOX:
                return ""
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "no authorization metadata")
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer":
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "authorization is not of type Bearer")
        grant = self.tokens.check(token)
        if grant is None:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "the token is not valid")
        if scope and scope not in grant.scopes:
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"the token lacks the scope {scope}")
        return grant.client_id


class OpenStream:
    """What the loop of one stream waits for, and what ends it."""

    def __init__(self) -> None:
        self.abort: tuple[grpc.StatusCode, str] | None = None
        self._news = threading.Event()

    def wake(self) -> None:
        """Make the stream check again for something to send."""
        self._news.set()

    def wait(self, timeout_seconds: float | None) -> None:
        """Wait until this stream is woken, or the time is over."""
        self._news.wait(timeout_seconds)
        self._news.clear()


class Wakeups:
    """The streams that are open. To be used under the server's lock."""

    def __init__(self) -> None:
        self._open: dict[int, OpenStream] = {}

    def add(self, stream_id: int) -> OpenStream:
        """Add a stream to those that are woken."""
        stream = self._open[stream_id] = OpenStream()
        return stream

    def remove(self, stream_id: int) -> None:
        """Remove a stream from those that are woken."""
        del self._open[stream_id]

    def wake(self, queue: DeliveryQueue) -> None:
        """Wake the streams of a queue: there is room, or an event has come back."""
        for stream_id in queue.streams:
            self._open[stream_id].wake()

    def wake_all(self) -> None:
        """Wake all streams: there are new events."""
        for stream in self._open.values():
            stream.wake()

    def abort_all(self, code: grpc.StatusCode, details: str) -> None:
        """End all open streams with a status."""
        for stream in self._open.values():
            stream.abort = (code, details)
            stream.wake()


@dataclass(frozen=True, kw_only=True)
class ServerState:
    """The state that the calls of a server share.

    Attributes:
        rules: Limits and behaviour of the server.
        authorization: Checks who may call.
        faults: The injected faults.
        changed: Guards the three below, and is notified of every change of the ledger.
        queues: Decides which stream gets which event.
        wakeups: Notifies streams that there is something to send.
        ledger: The record of all that happens.
    """

    rules: ServerRules
    authorization: Authorization
    faults: Faults
    changed: threading.Condition
    queues: Queues
    wakeups: Wakeups
    ledger: Ledger

    def client_of(self, scope: str, context: grpc.ServicerContext) -> str:
        """Return the id of the client that calls.

        Raises:
            Refused: The call's ``authorization`` metadata does not allow it.
        """
        header = next(
            (value for key, value in context.invocation_metadata() if key == "authorization"), None
        )
        header = header.decode() if isinstance(header, bytes) else header
        return self.authorization.client_of(header, scope)

    def record_failure(self, path: str, refused: Refused) -> None:
        """Record a refused call in the ledger."""
        with self.changed:
            self.ledger.record_failure(path, refused.code.name, refused.reason)


def wait_for_end(context: grpc.ServicerContext, timeout_seconds: float | None = None) -> None:
    """Wait until a call has ended, or for so long; the server's stop ends it too."""
    ended = threading.Event()
    if context.add_callback(ended.set):
        ended.wait(timeout_seconds)


def presentable_metadata(context: grpc.ServicerContext) -> tuple[tuple[str, str], ...]:
    """Return a call's metadata with a SHA-256 in place of its authorization."""
    return tuple(
        (key, hashlib.sha256(str(value).encode()).hexdigest())
        if key == "authorization"
        else (key, str(value))
        for key, value in context.invocation_metadata()
    )
