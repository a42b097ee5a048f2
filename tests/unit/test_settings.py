from __future__ import annotations

import re
from dataclasses import fields
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.errors import ConfigurationError
from eventdrain.events import STREAMS
from eventdrain.settings import Endpoint, Settings, StartPosition
from tests.unit.written_template import function_variables, parameter_of

NEEDED: Final = {"ARCHIVE_BUCKET": "made-up-bucket", "QUEUE_URL": "https://sqs.example/made-up"}
RANGES: Final = {
    "ACK_TIMEOUT_SECONDS": (10, 600),
    "PARALLEL_STREAMS": (1, 8),
    "PULLERS": (1, 8),
    "BACKLOG_RUNS": (0, 12),
    "EVENTS_PER_MESSAGE": (1, 100),
    "MAX_IN_FLIGHT": (1, 200),
    "MAX_EVENTS": (1, 10_000_000),
    "WINDOW_SECONDS": (1, 840),
    "IDLE_SECONDS": (1, 60),
    "LINGER_MILLISECONDS": (10, 5000),
    "RESERVE_SECONDS": (5, 45),
    "OLDEST_EVENT_AGE_SECONDS": (60, 86_400),
}


VALUES: Final[tuple[tuple[str, str, str, object], ...]] = (
    ("EVENT_TYPES", "consent_change", "event_types", ("consent_change",)),
    (
        *("API_ENDPOINT", "http://localhost:50051", "api_endpoint"),
        Endpoint("http://localhost:50051", "localhost", 50051, is_secure=False),
    ),
    (
        *("TOKEN_ENDPOINT", "http://127.0.0.1/token", "token_endpoint"),
        Endpoint("http://127.0.0.1/token", "127.0.0.1", 80, is_secure=False),
    ),
    ("CREDENTIALS_SECRET_ARN", "arn:credentials", "credentials_secret_arn", "arn:credentials"),
    ("TOKEN_SECRET_ARN", "arn:token", "token_secret_arn", "arn:token"),
    ("DURABLE_QUEUE_NAME", "mine", "durable_queue_name", "mine"),
    ("START_POSITION", "new", "start_position", StartPosition.NEW),
    ("ACK_TIMEOUT_SECONDS", "10", "ack_timeout", timedelta(seconds=10)),
    ("PARALLEL_STREAMS", "2", "parallel_streams", 2),
    ("PULLERS", "3", "concurrent_runs", 3),
    ("BACKLOG_RUNS", "0", "backlog_runs", 0),
    ("MAX_IN_FLIGHT", "7", "max_in_flight", 7),
    ("MAX_EVENTS", "8", "max_events", 8),
    ("WINDOW_SECONDS", "9", "window", timedelta(seconds=9)),
    ("IDLE_SECONDS", "11", "idle", timedelta(seconds=11)),
    ("LINGER_MILLISECONDS", "12", "linger", timedelta(milliseconds=12)),
    ("RESERVE_SECONDS", "13", "reserve", timedelta(seconds=13)),
    ("OLDEST_EVENT_AGE_SECONDS", "600", "old_event_age", timedelta(seconds=600)),
    ("ARCHIVE_BUCKET", "b", "archive_bucket", "b"),
    ("ARCHIVE_PREFIX", "/p/q/", "archive_prefix", "p/q"),
    ("QUARANTINE_PREFIX", "/r/s/", "quarantine_prefix", "r/s"),
    ("OBJECT_LOCK_DAYS", "14", "object_lock", timedelta(days=14)),
    ("QUEUE_URL", "q", "queue_url", "q"),
    ("EVENTS_PER_MESSAGE", "10", "events_per_message", 10),
    ("PSEUDONYM_KEY_SECRET_ARN", "arn:key", "pseudonym_key_secret_arn", "arn:key"),
)
"""A value for each variable, and its setting."""


def settings(event_type: str | None = None, /, **variables: str) -> Settings:
    """Read settings from an environment that has what is needed, and these variables."""
    return Settings.from_env(NEEDED | variables, event_type=event_type)


def problems(event_type: str | None = None, /, **variables: str) -> str:
    """Return the error text about these variables."""
    with pytest.raises(ConfigurationError) as caught:
        settings(event_type, **variables)
    return str(caught.value)


# --- Defaults and values ---


def test_every_value_is_read() -> None:
    """Each variable reaches the setting of its name, in its unit."""
    read = settings(**{variable: text for variable, text, _, _ in VALUES})
    assert {name: getattr(read, name) for _, _, name, _ in VALUES} == {
        name: value for _, _, name, value in VALUES
    }
    theirs = {name for name in function_variables() if not name.startswith("POWERTOOLS_")}
    assert {variable for variable, *_ in VALUES} == theirs, "the template passes on each"
    assert {name for _, _, name, _ in VALUES} | {"event_type"} == {
        field.name for field in fields(Settings)
    }


@pytest.mark.parametrize("blank", ["", " "])
def test_blank_is_missing(blank: str) -> None:
    """A blank variable has its default."""
    assert settings(**dict.fromkeys(function_variables().keys() - NEEDED, blank)) == settings()


# --- The template's side ---


def test_defaults_are_the_templates() -> None:
    """The defaults of settings are those of the template."""
    parameters = {name: parameter_of(name) for name, *_ in VALUES}
    defaults = {name: str(each["Default"]) for name, each in parameters.items() if each}
    assert settings(**defaults) == settings()


@pytest.mark.parametrize("name", RANGES)
def test_ranges_are_the_templates(name: str) -> None:
    """Template and settings allow the same range, which the error for other values names."""
    parameter = parameter_of(name) or {}
    least, most = RANGES[name]
    for value in (least, most):
        settings(**{name: str(value)})
    for value in (least - 1, most + 1):
        assert problems(**{name: str(value)}) == (
            f"{name} is invalid: '{value}'."
            f" To fix this, set {name} to a whole number from {least} to {most}."
        )
    if "AllowedValues" in parameter:  # of windows only some
        assert all(least <= int(value) <= most for value in parameter["AllowedValues"])
    else:
        assert (parameter["MinValue"], parameter["MaxValue"]) == (least, most)


def test_choices_are_the_templates() -> None:
    """The settings allow exactly the template's values."""
    offered = ", ".join((parameter_of("START_POSITION") or {})["AllowedValues"])
    reported = problems(START_POSITION="made-up")
    assert reported.endswith(f"set START_POSITION to one of {offered}.")


# --- Streams ---


def test_the_run_s_stream_is_one_of_the_stack_s() -> None:
    """A start selects one of the stack's streams, and its queue if each has one."""
    read = settings(
        "consent_change",
        EVENT_TYPES="country_change, consent_change,country_change",
        QUEUE_URL="https://sqs.example/outbox-{event_type}-made-up",
    )
    assert read.event_types == ("country_change", "consent_change")
    assert (read.event_type, read.stream.event_type) == ("consent_change", "consent_change")
    assert read.queue_url == "https://sqs.example/outbox-consent_change-made-up"


@pytest.mark.parametrize("event_type", [None, "first_attachment", "made-up"])
def test_stream_that_is_not_the_stack_s_is_named(event_type: str | None) -> None:
    """A start without a stream, or with another stack's, is an error that names the streams."""
    assert problems(event_type, EVENT_TYPES="country_change,consent_change") == (
        f"the run's event_type is {event_type!r}, which the stack does not drain. To fix this, use"
        ' one of country_change, consent_change, as in {"event_type": "country_change"}.'
    )


def test_unknown_streams_are_named() -> None:
    """Streams that do not exist are rejected: the error names them and those that do."""
    reported = problems(EVENT_TYPES="handset_change,sim_swap,,consent_change")
    assert all(name in reported for name in ("EVENT_TYPES is invalid: 'sim_swap', ''", *STREAMS))


def test_scopes_are_those_of_all_streams() -> None:
    """The token is for every stream of the stack; the one that needs no scope adds none."""
    assert settings(EVENT_TYPES="consent_change").scopes == ()
    subjects = ("country_change", "first_attachment", "handset_details", "periodic_country")
    assert settings("consent_change", EVENT_TYPES=",".join(STREAMS)).scopes == tuple(
        f"subscription.{subject}:read" for subject in subjects
    )


def test_fifo_queue_takes_no_packed_messages() -> None:
    """A message of a FIFO queue has one group, and events of several subscriptions have several."""
    reported = problems(EVENTS_PER_MESSAGE="2", QUEUE_URL="https://sqs.example/made-up.fifo")
    assert "set EVENTS_PER_MESSAGE to 1" in reported


@pytest.mark.parametrize(
    ("name", "path"), [("API_ENDPOINT", ""), ("TOKEN_ENDPOINT", "/oauth2/token")]
)
def test_template_and_settings_allow_the_same(name: str, path: str) -> None:
    """An endpoint passes the template's pattern and the function, or neither."""
    pattern = (parameter_of(name) or {})["AllowedPattern"]
    encrypted = ("https://api.example:443", "https://api.example")
    for server in (*encrypted, "http://localhost:8080", "http://127.0.0.1:8080"):
        assert re.search(pattern, server + path)
        settings(**{name: server + path})
    lookalikes = ("localhost.example:80", "127.0.0.1.example", "localhost@api.example", "192.0.2.1")
    for server in (*(f"http://{each}" for each in lookalikes), "ftp://localhost", "https://"):
        assert not re.search(pattern, server + path)
        problems(**{name: server + path})


# --- What can't work ---


@pytest.mark.parametrize(
    "value",
    ["ten", "1.5", "-5", "1e2", "\N{ARABIC-INDIC DIGIT FIVE}", "²", "5 0", "5_0", "9" * 5000],
)
def test_no_whole_number(value: str) -> None:
    """A malformed number, or one out of range, is repeated in the error."""
    assert problems(MAX_IN_FLIGHT=value).startswith(f"MAX_IN_FLIGHT is invalid: {value!r}")


def test_secrets_go_together() -> None:
    """Credentials without a place for the token are rejected."""
    assert problems(CREDENTIALS_SECRET_ARN="arn").startswith("TOKEN_SECRET_ARN is missing")
    assert settings(TOKEN_SECRET_ARN="arn").credentials_secret_arn == ""


@pytest.mark.parametrize("prefix", ["events", "/events/", " events/", "events/quarantine"])
def test_quarantine_is_apart(prefix: str) -> None:
    """A quarantine among the archive's lines is rejected; slashes alone are no prefix."""
    assert problems(QUARANTINE_PREFIX=prefix).startswith(
        "QUARANTINE_PREFIX is equal to or below ARCHIVE_PREFIX"
    )
    assert settings(QUARANTINE_PREFIX="events-quarantine").quarantine_prefix == "events-quarantine"
    assert settings(ARCHIVE_PREFIX="//") == settings(QUARANTINE_PREFIX="/") == settings()


def test_all_problems_are_reported_at_once() -> None:
    """Every variable that can't work is named in one error."""
    texts = ("EVENT_TYPES", "API_ENDPOINT", "TOKEN_ENDPOINT", "START_POSITION")
    wrong = dict.fromkeys((*texts, *RANGES, "CREDENTIALS_SECRET_ARN"), "x")
    wrong |= {"ARCHIVE_BUCKET": "", "QUEUE_URL": "", "QUARANTINE_PREFIX": "events"}
    with pytest.raises(ConfigurationError) as caught:
        settings(**wrong)
    wrong["TOKEN_SECRET_ARN"] = wrong.pop("CREDENTIALS_SECRET_ARN")
    assert set(caught.value.setting.split(", ")) == wrong.keys()
    assert all(name in caught.value.reason for name in wrong)


# --- Endpoints ---


@pytest.mark.parametrize(
    ("url", "host", "port", "is_secure"),
    [
        ("https://api.example", "api.example", 443, True),
        ("https://127.0.0.1:1/token", "127.0.0.1", 1, True),
        ("HTTPS://API.example", "api.example", 443, True),
        ("http://LOCALHOST", "localhost", 80, False),
        ("http://127.9.9.9:1", "127.9.9.9", 1, False),
        ("http://[::1]:50051", "::1", 50051, False),
    ],
)
def test_endpoint(url: str, host: str, port: int, *, is_secure: bool) -> None:
    """TLS for https, plaintext for http on loopback; the scheme's port where none is given."""
    assert Endpoint.parse(url) == Endpoint(url, host, port, is_secure)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://api.example", "unencrypted"),
        ("http://0.0.0.0:50051", "unencrypted"),
        ("http://[::2]", "unencrypted"),
        ("http://2130706433", "unencrypted"),
        ("api.example:443", "is not an https:// URL"),
        ("https://:443", "is not an https:// URL"),
        ("https://api.example/a b", "contains a space, a control character"),
        ("https://api.example/?é", "contains a space, a control character"),
        ("https://localhost:made-up@api.example", "user name"),
        ("http://localhost:made-up@api.example", "user name"),
        ("https://api.example:99999", "is not a URL"),
        ("https://[::1", "is not a URL"),
    ],
)
def test_endpoint_that_is_rejected(url: str, reason: str) -> None:
    """Plaintext beyond loopback, malformed URLs, invalid characters, passwords are rejected."""
    reported = problems(API_ENDPOINT=url)
    assert reported.startswith("API_ENDPOINT: ")
    assert reason in reported
    assert "made-up" not in reported


@given(st.text(max_size=30), st.sampled_from(["http://", "https://", ""]))
def test_any_endpoint_is_secure_or_loopback(text: str, scheme: str) -> None:
    """Any accepted endpoint is encrypted or on this machine."""
    try:
        endpoint = Endpoint.parse(scheme + text)
    except ConfigurationError:
        return
    assert endpoint.is_secure or re.fullmatch(r"localhost|::1|127\..*", endpoint.host)
