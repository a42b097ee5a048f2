"""The composition root: settings in, a drain with its adapters out, run to its report.

And the one other thing that a run does to the world: it starts further runs.
"""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Final

from eventdrain.adapters.aws import (
    LambdaRuns,
    S3Archive,
    SecretsManager,
    SignedHttp,
    SqsPublisher,
    aws_clients,
    lambda_client,
)
from eventdrain.adapters.grpc import GrpcAcker, GrpcEventSource
from eventdrain.adapters.oauth import OAuthTokenEndpoint
from eventdrain.auth import StaticToken, TokenCache, parse_credentials, read_pseudonyms
from eventdrain.drain import Batch, Commit, Drain, Pace, Report, Window, stream_request
from eventdrain.errors import ConfigurationError, DrainError, StartFailed, note_unexpected
from eventdrain.events import ArchiveLayout, DeliveryReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import timedelta

    from eventdrain.adapters.aws import AwsClients, AwsEndpoint
    from eventdrain.drain import Start
    from eventdrain.events import Pseudonyms
    from eventdrain.ports import Authorization, Sink
    from eventdrain.settings import Settings

_CALLS_AT_ONCE: Final = 24
"""To each sink, for each stream: two batches of a hundred make ten calls each to SQS."""


@dataclass(frozen=True, slots=True)
class SinkRow:
    """A sink that every event is written to before it is acked.

    Attributes:
        name: What reports and failures call it.
        failed_metric: The metric of the deliveries that it failed to write.
        connect: Opens it. Raises ConfigurationError at once where it cannot work.
    """

    name: str
    failed_metric: str
    connect: Callable[[Settings, AwsClients, ArchiveLayout], AbstractAsyncContextManager[Sink]]


def _archive(
    settings: Settings, clients: AwsClients, layout: ArchiveLayout
) -> AbstractAsyncContextManager[Sink]:
    return _over_http(
        clients.s3_endpoint(settings.archive_bucket),
        settings,
        lambda bucket: S3Archive(bucket, layout, locked_for=settings.object_lock),
    )


def _queue(
    settings: Settings, clients: AwsClients, layout: ArchiveLayout
) -> AbstractAsyncContextManager[Sink]:
    return _over_http(
        clients.sqs_endpoint(),
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
    calls_at_once = _CALLS_AT_ONCE * settings.parallel_streams
    async with SignedHttp.connect(endpoint, calls_at_once=calls_at_once) as http:
        yield sink(http)


SINKS: Final = (
    SinkRow("archive", "ArchiveFailed", _archive),
    SinkRow("queue", "OutboxFailed", _queue),
)
"""The first is what pointers in the others point to. Another sink is an adapter, a row here and its
part of the template."""


def _nothing() -> None:
    """Do nothing."""


_making_client: Final = Lock()


def start_run(start: Start, *, function: str) -> None:
    """Start another run. May be called from any thread.

    Args:
        start: What it is told.
        function: The function's name or ARN.

    Raises:
        StartFailed: It is not known to be started.
    """
    try:
        with _making_client:
            client = lambda_client()
    except ConfigurationError as error:
        raise StartFailed(error.reason, hint=error.hint, setting=error.setting) from error
    LambdaRuns(client, function).start(start)


def run_drain(
    settings: Settings,
    *,
    remaining: timedelta,
    on_token: Callable[[], None] = _nothing,
    sinks: Sequence[SinkRow] = SINKS,
) -> Report:
    """Run one drain.

    Args:
        settings: What to drain, and to where.
        remaining: How long the process may still live.
        on_token: Called once, when there is a token and before the stream is opened.
        sinks: Where every event is written to.

    Returns:
        The report. Every error ends in it, a bug too.
    """
    _calm_collector()
    report = Report(settings.stream.event_type, [row.name for row in sinks])
    started = time.monotonic()
    window = Window.opening(
        started, length=settings.window, remaining=remaining, reserve=settings.reserve
    )
    try:
        clients = aws_clients()
        pseudonyms = _pseudonyms(settings.pseudonym_key_secret_arn)
        authorization = _authorization(settings, clients, window)
        try:
            # A missing token must not look like a stream that cannot be opened.
            authorization.token()
            layout = ArchiveLayout(
                settings.archive_bucket, settings.archive_prefix, settings.quarantine_prefix
            )
            connecting = {row.name: row.connect(settings, clients, layout) for row in sinks}
            on_token()
            asyncio.run(_drain(settings, window, connecting, authorization, pseudonyms, report))
        finally:
            report.add_tokens(
                renewals_failed=authorization.renewals_failed,
                too_short=authorization.tokens_too_short,
            )
    except DrainError as error:
        report.fail(error)
    except Exception as error:  # noqa: BLE001 - the report of what was done is worth more
        report.fail(note_unexpected(error, "the run"))
    report.run_seconds = report.run_seconds or time.monotonic() - started
    return report


@cache
def _calm_collector() -> None:
    """Let the garbage collector look less often, and not at what imports have made.

    Every ack makes dozens of objects that are gone by its end: looking through all others after
    each 700 of them is a twelfth of a drain's CPU time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


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
        acker = await connections.enter_async_context(
            GrpcAcker.connect(settings.stream, settings.api_endpoint)
        )
        drain = Drain(
            source=source,
            parallel_streams=settings.parallel_streams,
            authorization=authorization,
            reader=DeliveryReader(settings.stream, pseudonyms),
            # Half of what one stream may have in flight, however many there are: the others may
            # be quiet, and it must not have to wait for them.
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
            ),
            window=window,
            report=report,
        )
        await drain.run()


@cache
def _pseudonyms(secret_arn: str) -> Pseudonyms | None:
    """Give the pseudonyms; None without a secret. The key is read once in an environment's life.

    It must stay the same for as long as the archive, so there is nothing to look again for.
    """
    if not secret_arn:
        return None
    return read_pseudonyms(SecretsManager(aws_clients().secrets), secret_arn)


def _authorization(
    settings: Settings, clients: AwsClients, window: Window
) -> TokenCache | StaticToken:
    arn = settings.credentials_secret_arn
    if not arn:
        return StaticToken()
    secrets = SecretsManager(clients.secrets)
    credentials = parse_credentials(secrets.get(arn) or "", name=f"the credentials secret {arn}")
    if isinstance(credentials, StaticToken):
        return credentials
    return TokenCache(
        settings,
        credentials,
        secrets,
        OAuthTokenEndpoint(settings.token_endpoint),
        lambda: window.commit_until - time.monotonic(),
    )
