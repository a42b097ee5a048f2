"""Runs the event server alone, for grpcurl or your own client."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final

import click
import grpc

from drainctl import MakeCommand
from simulator.event_server import (
    AuthMode,
    EventServer,
    Faults,
    ServerRules,
    StreamFault,
    Trickle,
)
from simulator.event_server.event_types import ALL_SCOPES, EVENT_TYPES
from simulator.event_server.faults import ACK_FAILURE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.event_server.event_types import EventType

_PORT: Final = 50051
_MOST_EVENTS: Final = 999_999
_TOKEN_LIFETIME: Final = timedelta(days=1)
_STATUS_INTERVAL_SECONDS: Final = 1.0
_PUBLISH_INTERVAL_SECONDS: Final = 0.1


@click.command(
    "serve", cls=MakeCommand, context_settings={"show_default": True, "max_content_width": 100}
)
@click.option("--host", default="127.0.0.1", help="Address to listen on, without TLS.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=_PORT, help="Port to listen on; 0: a free one."
)
@click.option(
    "--stream",
    "streams",
    type=click.Choice(list(EVENT_TYPES)),
    multiple=True,
    default=["handset_change"],
    help="Event type to publish; may be given several times. All five can be streamed.",
)
@click.option(
    "--events",
    type=click.IntRange(0, _MOST_EVENTS),
    default=100,
    help="Made-up events to publish at the start, on each stream.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=0.0,
    help="Events to publish per second after the start, on each stream.",
)
@click.option(
    "--auth",
    type=click.Choice([mode.value for mode in AuthMode]),
    default=AuthMode.SANDBOX.value,
    help="production: every call needs a token, and one is printed. sandbox: calls need none.",
)
@click.option(
    "--clock-speed",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    help="Seconds that pass for the queues per real second: for ack time-outs and history.",
)
@click.option(
    "--refuse-acks",
    type=click.FloatRange(0, 1),
    metavar="PROBABILITY",
    help="Answer acks with STATUS_CODE_FAILURE with this probability, 0 to 1.",
)
@click.option(
    "--break-streams-after",
    type=click.IntRange(0),
    metavar="EVENTS",
    help="End each stream with UNAVAILABLE after this many events.",
)
@click.option(
    "--drip", type=click.FloatRange(0), metavar="SECONDS", help="Time between two events."
)
@click.option(
    "--connection-age",
    type=click.FloatRange(0, min_open=True),
    default=3600.0,
    metavar="SECONDS",
    help="End each connection after this time, plus or minus a tenth.",
)
def main(
    *,
    host: str,
    port: int,
    streams: Sequence[str],
    events: int,
    rate: float,
    auth: str,
    clock_speed: float,
    refuse_acks: float | None,
    break_streams_after: int | None,
    drip: float | None,
    connection_age: float,
) -> None:
    """Serve made-up events with the event API, until Ctrl-C or SIGTERM.

    Queues, positions, redelivery and acks follow the vendor's documentation. A stream starts with
    new events unless it requests older ones, as the printed example does.
    """
    rules = ServerRules(clock_speed=clock_speed, connection_age=timedelta(seconds=connection_age))
    faults = _faults(refuse_acks, break_streams_after, drip)
    server = EventServer(rules, auth=AuthMode(auth), faults=faults, host=host, port=port)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        server.start()
    except RuntimeError as error:
        raise click.ClickException(f"can't listen on {host}:{port}: {error}") from error
    try:
        for name in streams:
            server.publish_made_up(name, events)
        _introduce(server, AuthMode(auth), EVENT_TYPES[streams[0]])
        _serve(server, streams, rate, stopping)
    finally:
        server.stop()
    click.echo(f"Ended: {_totals(server)}")


def _faults(
    refuse_acks: float | None, break_streams_after: int | None, drip: float | None
) -> Faults:
    faults = Faults()
    if refuse_acks:
        faults.inject(ACK_FAILURE, probability=refuse_acks)
    if break_streams_after is not None:
        faults.inject(StreamFault(after=break_streams_after, code=grpc.StatusCode.UNAVAILABLE))
    if drip:
        faults.inject(StreamFault(drip=timedelta(seconds=drip)))
    return faults


def _introduce(server: EventServer, auth: AuthMode, kind: EventType) -> None:
    """Print the server's address, and how to stream and ack with grpcurl."""
    click.echo(f"The event server listens on {server.target}, plaintext. Ctrl-C ends it.")
    authorization = ""
    if auth is AuthMode.PRODUCTION:
        token = server.tokens.issue("by-hand", ALL_SCOPES, _TOKEN_LIFETIME).token
        authorization = ' -H "authorization: Bearer $TOKEN"'
        click.echo("Every call needs a token. This made-up one has all scopes, lasts for 24 hours,")
        click.echo("is good for this server only, and is not shown again:")
        click.echo(f"  TOKEN={token}")
    grpcurl = f"grpcurl -plaintext{authorization}"
    service = f"{server.target} {kind.service}"
    start = '{"stream_configuration": {"start_at_oldest_possible": {}}}'
    ack = '{"ack_info": {"value": "..."}}'
    click.echo("It has server reflection. To stream, and to ack one event:")
    click.echo(f"  {grpcurl} -d '{start}' {service}/{kind.stream_method}")
    click.echo(f"  {grpcurl} -d '{ack}' {service}/{kind.ack_method}")


def _serve(
    server: EventServer, streams: Sequence[str], rate: float, stopping: threading.Event
) -> None:
    """Publish continuously, and print changed totals at most once a second."""
    trickle = Trickle(server, streams, rate * len(streams))
    shown_at = monotonic()
    shown = ""
    while not stopping.wait(_PUBLISH_INTERVAL_SECONDS if rate else _STATUS_INTERVAL_SECONDS):
        trickle.publish_due()
        totals = _totals(server)
        if totals != shown and monotonic() - shown_at >= _STATUS_INTERVAL_SECONDS:
            click.echo(f"{datetime.now(UTC):%H:%M:%S} {totals}")
            shown, shown_at = totals, monotonic()


def _totals(server: EventServer) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {count:,}" for name, count in server.counts().items()
    )


if __name__ == "__main__":
    main()
