"""The composition root: settings in, a drain with its adapters out, run to its report.

And the one other thing that a run does to the world: it starts further runs.
"""

from __future__ import annotations

import asyncio
import gc
import time
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
from eventdrain.auth import NoAuthorization, TokenCache, read_pseudonyms
from eventdrain.drain import Batch, Commit, Drain, EndReason, Pace, Report, Window, stream_request
from eventdrain.errors import ACCESS_ERRORS, ConfigurationError, DrainError, StartFailed
from eventdrain.events import ArchiveLayout, DeliveryReader
from eventdrain.unexpected import note_unexpected

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from eventdrain.adapters.aws import AwsClients, AwsEndpoint
    from eventdrain.drain import Start
    from eventdrain.events import Pseudonyms
    from eventdrain.ports import Authorization
    from eventdrain.settings import Settings

_CALLS_AT_ONCE: Final = 24
"""To each sink, for each connection: two batches of a hundred make ten calls each to SQS."""


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
    renews_early: bool = False,
    on_token: Callable[[], None] = _nothing,
) -> Report:
    """Run one drain.

    Args:
        settings: What to drain, and to where.
        remaining: How long the process may still live.
        renews_early: Whether this run renews the token that others share; see ``TokenCache``.
        on_token: Called once, when there is a token and before the stream is opened.

    Returns:
        The report. Every error ends in it, a bug too.
    """
    _calm_collector()
    report = Report(event_type=settings.stream.event_type)
    started = time.monotonic()
    window = Window.opening(
        started, length=settings.window, remaining=remaining, reserve=settings.reserve
    )
    try:
        clients = aws_clients()
        pseudonyms = _pseudonyms(settings.pseudonym_key_secret_arn)
        authorization = _authorization(settings, clients, window, report, renews_early=renews_early)
        # A token that can't be had must not look like a stream that can't be opened.
        authorization.token()
        sinks = clients.s3_endpoint(settings.archive_bucket), clients.sqs_endpoint()
        on_token()
        asyncio.run(_drain(settings, window, *sinks, authorization, pseudonyms, report))
    except DrainError as error:
        report.error = str(error)
        report.is_access_refused = isinstance(error, ACCESS_ERRORS)
        report.run_seconds = time.monotonic() - started
    except Exception as error:  # noqa: BLE001 - the report of what was done is worth more
        report.end_reason = EndReason.FAILED
        report.error = str(note_unexpected(error, "the run"))
        report.run_seconds = time.monotonic() - started
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
    s3_endpoint: AwsEndpoint,
    sqs_endpoint: AwsEndpoint,
    authorization: Authorization,
    pseudonyms: Pseudonyms | None,
    report: Report,
) -> Report:
    source = GrpcEventSource(
        settings.stream,
        settings.api_endpoint,
        stream_request(settings),
        max_unread=settings.max_in_flight,
        timeout_seconds=max(1.0, window.commit_until - time.monotonic()),
    )
    in_flight = settings.max_in_flight * settings.parallel_streams
    calls_at_once = _CALLS_AT_ONCE * settings.parallel_streams
    layout = ArchiveLayout(
        settings.archive_bucket, settings.archive_prefix, settings.quarantine_prefix
    )
    async with (
        SignedHttp.connect(s3_endpoint, calls_at_once=calls_at_once) as bucket,
        SignedHttp.connect(sqs_endpoint, calls_at_once=calls_at_once) as sqs,
        GrpcAcker.connect(settings.stream, settings.api_endpoint) as acker,
    ):
        archive = S3Archive(bucket, layout, locked_for=settings.object_lock)
        queue = SqsPublisher(
            sqs,
            queue_url=settings.queue_url,
            layout=layout,
            events_per_message=settings.events_per_message,
        )
        drain = Drain(
            source=source,
            parallel_streams=settings.parallel_streams,
            authorization=authorization,
            reader=DeliveryReader(settings.stream, pseudonyms),
            # Half of what one connection may have in flight, however many there are: the others
            # may be quiet, and it must not have to wait for them.
            batch=Batch(max_in_flight=settings.max_in_flight, linger=settings.linger),
            commit=Commit(
                archive=archive,
                queue=queue,
                acker=acker,
                authorization=authorization,
                ack_timeout=settings.ack_timeout,
            ),
            pace=Pace(
                window,
                limit=settings.max_events,
                idle=settings.idle,
                max_in_flight=in_flight,
            ),
            window=window,
            inbox_size=in_flight,
            report=report,
        )
        return await drain.run()


@cache
def _pseudonyms(secret_arn: str) -> Pseudonyms | None:
    """Give the pseudonyms; None without a secret. The key is read once in an environment's life.

    It must stay the same for as long as the archive, so there is nothing to look again for.
    """
    if not secret_arn:
        return None
    return read_pseudonyms(SecretsManager(aws_clients().secrets), secret_arn)


def _authorization(
    settings: Settings,
    clients: AwsClients,
    window: Window,
    report: Report,
    *,
    renews_early: bool,
) -> Authorization:
    if not settings.credentials_secret_arn:
        return NoAuthorization()
    # Most runs find a token that lives on, and need not know how to mint one.
    from eventdrain.adapters.oauth import OAuthTokenEndpoint  # noqa: PLC0415

    def note_renewal_failed() -> None:
        report.token_renewals_failed += 1

    def note_short_token() -> None:
        report.tokens_too_short += 1

    return TokenCache(
        secrets=SecretsManager(clients.secrets),
        endpoint=OAuthTokenEndpoint(settings.token_endpoint),
        credentials_arn=settings.credentials_secret_arn,
        token_arn=settings.token_secret_arn,
        scopes=settings.scopes,
        scope=settings.stream.scope,
        renews_early=renews_early,
        needed_for=settings.window,
        seconds_left=lambda: window.commit_until - time.monotonic(),
        on_renewal_failed=note_renewal_failed,
        on_short_token=note_short_token,
    )
