"""The event server as one object."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Self

import grpc
from grpc_reflection.v1alpha import reflection

from simulator.event_server.ack_calls import AckCalls
from simulator.event_server.calls import AuthMode, Authorization, ServerState, Wakeups
from simulator.event_server.delivery_queue import Queues
from simulator.event_server.event_types import EVENT_TYPES
from simulator.event_server.ledger import Ledger
from simulator.event_server.made_up import made_up_events
from simulator.event_server.rules import ServerRules
from simulator.event_server.stream_calls import StreamCalls
from simulator.injection import Faults
from simulator.token_ledger import TokenLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta
    from types import TracebackType

    from simulator.event_server.event import Event
    from simulator.event_server.ledger import LedgerSnapshot

_MOST_CALLS: Final = 1000
"""Maximum of threads: an ack that is never answered occupies one."""


class EventServer:
    """A faithful server of all five event streams. Its methods may be called from any thread.

    ``with EventServer() as server:`` serves on a free port of the loopback interface until the
    block ends; then its port and its threads are gone. An object serves once.

    Args:
        rules: Limits and behaviour of the server.
        auth: Whether calls need a token, as in production, or not, as in the sandbox.
        tokens: The valid tokens; share it with a token server.
        faults: The faults to inject; may be changed while the server runs.
        host: The address to listen on.
        port: The port; 0 for a free one.
        credentials: Serves TLS with these, plaintext without. With TLS, the endpoint's host is
            ``localhost``, so the certificate must be valid for that name.
    """

    def __init__(
        self,
        rules: ServerRules | None = None,
        *,
        auth: AuthMode = AuthMode.SANDBOX,
        tokens: TokenLedger | None = None,
        faults: Faults | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self.rules = rules or ServerRules()
        self.tokens = tokens or TokenLedger()
        self.faults = faults or Faults()
        self.port = port
        self._host = host
        self._credentials = credentials
        self._epoch = time.time() - time.monotonic() * self.rules.clock_speed
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._ledger = Ledger(self._changed.notify_all)
        self._queues = Queues(self.rules, self._clock)
        self._wakeups = Wakeups()
        state = ServerState(
            rules=self.rules,
            authorization=Authorization(auth, self.tokens),
            faults=self.faults,
            changed=self._changed,
            queues=self._queues,
            wakeups=self._wakeups,
            ledger=self._ledger,
        )
        self._threads = ThreadPoolExecutor(_MOST_CALLS, thread_name_prefix="event-server")
        self._server = _grpc_server(self.rules, StreamCalls(state), AckCalls(state), self._threads)

    @property
    def target(self) -> str:
        """Where it listens, as ``host:port``."""
        return f"{self._host if self._credentials is None else 'localhost'}:{self.port}"

    @property
    def endpoint(self) -> str:
        """Where it listens, as a URL."""
        return f"{'http' if self._credentials is None else 'https'}://{self.target}"

    def start(self) -> Self:
        """Listen.

        Raises:
            RuntimeError: The port is not available.
        """
        address = f"{self._host}:{self.port}"
        self.port = (
            self._server.add_insecure_port(address)
            if self._credentials is None
            else self._server.add_secure_port(address, self._credentials)
        )
        self._server.start()
        return self

    def stop(self) -> None:
        """End all calls at once, close the port and wait for the threads. Idempotent."""
        self._server.stop(grace=None).wait()
        self._threads.shutdown()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def publish(self, events: Iterable[Event]) -> list[int]:
        """Publish events, in this order, and return their numbers."""
        numbers = []
        events = list(events)
        with self._changed:
            for event in events:
                number = next(self._numbers)
                self._ledger.record_published(number, event)
                self._queues.publish(number, event)
                numbers.append(number)
            self._wakeups.wake_all()
        return numbers

    def publish_made_up(self, event_type: str, count: int, seed: int = 0) -> list[int]:
        """Publish made-up events and return their numbers; other seeds make other events."""
        return self.publish(made_up_events(event_type, count, seed))

    def ledger(self) -> LedgerSnapshot:
        """Return a copy of the ledger, also after :meth:`stop`."""
        with self._changed:
            return self._ledger.snapshot()

    def counts(self) -> dict[str, int]:
        """Return the ledger's totals."""
        with self._changed:
            return self._ledger.counts()

    def advance(self, duration: timedelta) -> None:
        """Let time pass at once for the queues: for ack time-outs, positions and the history."""
        with self._changed:
            self._epoch += duration.total_seconds()
            self._wakeups.wake_all()

    def lag_seconds(self) -> float:
        """Return the age of the oldest event that is not acked; 0 if there is none."""
        with self._changed:
            return self._ledger.lag_seconds()

    def wait_until(
        self, predicate: Callable[[LedgerSnapshot], object], timeout_seconds: float = 30
    ) -> LedgerSnapshot:
        """Wait until a condition on the ledger holds, and return a copy of the ledger.

        Args:
            predicate: The condition; called with the live ledger after every change.
            timeout_seconds: How long to wait.

        Raises:
            TimeoutError: The condition did not hold in time; the message has the ledger's totals.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: predicate(self._ledger), timeout_seconds):
                raise TimeoutError(
                    f"the condition did not hold within {timeout_seconds:g} s:"
                    f" {self._ledger.counts()}"
                )
            return self._ledger.snapshot()

    def abort_streams(
        self,
        code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE,
        details: str = "injected",
    ) -> None:
        """End all open streams with a status, now."""
        with self._changed:
            self._wakeups.abort_all(code, details)

    def _clock(self) -> float:
        return self._epoch + time.monotonic() * self.rules.clock_speed


def _grpc_server(
    rules: ServerRules, streams: StreamCalls, acks: AckCalls, threads: ThreadPoolExecutor
) -> grpc.Server:
    """Return a server that doesn't listen yet; its reflection needs no token.

    It is gRPC's threaded server, not the asyncio one. All asyncio users of a process share one
    poller, which logs errors if their event loops start and stop, and a client under test has its
    own loop. Requests and responses are raw bytes.
    """
    methods: defaultdict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = defaultdict(dict)
    for kind in EVENT_TYPES.values():
        methods[kind.service] |= {
            kind.stream_method: grpc.unary_stream_rpc_method_handler(
                functools.partial(streams.stream, kind)
            ),
            kind.ack_method: grpc.unary_unary_rpc_method_handler(functools.partial(acks.ack, kind)),
        }
    server = grpc.server(
        threads,
        handlers=[
            grpc.method_handlers_generic_handler(service, handlers)
            for service, handlers in methods.items()
        ],
        options=_options(rules),
    )
    reflection.enable_server_reflection([*methods, reflection.SERVICE_NAME], server)
    return server


def _options(rules: ServerRules) -> tuple[tuple[str, int], ...]:
    return (
        ("grpc.so_reuseport", 0),  # a port in use is an error, not shared
        ("grpc.max_send_message_length", -1),
        ("grpc.max_connection_age_ms", _milliseconds(rules.connection_age)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(rules.connection_age_grace)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _milliseconds(rules.ping_interval_min)),
    )


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
