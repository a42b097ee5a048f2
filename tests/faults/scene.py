"""A scene: the real engine between real servers, each of which can be made to fail."""

from __future__ import annotations

import json
import logging
import os
import secrets
import tempfile
import threading
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from gzip import decompress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from unittest.mock import patch

from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS
from eventdrain.settings import Settings
from eventdrain.wiring import SINKS, run_drain
from simulator.event_server import AuthMode, EventServer, ServerRules, TokenLedger, made_up_events
from simulator.injection import Faults
from simulator.reconciliation import archive_keys, message_lines
from simulator.token_server import TokenServer
from tests.faults.invariants import Evidence, RunRecord, violations
from tests.faults.journal import Journal
from tests.faults.tcp_proxy import TcpProxy
from tests.schema_checks import check_line, take_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import grpc

    from eventdrain.drain import Report
    from eventdrain.wiring import SinkRow
    from simulator.event_server import Event, LedgerSnapshot
    from tests.faults.cloud import Cloud

CLIENT_ID: Final = "made-up-client"
QUICK: Final[Mapping[str, Any]] = {
    "idle": timedelta(milliseconds=300),
    "linger": timedelta(milliseconds=20),
    "window": timedelta(seconds=10),
    "reserve": timedelta(seconds=5),
}
"""The settings of a drain in tests."""
_ALLOWED: Final = timedelta(seconds=20)
_OTHERS_THREADS: Final = (
    "event-server",
    "token-server",
    "proxies",
    "process_request_thread",
    "(_serve)",
    "_poll_wrapper",
    "Dummy-",
)
"""Parts of the names of threads of the servers, and of gRPC and the Common Runtime, which keep
them until the process ends. Python calls a native thread that uses it ``Dummy-``."""
_GONE_WITHIN_SECONDS: Final = 10.0


class Scene:
    """Event server, token server and AWS places of one test, for the length of a ``with`` block.

    Args:
        cloud: The AWS.
        rules: The event server's rules.
        seed: Of the faults' random numbers.
        credentials: If set, the event server uses TLS with these, and has no proxy.

    Attributes:
        faults: The faults of all servers and proxies.
        journal: When the sinks confirmed which events.
        event_server: The event API, with production's authorization.
        token_server: The token endpoint, with one client.
        wire: The proxy before the event server.
        places: Where the engine writes.
        runs: The runs so far.
        secrets: Values that must not be logged.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        rules: ServerRules | None = None,
        seed: int = 0,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self.cloud = cloud
        self.faults = Faults(seed)
        self.journal = Journal()
        tokens = TokenLedger()
        self.event_server = EventServer(
            rules,
            auth=AuthMode.PRODUCTION,
            tokens=tokens,
            faults=self.faults,
            credentials=credentials,
        )
        self.token_server = TokenServer(tokens, faults=self.faults)
        self.client_secret = ""
        self.runs: list[RunRecord] = []
        self.secrets: set[str] = set()
        self._texts: list[str] = []
        self._messages: list[dict[str, Any]] = []
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(self.event_server)
            starting.enter_context(self.token_server)
            self.wire = starting.enter_context(
                TcpProxy(upstream_port=self.event_server.port, faults=self.faults)
            )
            self._folder = Path(starting.enter_context(tempfile.TemporaryDirectory()))
            self._running = starting.pop_all()
        self.places = self.cloud.new_places()
        self.cloud.attach(self.faults, self.journal)
        self.rotate_client()
        return self

    def __exit__(self, *_error: object) -> None:
        self.cloud.attach(Faults(), Journal())  # ends the calls that a fault keeps open
        self._running.close()

    def put_credentials(self, content: Mapping[str, Any] | str) -> None:
        """Write the credentials secret, as an operator does."""
        text = content if isinstance(content, str) else json.dumps(content)
        self.cloud.secrets.put_secret_value(SecretId=self.places.credentials_arn, SecretString=text)

    def rotate_client(self) -> None:
        """Replace the client's secret, at the token endpoint and in the credentials secret."""
        self.client_secret = secrets.token_urlsafe(24)
        basic = b64encode(f"{CLIENT_ID}:{self.client_secret}".encode()).decode()
        self.secrets |= {self.client_secret, basic}
        scopes = [stream.scope for stream in STREAMS.values() if stream.scope]
        self.token_server.register(CLIENT_ID, self.client_secret, scopes)
        self.put_credentials({"client_id": CLIENT_ID, "client_secret": self.client_secret})

    def publish(self, count: int, seed: int = 0, event_type: str = DEFAULT_EVENT_TYPE) -> None:
        """Publish made-up events."""
        self.event_server.publish_made_up(event_type, count, seed)

    def publish_odd(self, change: Callable[[Event], Event], count: int = 1, seed: int = 99) -> None:
        """Publish made-up events that a function has made odd."""
        events = made_up_events(DEFAULT_EVENT_TYPE, count, seed)
        self.event_server.publish(map(change, events))

    def environment(self) -> dict[str, str]:
        """Return the environment of an engine of this scene."""
        direct = self.event_server.endpoint
        return {
            **self.cloud.environment(),
            "EVENT_TYPES": DEFAULT_EVENT_TYPE,
            "API_ENDPOINT": direct if direct.startswith("https") else self.wire.endpoint,
            "TOKEN_ENDPOINT": self.token_server.endpoint,
            "CREDENTIALS_SECRET_ARN": self.places.credentials_arn,
            "TOKEN_SECRET_ARN": self.places.token_arn,
            "ARCHIVE_BUCKET": self.places.bucket,
            "QUEUE_URL": self.places.queue_url,
        }

    def drain(
        self,
        *,
        allowed: timedelta = _ALLOWED,
        sinks: Sequence[SinkRow] = SINKS,
        **changes: Any,
    ) -> Report:
        """Run one window in this process, and record it.

        Args:
            allowed: The remaining time of the process, as with Lambda's time-out.
            sinks: The sinks; by default the engine's.
            changes: Settings that differ from ``QUICK``.
        """
        if "event_type" in changes:
            changes.setdefault("event_types", (changes["event_type"],))
        settings = replace(Settings.from_env(self.environment()), **{**QUICK, **changes})
        with self._watched() as leftovers, self._captured():
            began = time.monotonic()
            report = run_drain(settings, remaining=allowed, sinks=sinks)
            seconds = time.monotonic() - began
        self._texts.append(json.dumps(report.as_json()))
        self.runs.append(RunRecord(report, seconds, allowed.total_seconds(), tuple(leftovers)))
        return report

    def settle(self, *, max_windows: int = 4, **changes: Any) -> None:
        """Stop all faults, and run windows until every event that can be acked is.

        Raises:
            AssertionError: It takes more than ``max_windows``.
        """
        self.faults.clear()
        self.wire.heal()
        for _ in range(max_windows):
            if self.is_drained:
                return
            self.drain(**changes)
        assert self.is_drained, (
            f"not drained in {max_windows} windows: {self.event_server.counts()}"
        )

    @property
    def is_drained(self) -> bool:
        """Whether every event that can be acked is."""
        ledger = self.event_server.ledger()
        return all(ledger.events[number].event.frame is not None for number in ledger.unacked)

    def evidence(self, *, is_settled: bool = True) -> Evidence:
        """Return the observations."""
        places = self.places
        self._messages += [
            line
            for message in take_messages(self.cloud.sqs, places.queue_url)
            for line in message_lines(message["Body"])
        ]
        lines: list[dict[str, Any]] = []
        quarantine: dict[str, dict[str, Any]] = {}
        ids_by_key: dict[str, set[str]] = {}
        for key, _ in archive_keys(self.cloud.s3, places.bucket):
            body = self.cloud.s3.get_object(Bucket=places.bucket, Key=key)["Body"].read()
            if key.endswith(".json"):
                quarantine[key] = json.loads(body)
                check_line(quarantine[key])
                continue
            text = decompress(body)
            assert text.endswith(b"\n"), f"{key} doesn't end in a newline"
            those = [json.loads(line) for line in text.splitlines()]
            ids_by_key[key] = {line["event_id"] for line in those}
            for line in those:
                check_line(line)
            lines += those
        tokens = {grant.token for grant in self.event_server.tokens.issued()}
        return Evidence(
            ledger=self.event_server.ledger(),
            durable_at=self.journal.durable_at(),
            lines=lines,
            quarantine=quarantine,
            ids_by_key=ids_by_key,
            messages=self._messages,
            runs=self.runs,
            text="\n".join(self._texts),
            secrets=frozenset(self.secrets | tokens),
            is_settled=is_settled,
        )

    def check(self, *, is_settled: bool = True) -> Evidence:
        """Check every invariant.

        Raises:
            AssertionError: One does not hold.
        """
        evidence = self.evidence(is_settled=is_settled)
        found = violations(evidence)
        assert not found, "\n".join(found[:20])
        return evidence

    @property
    def log(self) -> str:
        """The engine's log so far."""
        return "\n".join(self._texts)

    def record(self, run: RunRecord, text: str) -> None:
        """Record a run of another process, and its output."""
        self.runs.append(run)
        self.record_text(text)

    def record_text(self, text: str) -> None:
        """Record the output of another process."""
        self._texts.append(text)

    @contextmanager
    def when(
        self, predicate: Callable[[LedgerSnapshot], object], strike: Callable[[], object]
    ) -> Iterator[None]:
        """During the block, call a function once a condition on the event server's ledger holds."""

        def wait_and_strike() -> None:
            self.event_server.wait_until(predicate)
            strike()

        with ThreadPoolExecutor(1, thread_name_prefix="proxies") as threads:
            struck = threads.submit(wait_and_strike)
            yield
            struck.result()

    @contextmanager
    def _captured(self) -> Iterator[None]:
        """Set the engine's environment, and capture its log, tracebacks included."""
        capture = logging.StreamHandler(log := StringIO())
        root, engine = logging.getLogger(), logging.getLogger("eventdrain")
        level = engine.level
        root.addHandler(capture)
        engine.setLevel(logging.DEBUG)
        try:
            # If a test of this process has imported the function, the engine logs to its handler.
            with (
                patch.object(engine, "handlers", []),
                patch.object(engine, "propagate", new=True),
                patch.dict(os.environ, self.environment()),
            ):
                yield
        finally:
            engine.setLevel(level)
            root.removeHandler(capture)
            self._texts.append(log.getvalue())

    @contextmanager
    def _watched(self) -> Iterator[list[str]]:
        """Yield a list, to which the run's leftovers are added at the end of the block."""
        left: list[str] = []
        threads = set(threading.enumerate())
        # Connections of another process that drains or is frozen at the same time.
        connections = self._sink_connections()
        with patch.object(tempfile, "tempdir", str(self._folder)):
            yield left
        give_up_at = time.monotonic() + _GONE_WITHIN_SECONDS
        while (now := self._leftovers(threads, connections)) and time.monotonic() < give_up_at:
            time.sleep(0.01)
        left += now

    def _sink_connections(self) -> int:
        return sum(self.cloud.proxies[service].open_connections() for service in ("s3", "sqs"))

    def _leftovers(self, threads: set[threading.Thread], connections: int) -> list[str]:
        left = [
            f"thread {thread.name}"
            for thread in set(threading.enumerate()) - threads
            if not any(name in thread.name for name in _OTHERS_THREADS)
        ]
        count = self._sink_connections() - connections
        if count > 0:
            left.append(f"{count} connections to the sinks")
        return left + [f"file {path.name}" for path in self._folder.iterdir()]
