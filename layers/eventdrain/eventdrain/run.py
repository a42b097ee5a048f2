"""One run, without its adapters: gets a token, drains, and starts further runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from eventdrain.auth import (
    RememberedSecrets,
    RunToken,
    SecretMemory,
    StaticToken,
    TokenCache,
    read_credentials,
    read_pseudonyms,
)
from eventdrain.drain import Batch, Commit, Drain, EndReason, Pace, Report, Window
from eventdrain.errors import CredentialsAwaited, DrainError, StartFailed, note_unexpected
from eventdrain.events import DeliveryReader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import datetime, timedelta

    from eventdrain.drain import Start
    from eventdrain.errors import Failure
    from eventdrain.events import Delivery, Pseudonyms
    from eventdrain.ports import (
        Acker,
        Authorization,
        ClientCredentials,
        EventSource,
        SecretStore,
        Sink,
        TokenEndpoint,
    )
    from eventdrain.settings import Settings


class Services(Protocol):
    """Connects a run to the services around it, and to the clock."""

    sinks: Sequence[str]
    """The names of the sinks; the first is the archive."""

    def connect_secrets(self) -> AbstractContextManager[SecretStore]:
        """Open the connection to the secrets. Raises ConfigurationError if settings are invalid."""
        ...

    def token_endpoint(self, credentials: ClientCredentials) -> TokenEndpoint:
        """Return the token endpoint for a client."""
        ...

    def connect_sinks(self) -> Mapping[str, AbstractAsyncContextManager[Sink]]:
        """Return the sinks by name, to be opened. Raises ConfigurationError."""
        ...

    def event_source(self, *, timeout_seconds: float) -> EventSource:
        """Return the source of streams, whose calls end after a time as a backstop."""
        ...

    def connect_acker(self) -> AbstractAsyncContextManager[Acker]:
        """Open a connection for acks."""
        ...

    def run(self, drain: Coroutine[None, None, None]) -> None:
        """Run a drain in an event loop of its own. Returns when its threads have ended too."""
        ...

    def clock(self) -> float:
        """Return seconds, monotonic."""
        ...

    def now(self) -> datetime:
        """Return the time, UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Memory:
    """What the runs of a process remember. The pseudonyms' key never changes."""

    secrets: SecretMemory = field(default_factory=dict)
    pseudonyms: dict[str, Pseudonyms] = field(default_factory=dict)


def run_drain(
    settings: Settings,
    services: Services,
    memory: Memory,
    *,
    remaining: timedelta,
    on_token: Callable[[], None] = lambda: None,
) -> Report:
    """Run one drain.

    Args:
        settings: The settings of the run.
        services: The services around it.
        memory: What earlier runs of the process have remembered.
        remaining: How long the process may still run.
        on_token: Called once, after the token was obtained and before the stream is opened.

    Returns:
        The report. All errors, including unexpected ones, are recorded in it.
    """
    report = Report(settings.stream.event_type, services.sinks)
    started = services.clock()
    window = Window.opening(
        started, length=settings.window, remaining=remaining, reserve=settings.reserve
    )
    try:
        with ExitStack() as connection:
            secrets = connection.enter_context(services.connect_secrets())
            pseudonyms = _pseudonyms(settings.pseudonym_key_secret_arn, secrets, memory)
            authorization = _authorization(settings, services, secrets, memory, window)
            try:
                # Fail here if there is no token, and not later with an error about the stream.
                authorization.token()
                connection.close()
                sinks = services.connect_sinks()
                on_token()
                services.run(
                    _drain(settings, services, window, sinks, authorization, pseudonyms, report)
                )
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
        memory.secrets.clear()  # the cause may be a secret that has changed since it was read
    report.run_seconds = report.run_seconds or services.clock() - started
    return report


class _AckerOnDemand:
    """A ``ports.Acker`` that is created for the first ack: runs without events need none."""

    def __init__(self, connect: Callable[[], Awaitable[Acker]]) -> None:
        self._connect = connect
        self._acker: Acker | None = None

    async def ack(
        self, deliveries: Sequence[Delivery], *, token: str | None, timeout_seconds: float
    ) -> Sequence[Failure | None]:
        """See ``ports.Acker``."""
        if self._acker is None:
            self._acker = await self._connect()
        return await self._acker.ack(deliveries, token=token, timeout_seconds=timeout_seconds)


async def _drain(
    settings: Settings,
    services: Services,
    window: Window,
    connecting: Mapping[str, AbstractAsyncContextManager[Sink]],
    authorization: Authorization,
    pseudonyms: Pseudonyms | None,
    report: Report,
) -> None:
    source = services.event_source(timeout_seconds=max(1.0, window.commit_until - services.clock()))
    async with AsyncExitStack() as connections:
        sinks = {
            name: await connections.enter_async_context(sink) for name, sink in connecting.items()
        }
        acker = _AckerOnDemand(lambda: connections.enter_async_context(services.connect_acker()))
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
                clock=services.clock,
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
            clock=services.clock,
        )
        await drain.run()


def _pseudonyms(arn: str, secrets: SecretStore, memory: Memory) -> Pseudonyms | None:
    """Return the pseudonyms; None without a secret."""
    if not arn:
        return None
    if arn not in memory.pseudonyms:
        memory.pseudonyms[arn] = read_pseudonyms(secrets, arn)
    return memory.pseudonyms[arn]


def _authorization(
    settings: Settings,
    services: Services,
    secrets: SecretStore,
    memory: Memory,
    window: Window,
) -> RunToken | StaticToken:
    arn = settings.credentials_secret_arn
    if not arn:
        return StaticToken()
    remembered = RememberedSecrets(secrets, memory.secrets, now=services.now)

    def read() -> TokenCache | StaticToken:
        credentials = read_credentials(remembered, arn, now=services.now)
        if isinstance(credentials, StaticToken):
            return credentials
        return TokenCache(
            settings,
            remembered,
            services.token_endpoint(credentials),
            lambda: window.commit_until - services.clock(),
            now=services.now,
        )

    return RunToken(remembered, read)


class StartedRun(NamedTuple):
    """A further run that a run has started.

    Attributes:
        start: Its parameters.
        error: Why it could not be started; None if it was.
    """

    start: Start
    error: DrainError | None


def run_and_start_others(
    start: Start,
    settings: Settings,
    *,
    run: Callable[[Callable[[], None]], Report],
    start_run: Callable[[Start], None],
    on_report: Callable[[Report], None] = lambda _: None,
) -> tuple[Report, Sequence[StartedRun]]:
    """Run one drain, start the other concurrent runs, and the next run if there is a backlog.

    Args:
        start: The parameters of this run.
        settings: The settings of this run.
        run: Runs the drain; calls its argument once there is a token.
        start_run: Starts another run, in a thread. Raises StartFailed.
        on_report: Called with the report, before anything waits for the other runs' starts.

    Returns:
        The report, and the runs that were to be started. Failing to start one fails no other.
    """
    # In threads, so that a slow response from Lambda does not delay the drain.
    with ThreadPoolExecutor(thread_name_prefix="start") as threads:
        starting: list[tuple[Start, Future[None]]] = []

        def start_all(others: Iterable[Start]) -> None:
            starting.extend((other, threads.submit(start_run, other)) for other in others)

        # Start them once there is a token. Otherwise each run would request its own, or fail.
        report = run(lambda: start_all(start.others(settings.concurrent_runs)))
        on_report(report)
        start_all(start.next(report, backlog_runs=settings.backlog_runs))
    return report, [StartedRun(other, _start_error(started)) for other, started in starting]


def _start_error(started: Future[None]) -> DrainError | None:
    try:
        started.result()
    except StartFailed as error:
        return error
    except Exception as error:  # noqa: BLE001 - not even a bug fails this run
        return note_unexpected(error, "a start")
    return None
