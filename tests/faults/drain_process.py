"""One drain in a process of its own, which can be told where to kill itself.

``python -m tests.faults.drain_process OPTIONS``, with the engine's environment; prints that it is
ready, waits for a line of input, drains, and prints the report.
Nothing in the engine knows of this: its sinks and its acker are wrapped from outside.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Any

from eventdrain.adapters.aws import S3Archive, SqsPublisher
from eventdrain.adapters.grpc import GrpcAcker
from eventdrain.settings import Settings
from eventdrain.wiring import run_drain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from eventdrain.errors import Failure
    from eventdrain.events import Delivery


class Step(StrEnum):
    """Where in a commit the process dies."""

    BEFORE_THE_SINKS = "before-the-sinks"
    ARCHIVED_NOT_PUBLISHED = "archived-not-published"
    PUBLISHED_NOT_ARCHIVED = "published-not-archived"
    WRITTEN_NOT_ACKED = "written-not-acked"
    HALF_ACKED = "half-acked"
    ACKED = "acked"


@dataclass(slots=True)
class _Countdown:
    """Lets so many commits pass."""

    left: int

    def is_over(self) -> bool:
        self.left -= 1
        return self.left < 0


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(step: Step, *, after: int) -> None:
    """Wrap sinks and acker so that the process dies at a step of a commit.

    Args:
        step: Where.
        after: How many commits come to this step first and get past it.
    """
    countdown = _Countdown(after)
    match step:
        case Step.BEFORE_THE_SINKS:
            _wrap_write(S3Archive, before=lambda: _die() if countdown.is_over() else None)
        case Step.ARCHIVED_NOT_PUBLISHED:
            _write_one_first(S3Archive, SqsPublisher, countdown)
        case Step.PUBLISHED_NOT_ARCHIVED:
            _write_one_first(SqsPublisher, S3Archive, countdown)
        case _:
            _wrap_ack(step, countdown)


def _wrap_write(sink: Any, before: Callable[[], object]) -> None:
    write = sink.write

    @wraps(write)
    async def wrapped(self: object, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        before()
        result: Mapping[str, Failure] = await write(self, deliveries)
        return result

    sink.write = wrapped


def _write_one_first(first: Any, second: Any, countdown: _Countdown) -> None:
    """Let the process die when the first sink has a batch and the second was not called."""
    write_to_first: Callable[..., Awaitable[Mapping[str, Failure]]] = first.write
    write_to_second: Callable[..., Awaitable[Mapping[str, Failure]]] = second.write
    doomed: dict[str, bool] = {}

    def is_doomed(deliveries: Sequence[Delivery]) -> bool:
        batch = deliveries[0].event_id
        if batch not in doomed:
            doomed[batch] = countdown.is_over()
        return doomed[batch]

    async def write_and_die(self: object, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        result = await write_to_first(self, deliveries)
        if is_doomed(deliveries):
            _die()
        return result

    async def never_write(self: object, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        if is_doomed(deliveries):
            await asyncio.Event().wait()
        return await write_to_second(self, deliveries)

    first.write, second.write = write_and_die, never_write


def _wrap_ack(step: Step, countdown: _Countdown) -> None:
    ack = GrpcAcker.ack

    async def wrapped(
        self: GrpcAcker,
        deliveries: Sequence[Delivery],
        **options: Any,
    ) -> Sequence[Failure | None]:
        if not countdown.is_over():
            return await ack(self, deliveries, **options)
        acked = {
            Step.WRITTEN_NOT_ACKED: 0,
            Step.HALF_ACKED: len(deliveries) // 2,
            Step.ACKED: len(deliveries),
        }[step]
        await ack(self, deliveries[:acked], **options)
        _die()
        raise AssertionError("alive")

    GrpcAcker.ack = wrapped  # type: ignore[method-assign]


def main() -> None:
    """Run one drain."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--remaining-seconds", type=float, default=20)
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--kill-at", type=Step)
    parser.add_argument("--after", type=int, default=0)
    options = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("eventdrain").setLevel(logging.DEBUG)
    if options.kill_at is not None:
        arm(options.kill_at, after=options.after)
    changes: dict[str, Any] = {
        name: timedelta(seconds=value) if isinstance(value, float) else value
        for name, value in options.settings.items()
    }
    settings = replace(Settings.from_env(os.environ), **changes)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    report = run_drain(settings, remaining=timedelta(seconds=options.remaining_seconds))
    sys.stdout.write(json.dumps(report.as_json()))


if __name__ == "__main__":
    main()
