"""The settings of a drain, read from the environment that the stack gives the function."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from eventdrain.errors import ConfigurationError
from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS, EventStream

if TYPE_CHECKING:
    from collections.abc import Mapping

PRODUCTION: Final = "https://api.wgtwo.com:443"
TOKEN_ENDPOINT: Final = "https://id.wgtwo.com/oauth2/token"  # noqa: S105 - an address, no secret
_USE_TLS: Final = "use an https:// URL (http:// is for servers on 127.0.0.1, ::1 and localhost)"


class StartPosition(StrEnum):
    """Where a stream starts whose position the server doesn't hold, or no longer."""

    OLDEST_POSSIBLE = "oldest_possible"
    """As far back as the server's history goes, about 30 minutes."""
    NEW = "new"
    """With what happens from now on."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's address.

    Attributes:
        url: As it was given.
        host: The host's name or address.
        port: The port; the scheme's default where none was given.
        is_secure: Whether TLS is used. It is not only on this machine's loopback.
    """

    url: str
    host: str
    port: int
    is_secure: bool

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Read an endpoint.

        Raises:
            ConfigurationError: It is no ``https://`` URL, nor an ``http://`` one on loopback; or
                it holds what no request can carry, or a password, which every error would show.
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
                "the URL has a user name in it", hint="leave out what is before the @"
            )
        if not (url.isascii() and url.isprintable()) or " " in url:
            raise ConfigurationError(
                f"{url!r} has a space, a control character or a letter outside of ASCII",
                hint="percent-encode it",
            )
        if parts.scheme == "http" and not _is_loopback(host):
            raise ConfigurationError(
                f"{url!r} would send tokens and personal data unencrypted", hint=_USE_TLS
            )
        default_port = 443 if parts.scheme == "https" else 80
        return cls(url, host, port or default_port, parts.scheme == "https")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a run can be told; each attribute is a variable's, with its unit in the name.

    Attributes:
        event_types: The streams that the stack drains, of ``streams.STREAMS``; they share a token.
        event_type: The stream that this run drains, one of those.
        api_endpoint: The event API.
        token_endpoint: Where tokens are minted.
        credentials_secret_arn: The secret that the operator fills; empty to call without a token.
        token_secret_arn: The secret that keeps the minted token.
        durable_queue_name: Which of the client's queues to read from.
        start_position: Where to start if the server holds no position.
        ack_timeout: After which the server delivers an unacked event again. 10 s to 10 min.
        parallel_streams: How many connections a run has.
        concurrent_runs: How many runs a schedule starts at a time.
        backlog_runs: How many runs may follow one another at once, after the schedule's.
        max_in_flight: How many events may be out unacked on one connection: 1 to 200.
        max_events: How many events a run commits at the most.
        window: How long a run reads at the most.
        idle: How long a stream may be quiet before the run ends.
        linger: How long the first delivery of a batch waits for others.
        reserve: How much of the function's time is kept for the last commit.
        archive_bucket: The bucket of the archive.
        archive_prefix: What the keys of the archive begin with, without a slash at the end.
        quarantine_prefix: Likewise for events that can't become a line.
        object_lock: How long nobody may delete what is archived; zero for not at all.
        queue_url: The queue; one whose name ends in ``.fifo`` is written to as such.
        events_per_message: How many events a message of it may hold.
        pseudonym_key_secret_arn: The secret with the key of pseudonyms; empty for none.
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
        """The scopes that the stack's streams need, each once."""
        scopes = (STREAMS[event_type].scope for event_type in self.event_types)
        return tuple(dict.fromkeys(scope for scope in scopes if scope))

    @classmethod
    def from_env(cls, environment: Mapping[str, str], *, event_type: str | None = None) -> Settings:
        """Read the settings.

        A variable that is missing or empty takes its default, which is the template's too.

        Args:
            environment: The variables.
            event_type: The stream of this run; None where the stack drains but one.

        Raises:
            ConfigurationError: Names every variable that is missing or can't work, and what it
                may be; or the stream that isn't the stack's.
        """
        env = _Environment(environment)
        event_types = env.choices("EVENT_TYPES", DEFAULT_EVENT_TYPE, tuple(STREAMS))
        if event_type is None and len(event_types) == 1:
            event_type = event_types[0]
        if event_type not in event_types:
            env.problem(
                "event_type",
                f"the run's event_type is {event_type!r}, which is none of the stack's",
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
            ack_timeout=timedelta(seconds=env.number("ACK_TIMEOUT_SECONDS", 60, 10, 600)),
            parallel_streams=env.number("PARALLEL_STREAMS", 1, 1, 8),
            concurrent_runs=env.number("PULLERS", 1, 1, 8),
            backlog_runs=env.number("BACKLOG_RUNS", 4, 0, 12),
            max_in_flight=env.number("MAX_IN_FLIGHT", 200, 1, 200),
            max_events=env.number("MAX_EVENTS", 100_000, 1, 10_000_000),
            window=timedelta(seconds=env.number("WINDOW_SECONDS", 240, 1, 840)),
            idle=timedelta(seconds=env.number("IDLE_SECONDS", 5, 1, 60)),
            linger=timedelta(milliseconds=env.number("LINGER_MILLISECONDS", 250, 10, 5000)),
            reserve=timedelta(seconds=env.number("RESERVE_SECONDS", 15, 5, 45)),
            archive_bucket=env.required("ARCHIVE_BUCKET", "the name of the archive's bucket"),
            archive_prefix=env.prefix("ARCHIVE_PREFIX", "events"),
            quarantine_prefix=env.prefix("QUARANTINE_PREFIX", "quarantine"),
            object_lock=timedelta(days=env.number("OBJECT_LOCK_DAYS", 0, 0, 36_500)),
            queue_url=queue_url.replace("{event_type}", event_type),
            events_per_message=env.number("EVENTS_PER_MESSAGE", 1, 1, 100),
            pseudonym_key_secret_arn=env.text("PSEUDONYM_KEY_SECRET_ARN", ""),
        )
        if settings.events_per_message > 1 and queue_url.endswith(".fifo"):
            env.problem(
                "EVENTS_PER_MESSAGE",
                "EVENTS_PER_MESSAGE is above 1 for a FIFO queue, and the events of one message"
                " could belong to several groups",
                "set EVENTS_PER_MESSAGE to 1",
            )
        if settings.credentials_secret_arn and not settings.token_secret_arn:
            env.problem(
                "TOKEN_SECRET_ARN",
                "TOKEN_SECRET_ARN is missing, and CREDENTIALS_SECRET_ARN needs it beside it",
                "set TOKEN_SECRET_ARN to the secret that tokens are cached in",
            )
        if f"{settings.quarantine_prefix}/".startswith(f"{settings.archive_prefix}/"):
            env.problem(
                "QUARANTINE_PREFIX",
                "QUARANTINE_PREFIX is ARCHIVE_PREFIX or below it, and a table of lines would hold"
                " both",
                "set QUARANTINE_PREFIX to a prefix outside of it",
            )
        env.raise_problems()
        return settings


class _Environment:
    """Reads variables and gathers what is wrong with them, so that all of it is told at once."""

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
            self.problem(name, f"{name} is {value!r}", hint)
            return default
        return value

    def choices(self, name: str, default: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        values = [value.strip() for value in self.text(name, default).split(",")]
        unknown = [value for value in values if value not in allowed]
        if unknown:
            self.problem(
                name,
                f"{name} names {', '.join(map(repr, unknown))}",
                f"set {name} to one or more of {', '.join(allowed)}, with commas between them",
            )
            return (default,)
        return tuple(dict.fromkeys(values))

    def number(self, name: str, default: int, least: int, most: int) -> int:
        value = self.text(name, str(default))
        is_number = value.isascii() and value.isdigit() and len(value) <= len(str(most))
        if not (is_number and least <= int(value) <= most):
            hint = f"set {name} to a whole number from {least} to {most}"
            self.problem(name, f"{name} is {value!r}", hint)
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
