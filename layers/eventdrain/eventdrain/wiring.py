"""The composition root: builds a drain with its adapters, runs it, and starts further runs."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import uvloop

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
from eventdrain.auth import (
    RememberedSecrets,
    RunToken,
    SecretMemory,
    StaticToken,
    TokenCache,
    read_credentials,
    read_pseudonyms,
)
from eventdrain.drain import (
    Batch,
    Commit,
    Drain,
    EndReason,
    LeftReason,
    Pace,
    Report,
    Window,
    stream_request,
)
from eventdrain.errors import (
    ConfigurationError,
    CredentialsAwaited,
    DrainError,
    StartFailed,
    note_unexpected,
)
from eventdrain.events import ArchiveLayout, DeliveryReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import timedelta

    from eventdrain.adapters.aws import AwsEndpoint
    from eventdrain.drain import Start
    from eventdrain.errors import Failure
    from eventdrain.events import Delivery, Pseudonyms
    from eventdrain.ports import Authorization, Sink
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


def _nothing() -> None:
    """Do nothing."""


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


def run_drain(
    settings: Settings,
    *,
    remaining: timedelta,
    on_token: Callable[[], None] = _nothing,
    sinks: Sequence[SinkRow] = SINKS,
) -> Report:
    """Run one drain.

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
    report = Report(settings.stream.event_type, [row.name for row in sinks])
    started = time.monotonic()
    window = Window.opening(
        started, length=settings.window, remaining=remaining, reserve=settings.reserve
    )
    try:
        aws = AwsEnvironment(os.environ)
        secrets = SecretsManager(lambda: SignedSecretCalls(aws.endpoint("secretsmanager")))
        with ExitStack() as connection:
            connection.enter_context(secrets.connected())
            pseudonyms = _pseudonyms(settings.pseudonym_key_secret_arn, secrets)
            authorization = _authorization(settings, secrets, window)
            try:
                # Fail here if there is no token, and not later with an error about the stream.
                authorization.token()
                connection.close()
                layout = ArchiveLayout(
                    settings.archive_bucket, settings.archive_prefix, settings.quarantine_prefix
                )
                connecting = {row.name: row.connect(settings, aws, layout) for row in sinks}
                on_token()
                drain = _drain(settings, window, connecting, authorization, pseudonyms, report)
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(drain)
            finally:
                report.add_tokens(
                    renewals_failed=authorization.renewals_failed,
                    too_short=authorization.tokens_too_short,
                )
    except CredentialsAwaited:
        report.end_reason = EndReason.WAITING
    except DrainError as error:
        report.fail(error)
    except Exception as error:  # noqa: BLE001 - the caller needs the report in any case
        report.fail(note_unexpected(error, "the run"))
    if report.has_failed:
        _secret_memory.clear()  # the cause may be a secret that has changed since it was read
    report.run_seconds = report.run_seconds or time.monotonic() - started
    return report


@cache
def _tune_garbage_collector() -> None:
    """Run the garbage collector less often, and exclude objects created by imports.

    Every ack creates dozens of short-lived objects. With the default threshold of 700 objects, the
    collector takes a twelfth of a drain's CPU time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


class _AckerOnDemand:
    """A ``ports.Acker`` that is created for the first ack: runs without events need none."""

    def __init__(self, connect: Callable[[], Awaitable[GrpcAcker]]) -> None:
        self._connect = connect
        self._acker: GrpcAcker | None = None

    async def ack(
        self, deliveries: Sequence[Delivery], *, token: str | None, timeout_seconds: float
    ) -> Sequence[Failure | None]:
        """See ``ports.Acker``."""
        if self._acker is None:
            self._acker = await self._connect()
        return await self._acker.ack(deliveries, token=token, timeout_seconds=timeout_seconds)


async def _drain(
    settings: Settings,
    window: Window,
    connecting: Mapping[str, AbstractAsyncContextManager[Sink]],
    authorization: Authorization,
    pseudonyms: Pseudonyms | None,
    report: Report,
) -> None:
    source = GrpcEventSource(
        settings.stream,
        settings.api_endpoint,
        stream_request(settings),
        max_unread=settings.max_in_flight,
        timeout_seconds=max(1.0, window.commit_until - time.monotonic()),
    )
    async with AsyncExitStack() as connections:
        sinks = {
            name: await connections.enter_async_context(sink) for name, sink in connecting.items()
        }
        acker = _AckerOnDemand(
            lambda: connections.enter_async_context(
                GrpcAcker.connect(settings.stream, settings.api_endpoint)
            )
        )
        drain = Drain(
            source=source,
            parallel_streams=settings.parallel_streams,
            authorization=authorization,
            reader=DeliveryReader(settings.stream, pseudonyms),
            # The limit of one stream, not of all: if the other streams are quiet, one stream
            # alone must be able to fill a batch.
            batch=Batch(max_in_flight=settings.max_in_flight, linger=settings.linger),
            commit=Commit(
                sinks=sinks,
                acker=acker,
                authorization=authorization,
                ack_timeout=settings.ack_timeout,
            ),
            pace=Pace(
                window,
                limit=settings.max_events,
                idle=settings.idle,
                max_in_flight=settings.max_in_flight * settings.parallel_streams,
                streams=settings.parallel_streams,
            ),
            window=window,
            report=report,
        )
        await drain.run()


_secret_memory: Final[SecretMemory] = {}
_pseudonyms_by_arn: Final[dict[str, Pseudonyms]] = {}


def _pseudonyms(arn: str, secrets: SecretsManager) -> Pseudonyms | None:
    """Return the pseudonyms; None without a secret. The key never changes, so it is cached."""
    if not arn:
        return None
    if arn not in _pseudonyms_by_arn:
        _pseudonyms_by_arn[arn] = read_pseudonyms(secrets, arn)
    return _pseudonyms_by_arn[arn]


def _authorization(
    settings: Settings, secrets: SecretsManager, window: Window
) -> RunToken | StaticToken:
    arn = settings.credentials_secret_arn
    if not arn:
        return StaticToken()
    remembered = RememberedSecrets(secrets, _secret_memory)

    def read() -> TokenCache | StaticToken:
        credentials = read_credentials(remembered, arn)
        if isinstance(credentials, StaticToken):
            return credentials
        return TokenCache(
            settings,
            remembered,
            OAuthTokenEndpoint(settings.token_endpoint, credentials),
            lambda: window.commit_until - time.monotonic(),
        )

    return RunToken(remembered, read)
