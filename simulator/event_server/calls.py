"""What the stream and the ack calls have in common: the server's state, and who calls."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc

    from simulator.event_server.authorization import Authorization, Refused
    from simulator.event_server.ledger import Ledger
    from simulator.event_server.queues import Queues
    from simulator.event_server.rules import ServerRules
    from simulator.event_server.wakeups import Wakeups
    from simulator.injection import Faults


@dataclass(frozen=True, kw_only=True)
class ServerState:
    """All that the calls of a server share.

    Attributes:
        rules: What the server promises and permits.
        authorization: Who may call.
        faults: What goes wrong, and when.
        changed: Guards the three below, and is notified of every entry in the ledger.
        queues: Who gets which event.
        wakeups: How a stream learns that there is something to send.
        ledger: Where all that happens is entered.
    """

    rules: ServerRules
    authorization: Authorization
    faults: Faults
    changed: threading.Condition
    queues: Queues
    wakeups: Wakeups
    ledger: Ledger

    def client_of(self, scope: str, context: grpc.ServicerContext) -> str:
        """Give the id of the client that calls.

        Raises:
            Refused: The call's ``authorization`` metadata does not allow it.
        """
        header = next(
            (value for key, value in context.invocation_metadata() if key == "authorization"), None
        )
        header = header.decode() if isinstance(header, bytes) else header
        return self.authorization.client_of(header, scope)

    def enter_failure(self, path: str, refused: Refused) -> None:
        """Enter in the ledger that a call is refused."""
        with self.changed:
            self.ledger.record_failure(path, refused.code.name, refused.reason)


def wait_for_end(context: grpc.ServicerContext, timeout_seconds: float | None = None) -> None:
    """Wait until a call has ended, or for so long; the server's stop ends it too."""
    ended = threading.Event()
    if context.add_callback(ended.set):
        ended.wait(timeout_seconds)


def presentable_metadata(context: grpc.ServicerContext) -> tuple[tuple[str, str], ...]:
    """Give a call's metadata with a SHA-256 in place of its authorization."""
    return tuple(
        (key, hashlib.sha256(str(value).encode()).hexdigest())
        if key == "authorization"
        else (key, str(value))
        for key, value in context.invocation_metadata()
    )
