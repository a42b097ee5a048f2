"""The composition root: chooses the adapters of a run, and runs it."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

import uvloop

from eventdrain import run
from eventdrain.adapters.aws import (
    AwsEnvironment,
    LambdaRuns,
    S3Archive,
    SecretsManager,
    SignedHttp,
    SignedSecretCalls,
    SqsPublisher,
)
from eventdrain.adapters.grpc import GrpcAcker, GrpcEventSource, keep_grpc_running
from eventdrain.adapters.oauth import OAuthTokenEndpoint
from eventdrain.drain import LeftReason, stream_request
from eventdrain.errors import ConfigurationError, StartFailed
from eventdrain.events import ArchiveLayout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import timedelta

    from eventdrain.adapters.aws import AwsEndpoint
    from eventdrain.drain import Report, Start
    from eventdrain.ports import ClientCredentials, Sink
    from eventdrain.settings import Settings

_MAX_CONCURRENT_CALLS: Final = 24
"""Per sink and stream: two concurrent batches of a hundred events need ten calls each to SQS."""


@dataclass(frozen=True, slots=True)
class SinkRow:
    """A sink that every event is written to before it is acked.

    Attributes:
        name: The sink's name in reports and failures; not a ``LeftReason``, which is counted with
            the names.
        failed_metric: The metric that counts deliveries that the sink failed to write.
        connect: Opens the sink. Raises ConfigurationError if the settings are invalid.

    Raises:
        ValueError: The name is a ``LeftReason``.
    """

    name: str
    failed_metric: str
    connect: Callable[[Settings, AwsEnvironment, ArchiveLayout], AbstractAsyncContextManager[Sink]]

    def __post_init__(self) -> None:
        if self.name in set(LeftReason):
            raise ValueError(f"a sink can't have the name {self.name}, which is a LeftReason")


def _archive(
    settings: Settings, aws: AwsEnvironment, layout: ArchiveLayout
) -> AbstractAsyncContextManager[Sink]:
    return _over_http(
        aws.bucket_endpoint(settings.archive_bucket),
        settings,
        lambda bucket: S3Archive(bucket, layout, locked_for=settings.object_lock),
    )


def _queue(
    settings: Settings, aws: AwsEnvironment, layout: ArchiveLayout
) -> AbstractAsyncContextManager[Sink]:
    return _over_http(
        aws.endpoint("sqs"),
        settings,
        lambda sqs: SqsPublisher(
            sqs,
            queue_url=settings.queue_url,
            layout=layout,
            events_per_message=settings.events_per_message,
        ),
    )


@asynccontextmanager
async def _over_http(
    endpoint: AwsEndpoint, settings: Settings, sink: Callable[[SignedHttp], Sink]
) -> AsyncIterator[Sink]:
    max_concurrent_calls = _MAX_CONCURRENT_CALLS * settings.parallel_streams
    async with SignedHttp.connect(endpoint, max_concurrent_calls=max_concurrent_calls) as http:
        yield sink(http)


SINKS: Final = (
    SinkRow("archive", "ArchiveFailed", _archive),
    SinkRow("queue", "OutboxFailed", _queue),
)
"""Pointers in the other sinks point to objects of the first. Adding a sink takes an adapter, a row
here and the resources in the template."""


def start_run(start: Start, *, function: str) -> None:
    """Start another run. May be called from any thread.

    Args:
        start: The parameters of the run.
        function: The function's name or ARN.

    Raises:
        StartFailed: The run was not started, or the response was lost.
    """
    try:
        endpoint = AwsEnvironment(os.environ).endpoint("lambda")
    except ConfigurationError as error:
        raise StartFailed(error.reason, hint=error.hint, setting=error.setting) from error
    LambdaRuns(endpoint, function).start(start)


_memory: Final = run.Memory()


def run_drain(
    settings: Settings,
    *,
    remaining: timedelta,
    on_token: Callable[[], None] = lambda: None,
    sinks: Sequence[SinkRow] = SINKS,
) -> Report:
    """Run one drain over the services that the settings and the environment name.

    Args:
        settings: The settings of the run.
        remaining: How long the process may still run.
        on_token: Called once, after the token was obtained and before the stream is opened.
        sinks: The sinks that every event is written to.

    Returns:
        The report. All errors, including unexpected ones, are recorded in it.
    """
    _tune_garbage_collector()
    keep_grpc_running()
    services = _Services(settings, sinks)
    return run.run_drain(settings, services, _memory, remaining=remaining, on_token=on_token)


class _Services:
    """The services of one run, as ``run.Services``."""

    def __init__(self, settings: Settings, sinks: Sequence[SinkRow]) -> None:
        self._settings = settings
        self._rows = sinks
        self.sinks: Sequence[str] = [row.name for row in sinks]

    @cached_property
    def _aws(self) -> AwsEnvironment:
        return AwsEnvironment(os.environ)

    def connect_secrets(self) -> AbstractContextManager[SecretsManager]:
        aws = self._aws
        return SecretsManager(lambda: SignedSecretCalls(aws.endpoint("secretsmanager"))).connected()

    def token_endpoint(self, credentials: ClientCredentials) -> OAuthTokenEndpoint:
        return OAuthTokenEndpoint(self._settings.token_endpoint, credentials)

    def connect_sinks(self) -> Mapping[str, AbstractAsyncContextManager[Sink]]:
        layout = ArchiveLayout(
            self._settings.archive_bucket,
            self._settings.archive_prefix,
            self._settings.quarantine_prefix,
        )
        return {row.name: row.connect(self._settings, self._aws, layout) for row in self._rows}

    def event_source(self, *, timeout_seconds: float) -> GrpcEventSource:
        return GrpcEventSource(
            self._settings.stream,
            self._settings.api_endpoint,
            stream_request(self._settings),
            max_unread=self._settings.max_in_flight,
            timeout_seconds=timeout_seconds,
        )

    def connect_acker(self) -> AbstractAsyncContextManager[GrpcAcker]:
        return GrpcAcker.connect(self._settings.stream, self._settings.api_endpoint)

    def run(self, drain: Coroutine[None, None, None]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(drain)

    def clock(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)


@cache
def _tune_garbage_collector() -> None:
    """Run the garbage collector less often, and exclude objects created by imports.

    Every ack creates dozens of short-lived objects. With the default threshold of 700 objects, the
    collector takes a twelfth of a drain's CPU time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
