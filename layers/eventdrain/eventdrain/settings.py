"""The settings of a drain, read from the environment that the stack gives the function."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from eventdrain.errors import ConfigurationError
from eventdrain.streams import DEFAULT_EVENT_TYPE, STREAMS, EventStream

if TYPE_CHECKING:
    from collections.abc import Mapping

PRODUCTION: Final = "https://api.wgtwo.com:443"
TOKEN_ENDPOINT: Final = "https://id.wgtwo.com/oauth2/token"  # noqa: S105 - an address, no secret


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
            ValueError: It is no ``https://`` URL, nor an ``http://`` one on loopback.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise ValueError(f"{url!r} is not an https:// URL")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError(
                f"{url!r} would send tokens and personal data unencrypted: use https://"
                " (http:// is for servers on 127.0.0.1, ::1 and localhost)"
            )
        default_port = 443 if parts.scheme == "https" else 80
        return cls(url, parts.hostname, parts.port or default_port, parts.scheme == "https")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a run can be told; each attribute is a variable's, with its unit in the name.

    Attributes:
        event_type: The stream to drain, one of ``streams.STREAMS``.
        api_endpoint: The event API.
        token_endpoint: Where tokens are minted.
        credentials_secret_arn: The secret that the operator fills; empty to call without a token.
        token_secret_arn: The secret that keeps the minted token.
        durable_queue_name: Which of the client's queues to read from.
        start_position: Where to start if the server holds no position.
        ack_timeout: After which the server delivers an unacked event again. 10 s to 10 min.
        max_in_flight: How many events may be out unacked: 1 to 200.
        max_events: How many events a run commits at the most.
        window: How long a run reads at the most.
        idle: How long a stream may be quiet before the run ends.
        linger: How long the first delivery of a batch waits for others.
        reserve: How much of the function's time is kept for the last commit.
        archive_bucket: The bucket of the archive.
        archive_prefix: What the keys of the archive begin with, without a slash at the end.
        quarantine_prefix: Likewise for events that can't become a line.
        outbox_queue_url: The queue; one whose name ends in ``.fifo`` is written to as such.
    """

    event_type: str
    api_endpoint: Endpoint
    token_endpoint: Endpoint
    credentials_secret_arn: str
    token_secret_arn: str
    durable_queue_name: str
    start_position: StartPosition
    ack_timeout: timedelta
    max_in_flight: int
    max_events: int
    window: timedelta
    idle: timedelta
    linger: timedelta
    reserve: timedelta
    archive_bucket: str
    archive_prefix: str
    quarantine_prefix: str
    outbox_queue_url: str

    @property
    def stream(self) -> EventStream:
        """The stream to drain."""
        return STREAMS[self.event_type]

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        A variable that is missing or empty takes its default, which is the template's too.

        Raises:
            ConfigurationError: Names every variable that is missing or can't work, and what it
                may be.
        """
        env = _Environment(environment)
        settings = cls(
            event_type=env.choice("EVENT_TYPE", DEFAULT_EVENT_TYPE, tuple(STREAMS)),
            api_endpoint=env.endpoint("API_ENDPOINT", PRODUCTION),
            token_endpoint=env.endpoint("TOKEN_ENDPOINT", TOKEN_ENDPOINT),
            credentials_secret_arn=env.text("CREDENTIALS_SECRET_ARN", ""),
            token_secret_arn=env.text("TOKEN_SECRET_ARN", ""),
            durable_queue_name=env.text("DURABLE_QUEUE_NAME", ""),
            start_position=StartPosition(
                env.choice("START_POSITION", "oldest_possible", tuple(StartPosition))
            ),
            ack_timeout=timedelta(seconds=env.number("ACK_TIMEOUT_SECONDS", 60, 10, 600)),
            max_in_flight=env.number("MAX_IN_FLIGHT", 200, 1, 200),
            max_events=env.number("MAX_EVENTS", 100_000, 1, 10_000_000),
            window=timedelta(seconds=env.number("WINDOW_SECONDS", 240, 1, 840)),
            idle=timedelta(seconds=env.number("IDLE_SECONDS", 5, 1, 60)),
            linger=timedelta(milliseconds=env.number("LINGER_MILLISECONDS", 250, 10, 5000)),
            reserve=timedelta(seconds=env.number("RESERVE_SECONDS", 15, 5, 45)),
            archive_bucket=env.required("ARCHIVE_BUCKET", "the name of the archive's bucket"),
            archive_prefix=env.prefix("ARCHIVE_PREFIX", "events"),
            quarantine_prefix=env.prefix("QUARANTINE_PREFIX", "quarantine"),
            outbox_queue_url=env.required("OUTBOX_QUEUE_URL", "the URL of the SQS queue"),
        )
        if settings.credentials_secret_arn and not settings.token_secret_arn:
            env.problem("TOKEN_SECRET_ARN is missing: CREDENTIALS_SECRET_ARN needs it beside it")
        if f"{settings.quarantine_prefix}/".startswith(f"{settings.archive_prefix}/"):
            env.problem(
                "QUARANTINE_PREFIX is ARCHIVE_PREFIX or below it: a table of lines would hold both"
            )
        env.raise_problems()
        return settings


class _Environment:
    """Reads variables and gathers what is wrong with them, so that all of it is told at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def problem(self, text: str) -> None:
        self._problems.append(text)

    def raise_problems(self) -> None:
        if self._problems:
            raise ConfigurationError("; ".join(self._problems))

    def text(self, name: str, default: str) -> str:
        return self._environment.get(name, "").strip() or default

    def prefix(self, name: str, default: str) -> str:
        return self.text(name, default).strip("/") or default

    def required(self, name: str, meaning: str) -> str:
        value = self.text(name, "")
        if not value:
            self.problem(f"{name} is missing: set it to {meaning}")
        return value

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            self.problem(f"{name} is {value!r}: it must be one of {', '.join(allowed)}")
            return default
        return value

    def number(self, name: str, default: int, least: int, most: int) -> int:
        value = self.text(name, str(default))
        is_number = value.isascii() and value.isdigit() and len(value) <= len(str(most))
        if not (is_number and least <= int(value) <= most):
            self.problem(f"{name} is {value!r}: it must be a whole number from {least} to {most}")
            return default
        return int(value)

    def endpoint(self, name: str, default: str) -> Endpoint:
        try:
            return Endpoint.parse(self.text(name, default))
        except ValueError as error:
            self.problem(f"{name}: {error}")
            return Endpoint.parse(default)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
