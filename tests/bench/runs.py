"""One run of each thing that is measured, from fresh processes, with its books checked."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.bench.processes import BenchError, Server, run, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.modes import Mode
    from tests.bench.processes import Result


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long each service takes to answer, in milliseconds."""

    s3: int = 0
    sqs: int = 0
    ack: int = 0


AT_ONCE: Final = Latencies()


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of one process that took a number of events.

    Attributes:
        events: How many.
        cpu_micros: CPU time per event, without the interpreter's start and the imports.
        process_cpu_micros: CPU time per event of the whole process.
        per_second: Events per second, set-up included.
        peak_bytes: The most memory that the process had resident.
    """

    events: int
    cpu_micros: float
    process_cpu_micros: float
    per_second: float
    peak_bytes: int

    @classmethod
    def of(cls, result: Result, events: int) -> Run:
        """Read the figures that ``measured`` prints."""
        figures = result.figures
        return cls(
            events=events,
            cpu_micros=figures["cpu_seconds"] / events * 1e6,
            process_cpu_micros=figures["process_cpu_seconds"] / events * 1e6,
            per_second=events / figures["wall_seconds"],
            peak_bytes=figures["peak_bytes"],
        )


def floor(mode: Mode, events: int) -> Run:
    """Receive and ack, in one of the modes of grpcio."""
    with _event_server(events) as server:
        result = run("floor", "--mode", mode, "--target", server.target, "--events", str(events))
    return Run.of(result, events)


def drain(events: int, latencies: Latencies = AT_ONCE) -> Run:
    """Run a whole drain."""
    with _event_server(events, latencies) as server, _sinks(events, latencies) as sinks:
        result = run("whole_drain", env=settings(server, sinks, events))
    if result.figures["report"]["end_reason"] != "limit":
        raise BenchError(f"a drain did not end by its limit: {result.figures['report']}")
    return Run.of(result, events)


def vendor_outline(events: int) -> Run:
    """Drain in the vendor's outline."""
    with _event_server(events) as server, _sinks(events) as sinks:
        result = run(
            "vendor_outline",
            *("--target", server.target, "--events", str(events)),
            env=settings(server, sinks, events),
        )
    return Run.of(result, events)


def settings(events: Server, sinks: Server, limit: int) -> dict[str, str]:
    """Give the environment of a function that drains so many events and ends."""
    return {
        "API_ENDPOINT": events.url,
        "AWS_ENDPOINT_URL": sinks.url,
        "ARCHIVE_BUCKET": "bench",
        "OUTBOX_QUEUE_URL": f"{sinks.url}/000000000000/bench",
        "MAX_EVENTS": str(limit),
        "WINDOW_SECONDS": "600",
    }


@contextmanager
def _event_server(events: int, latencies: Latencies = AT_ONCE) -> Iterator[Server]:
    arguments = ("--events", str(events), "--ack-ms", str(latencies.ack))
    with serving("event_server", *arguments) as server:
        yield server
    _check("the event server", server, {"acked": events, "stray_acks": 0, "streams": 1})


@contextmanager
def _sinks(events: int, latencies: Latencies = AT_ONCE) -> Iterator[Server]:
    arguments = ("--s3-ms", str(latencies.s3), "--sqs-ms", str(latencies.sqs))
    with serving("sinks", *arguments) as server:
        yield server
    _check("the sinks", server, {"archived": events, "published": events})


def _check(name: str, server: Server, expected: dict[str, int]) -> None:
    counted = {count: server.counts[count] for count in expected}
    if counted != expected:
        raise BenchError(f"{name} counted {counted}, not {expected}")
