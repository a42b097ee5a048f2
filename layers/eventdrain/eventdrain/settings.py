"""The settings of a drain, read from the function's environment variables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from eventdrain.errors import ConfigurationError
from eventdrain.events import (
    DEFAULT_EVENT_TYPE,
    STREAMS,
    EventStream,
    is_fifo,
    max_events_per_message,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PRODUCTION: Final = "https://api.wgtwo.com:443"
TOKEN_ENDPOINT: Final = "https://id.wgtwo.com/oauth2/token"  # noqa: S105 - an address, no secret
_USE_TLS: Final = "use an https:// URL (http:// is for servers on 127.0.0.1, ::1 and localhost)"


class StartPosition(StrEnum):
    """Where a stream starts if the server holds no position for it."""

    OLDEST_POSSIBLE = "oldest_possible"
    """At the start of the server's history, about 30 minutes back."""
    NEW = "new"
    """With new events only."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's address.

    Attributes:
        url: The URL as configured.
        host: The host's name or address.
        port: The port; the scheme's default if the URL has none.
        is_secure: Whether TLS is used. Only servers on the loopback interface may do without.
    """

    url: str
    host: str
    port: int
    is_secure: bool

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Parse and validate an endpoint's URL.

        Raises:
            ConfigurationError: The URL is neither ``https://`` nor ``http://`` on loopback; or it
                contains invalid characters, or a user name.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ConfigurationError(f"{url!r} is not a URL: {error}", hint=_USE_TLS) from None
        if parts.scheme not in {"https", "http"} or not host:
            raise ConfigurationError(f"{url!r} is not an https:// URL", hint=_USE_TLS)
        if parts.username is not None:
            raise ConfigurationError(
                "the URL contains a user name", hint="remove the part before the @"
            )
        if not (url.isascii() and url.isprintable()) or " " in url:
            raise ConfigurationError(
                f"{url!r} contains a space, a control character or a non-ASCII character",
                hint="percent-encode this character",
            )
        if parts.scheme == "http" and not _is_loopback(host):
            raise ConfigurationError(
                f"{url!r} would send tokens and personal data unencrypted", hint=_USE_TLS
            )
        default_port = 443 if parts.scheme == "https" else 80
        return cls(url, host, port or default_port, parts.scheme == "https")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one run. Each attribute has an environment variable.

    Attributes:
        event_types: The streams that the stack drains, keys of ``STREAMS``. They share a token.
        event_type: The stream that this run drains.
        api_endpoint: The event API.
        token_endpoint: The token endpoint.
        credentials_secret_arn: The secret with the credentials; empty to call without a token.
        token_secret_arn: The secret that caches the token.
        durable_queue_name: The name of the client's durable queue at the event server.
        start_position: Where the stream starts if the server holds no position.
        ack_timeout: The time after which the server redelivers an unacked event.
        parallel_streams: The number of streams that a run opens.
        concurrent_runs: The number of concurrent runs per stream.
        backlog_runs: The maximum number of runs that immediately follow a scheduled run.
        max_in_flight: The maximum number of unacked events per stream.
        max_events: The maximum number of events that a run commits.
        window: The maximum time for which a run reads.
        idle: The quiet time after which a run ends.
        linger: How long the first delivery of a batch waits for others.
        reserve: The part of the function's time that is kept for the last commit.
        old_event_age: The stream is behind if events are older than this on arrival.
        archive_bucket: The archive's bucket.
        archive_prefix: The key prefix of objects of lines, without a trailing slash.
        quarantine_prefix: The key prefix of quarantined events and of original messages.
        object_lock: How long archived objects are locked against deletion; zero for no lock.
        queue_url: The queue's URL. A name that ends in ``.fifo`` means a FIFO queue.
        events_per_message: The maximum number of events in a message.
        pseudonym_key_secret_arn: The secret with the key for pseudonyms; empty for no pseudonyms.
    """

    event_types: tuple[str, ...]
    event_type: str
    api_endpoint: Endpoint
    token_endpoint: Endpoint
    credentials_secret_arn: str
    token_secret_arn: str
    durable_queue_name: str
    start_position: StartPosition
    ack_timeout: timedelta
    parallel_streams: int
    concurrent_runs: int
    backlog_runs: int
    max_in_flight: int
    max_events: int
    window: timedelta
    idle: timedelta
    linger: timedelta
    reserve: timedelta
    old_event_age: timedelta
    archive_bucket: str
    archive_prefix: str
    quarantine_prefix: str
    object_lock: timedelta
    queue_url: str
    events_per_message: int
    pseudonym_key_secret_arn: str

    @property
    def stream(self) -> EventStream:
        """The stream to drain."""
        return STREAMS[self.event_type]

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the stack's streams require, distinct and sorted."""
        return tuple(sorted({STREAMS[event_type].scope for event_type in self.event_types} - {""}))

    @classmethod
    def from_env(cls, environment: Mapping[str, str], *, event_type: str | None = None) -> Settings:
        """Read and validate the settings.

        A missing or empty variable has the same default as the template's parameter.

        Args:
            environment: The environment variables.
            event_type: The stream of this run; may be None if the stack drains only one stream.

        Raises:
            ConfigurationError: Variables are missing or invalid, or the stack does not drain the
                stream. The error names all of them and the allowed values.
        """
        env = _Environment(environment)
        event_types = env.choices("EVENT_TYPES", DEFAULT_EVENT_TYPE, tuple(STREAMS))
        if event_type is None and len(event_types) == 1:
            event_type = event_types[0]
        if event_type not in event_types:
            env.problem(
                "event_type",
                f"the run's event_type is {event_type!r}, which the stack does not drain",
                f'use one of {", ".join(event_types)}, as in {{"event_type": "{event_types[0]}"}}',
            )
            event_type = event_types[0]
        queue_url = env.required("QUEUE_URL", "the URL of the SQS queue")
        settings = cls(
            event_types=event_types,
            event_type=event_type,
            api_endpoint=env.endpoint("API_ENDPOINT", PRODUCTION),
            token_endpoint=env.endpoint("TOKEN_ENDPOINT", TOKEN_ENDPOINT),
            credentials_secret_arn=env.text("CREDENTIALS_SECRET_ARN", ""),
            token_secret_arn=env.text("TOKEN_SECRET_ARN", ""),
            durable_queue_name=env.text("DURABLE_QUEUE_NAME", ""),
            start_position=StartPosition(
                env.choice("START_POSITION", "oldest_possible", tuple(StartPosition))
            ),
            ack_timeout=timedelta(seconds=env.number("ACK_TIMEOUT_SECONDS", 25, 10, 600)),
            parallel_streams=env.number("PARALLEL_STREAMS", 1, 1, 8),
            concurrent_runs=env.number("PULLERS", 1, 1, 8),
            backlog_runs=env.number("BACKLOG_RUNS", 4, 0, 12),
            max_in_flight=env.number("MAX_IN_FLIGHT", 200, 1, 200),
            max_events=env.number("MAX_EVENTS", 100_000, 1, 10_000_000),
            window=timedelta(seconds=env.number("WINDOW_SECONDS", 20, 1, 840)),
            idle=timedelta(seconds=env.number("IDLE_SECONDS", 1, 1, 60)),
            linger=timedelta(milliseconds=env.number("LINGER_MILLISECONDS", 5000, 10, 5000)),
            reserve=timedelta(seconds=env.number("RESERVE_SECONDS", 15, 5, 45)),
            old_event_age=timedelta(
                seconds=env.number("OLDEST_EVENT_AGE_SECONDS", 900, 60, 86_400)
            ),
            archive_bucket=env.required("ARCHIVE_BUCKET", "the name of the archive's bucket"),
            archive_prefix=env.prefix("ARCHIVE_PREFIX", "events"),
            quarantine_prefix=env.prefix("QUARANTINE_PREFIX", "quarantine"),
            object_lock=timedelta(days=env.number("OBJECT_LOCK_DAYS", 0, 0, 36_500)),
            queue_url=queue_url.replace("{event_type}", event_type),
            events_per_message=env.number(
                "EVENTS_PER_MESSAGE", 1, 1, max_events_per_message(is_fifo=False)
            ),
            pseudonym_key_secret_arn=env.text("PSEUDONYM_KEY_SECRET_ARN", ""),
        )
        if settings.events_per_message > max_events_per_message(is_fifo=is_fifo(queue_url)):
            env.problem(
                "EVENTS_PER_MESSAGE",
                "EVENTS_PER_MESSAGE is above 1, which FIFO queues do not support: the events of a"
                " message could belong to several groups",
                "set EVENTS_PER_MESSAGE to 1",
            )
        if settings.credentials_secret_arn and not settings.token_secret_arn:
            env.problem(
                "TOKEN_SECRET_ARN",
                "TOKEN_SECRET_ARN is missing, but CREDENTIALS_SECRET_ARN is set",
                "set TOKEN_SECRET_ARN to the ARN of the secret that caches the token",
            )
        if f"{settings.quarantine_prefix}/".startswith(f"{settings.archive_prefix}/"):
            env.problem(
                "QUARANTINE_PREFIX",
                "QUARANTINE_PREFIX is equal to or below ARCHIVE_PREFIX, so tables would include"
                " quarantined events",
                "set QUARANTINE_PREFIX to a prefix outside ARCHIVE_PREFIX",
            )
        env.raise_problems()
        return settings


class _Environment:
    """Reads variables and collects all problems, so that one error reports them together."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[ConfigurationError] = []

    def problem(self, name: str, reason: str, hint: str) -> None:
        self._problems.append(ConfigurationError(reason, hint=hint, setting=name))

    def raise_problems(self) -> None:
        if self._problems:
            raise ConfigurationError(
                "; ".join(problem.reason for problem in self._problems),
                hint="; ".join(dict.fromkeys(problem.hint for problem in self._problems)),
                setting=", ".join(dict.fromkeys(problem.setting for problem in self._problems)),
            )

    def text(self, name: str, default: str) -> str:
        return self._environment.get(name, "").strip() or default

    def prefix(self, name: str, default: str) -> str:
        return self.text(name, default).strip("/") or default

    def required(self, name: str, meaning: str) -> str:
        value = self.text(name, "")
        if not value:
            self.problem(name, f"{name} is missing", f"set {name} to {meaning}")
        return value

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            hint = f"set {name} to one of {', '.join(allowed)}"
            self.problem(name, f"{name} is invalid: {value!r}", hint)
            return default
        return value

    def choices(self, name: str, default: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        values = [value.strip() for value in self.text(name, default).split(",")]
        unknown = [value for value in values if value not in allowed]
        if unknown:
            self.problem(
                name,
                f"{name} is invalid: {', '.join(map(repr, unknown))}",
                f"set {name} to one or more of {', '.join(allowed)}, separated by commas",
            )
            return (default,)
        return tuple(dict.fromkeys(values))

    def number(self, name: str, default: int, minimum: int, maximum: int) -> int:
        value = self.text(name, str(default))
        is_number = value.isascii() and value.isdigit() and len(value) <= len(str(maximum))
        if not (is_number and minimum <= int(value) <= maximum):
            hint = f"set {name} to a whole number from {minimum} to {maximum}"
            self.problem(name, f"{name} is invalid: {value!r}", hint)
            return default
        return int(value)

    def endpoint(self, name: str, default: str) -> Endpoint:
        try:
            return Endpoint.parse(self.text(name, default))
        except ConfigurationError as error:
            self.problem(name, f"{name}: {error.reason}", error.hint)
            return Endpoint.parse(default)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
