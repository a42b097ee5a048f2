"""Single measurements in fresh processes, with reconciled counts."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks import deployed
from benchmarks.processes import PROJECT_FOLDER, BenchError, Server, run, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.modes import Mode
    from benchmarks.processes import Result


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long each service takes to answer, in milliseconds."""

    s3: int = 0
    sqs: int = 0
    ack: int = 0

    def __str__(self) -> str:
        return f"{self.s3}/{self.sqs}/{self.ack} ms"


AT_ONCE: Final = Latencies()
_WARM_RUNS: Final = 3
COLD: Final = "CPU, cold start and a quiet run with secrets and TLS"
WARM: Final = "CPU, warm quiet run with secrets and TLS"


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of one process.

    Attributes:
        events: How many events it received.
        cpu_micros: CPU time per event, without the interpreter's start and the imports.
        process_cpu_micros: CPU time per event of the whole process.
        per_second: Events per second, set-up included.
        peak_bytes: Peak resident memory of the process.
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
    with event_server(events) as server:
        result = run("floor", "--mode", mode, "--target", server.target, "--events", str(events))
    return Run.of(result, events)


def drain(
    events: int,
    latencies: Latencies = AT_ONCE,
    *,
    events_per_message: int = 1,
    engine: Path = PROJECT_FOLDER,
) -> Run:
    """Run a drain of this checkout's engine, or of another's."""
    with event_server(events, latencies) as server, sinks(events, latencies) as written:
        env = settings(server, written, events) | {"EVENTS_PER_MESSAGE": str(events_per_message)}
        result = run("whole_drain", env=env, engine=engine)
    check_end(result, "limit")
    return Run.of(result, events)


@dataclass(frozen=True, slots=True)
class QuietRuns:
    """CPU seconds of a fresh process whose runs find no event.

    Attributes:
        cold: The handler's import and its first run.
        warm: The median of the following runs.
    """

    cold: float
    warm: float


def quiet(engine: Path = PROJECT_FOLDER) -> QuietRuns:
    """Run the handler several times without events, as deployed: with secrets, over TLS."""
    count = 1 + _WARM_RUNS
    with (
        deployed.certificate() as files,
        event_server(0, streams=count, probes=count, certificate=files.chain) as server,
        sinks(0, certificate=files.chain) as written,
    ):
        env = settings(server, written, 1) | deployed.environment(files.roots)
        result = run(
            "handler_start",
            str(count),
            env={**env, "IDLE_SECONDS": "1", "POWERTOOLS_METRICS_NAMESPACE": "bench"},
            engine=engine,
        )
    if not written.counts["secrets"]:
        raise BenchError("a quiet run read no secret")
    imported, first, *warm = result.figures["cpu_seconds"]
    return QuietRuns(cold=imported + first, warm=median(warm))


def vendor_outline(events: int) -> Run:
    """Drain in the vendor's outline."""
    with event_server(events) as server, sinks(events) as written:
        result = run(
            "vendor_outline",
            *("--target", server.target, "--events", str(events)),
            env=settings(server, written, events),
        )
    return Run.of(result, events)


def settings(events: Server, sinks: Server, limit: int) -> dict[str, str]:
    """Return the environment of a function that drains ``limit`` events and ends."""
    return {
        "API_ENDPOINT": events.url,
        "AWS_ENDPOINT_URL": sinks.url,
        "ARCHIVE_BUCKET": "bench",
        "QUEUE_URL": f"{sinks.url}/000000000000/bench",
        "MAX_EVENTS": str(limit),
        "WINDOW_SECONDS": "600",
        "BACKLOG_RUNS": "0",
    }


@contextmanager
def event_server(
    events: int,
    latencies: Latencies = AT_ONCE,
    streams: int = 1,
    probes: int = 0,
    certificate: Path | None = None,
) -> Iterator[Server]:
    """Run the event server, and reconcile the counts at the end.

    Args:
        events: How many events it has.
        latencies: How long an ack takes.
        streams: How many streams are opened.
        probes: How many of the streams have no event, so that the drain sends an ack without one.
        certificate: For TLS; None for no TLS.
    """
    arguments = (
        *("--events", str(events), "--ack-ms", str(latencies.ack)),
        *("--streams", str(streams)),
    )
    with serving("event_server", *arguments, certificate=certificate) as server:
        yield server
    _check("the event server", server, {"acked": events, "stray_acks": probes, "streams": streams})


@contextmanager
def sinks(
    events: int, latencies: Latencies = AT_ONCE, certificate: Path | None = None
) -> Iterator[Server]:
    """Run the sinks, and reconcile the counts at the end."""
    arguments = ("--s3-ms", str(latencies.s3), "--sqs-ms", str(latencies.sqs))
    with serving("sinks", *arguments, certificate=certificate) as server:
        yield server
    _check("the sinks", server, {"archived": events, "published": events})


def check_end(result: Result, end_reason: str) -> None:
    """Check why a drain ended.

    Raises:
        BenchError: It ended for another reason.
    """
    report = result.figures["report"]
    if report["end_reason"] != end_reason:
        raise BenchError(f"the end_reason of a drain is not {end_reason}: {report}")


def _check(name: str, server: Server, expected: dict[str, int]) -> None:
    counted = {count: server.counts[count] for count in expected}
    if counted != expected:
        raise BenchError(f"{name} counted {counted}, not {expected}")
