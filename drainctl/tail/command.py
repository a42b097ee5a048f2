"""The command ``drainctl tail``."""

from __future__ import annotations

import json
import re
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click
from botocore.config import Config

from drainctl.errors import CommandError
from drainctl.make_command import MakeCommand
from drainctl.tail.feed import Feed, Run
from drainctl.target import Target, asks_aws
from eventdrain.events import STREAMS, age_seconds, milliseconds

if TYPE_CHECKING:
    from eventdrain.events import Delivery

_INTERVAL: Final = 5.0
"""Seconds between the end of a poll and the next one: per stream one listing, plus one of runs."""
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PATIENT: Final = Config(retries={"mode": "standard", "total_max_attempts": 8})


def _ago(_context: click.Context, _option: click.Parameter, value: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,4})([smhd])", value, re.ASCII)
    if found is None:
        raise click.BadParameter("it must be a number with s, m, h or d, such as 10m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.command("tail", cls=MakeCommand, context_settings={"max_content_width": 100})
@asks_aws()
@click.option(
    "--since",
    callback=_ago,
    default="0s",
    show_default=True,
    help="Begin with what arrived this long ago, such as 10m or 2h.",
)
@click.option(
    "--stream",
    "event_types",
    multiple=True,
    type=click.Choice(tuple(STREAMS)),
    help="Only this stream; may be repeated.  [default: all of the stack]",
)
@click.option("--no-follow", is_flag=True, help="Print what there is, and end.")
@click.option(
    "--show-personal-data", is_flag=True, help="Print the whole line of each event, as archived."
)
def main(
    *,
    target: Target,
    is_json: bool,
    since: timedelta,
    event_types: tuple[str, ...],
    no_follow: bool,
    show_personal_data: bool,
) -> None:
    """Print a stack's events as they arrive, and its runs as they end, one per line.

    Of an event it prints arrival, stream, event id, lag and the names of its fields. It polls the
    archive and the log every 5 seconds, and takes no message from a queue. With --json each line
    is a JSON document. See docs/doctor.md.

    Exit status: 0 done, or ended by Ctrl-C or SIGTERM; 1 failed; 2 wrong usage.
    """
    session = target.session()
    stack = target.stack(session)
    if others := set(event_types) - set(stack.event_types):
        raise CommandError(
            f"following {', '.join(sorted(others))} failed: the stack does not drain this stream",
            f"select from {', '.join(stack.event_types)}",
        )
    feed = Feed(
        session.client("s3", config=_PATIENT),
        session.client("logs", config=_PATIENT),
        stack,
        event_types or stack.event_types,
        datetime.now(UTC) - since,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        while True:
            for new in feed.poll():
                shown = _run(new) if isinstance(new, Run) else _event(new, whole=show_personal_data)
                click.echo(json.dumps(shown) if is_json else _text(shown))
            if no_follow:
                return
            time.sleep(_INTERVAL)


def _run(run: Run) -> dict[str, Any]:
    return {"kind": "run", "ended_at": milliseconds(run.ended), "report": run.report}


def _event(event: Delivery, *, whole: bool) -> dict[str, Any]:
    line = json.loads(event.line)
    time_ = event.event_time
    return {
        "kind": "event",
        "received_at": milliseconds(event.received_at),
        "event_type": event.event_type,
        "event_id": event.event_id,
        "lag_seconds": None if time_ is None else round(age_seconds(time_, event.received_at), 3),
        "redelivered": event.redelivered,
        **({"line": line} if whole else {"fields": list(line["event"])}),
    }


def _text(shown: dict[str, Any]) -> str:
    if shown["kind"] == "run":
        report = shown["report"]
        counts = {name: report[name] for name in ("received", "acked")}
        counts["left"] = sum(report["left"].values())
        counts |= {name: report[name] for name in ("quarantined", "oversize") if report[name]}
        what = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        ended = report["error"] or report["end_reason"]
        parts = [shown["ended_at"], report["event_type"], "run", f"{report['run_seconds']:.1f} s"]
        return "  ".join([*parts, f"{what}: {ended}"])
    lag = "no event time" if shown["lag_seconds"] is None else f"lag {shown['lag_seconds']:.1f} s"
    again = ["redelivered"] * shown["redelivered"]
    content = json.dumps(shown["line"]) if "line" in shown else ", ".join(shown["fields"])
    parts = [shown["received_at"], shown["event_type"], shown["event_id"], lag]
    return "  ".join([*parts, *again, content])
