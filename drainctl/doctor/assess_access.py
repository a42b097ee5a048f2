"""Whether the stack may read the streams: credentials, token, scopes, the event API."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drainctl.doctor.facts import Origin, scope_of
from drainctl.doctor.findings import Finding, Status, assessed, ok, problem, warning
from drainctl.doctor.questions import NoAnswer
from eventdrain.ports import ClientCredentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drainctl.doctor.facts import Facts, Reached, StackCredentials, Token
    from drainctl.stack import Stack


def findings(facts: Facts) -> Iterator[Finding]:
    """Yield the findings."""
    stack = facts.stack
    yield from assessed("credentials", facts.credentials, _credentials)
    yield from assessed("token", facts.token, _token)
    for event_type in stack.event_types:
        scope = scope_of(event_type)
        if not scope:
            yield ok("scope", "this stream needs no scope", event_type)
        elif isinstance(facts.token, NoAnswer):
            yield Finding("scope", Status.SKIPPED, "there is no token", "", event_type)
        else:
            yield _scope(event_type, scope, facts.token)
    yield from assessed("endpoint", facts.reached, _endpoint)
    for event_type in stack.event_types:
        opened = facts.streams.get(event_type, NoAnswer("this checkout does not know this stream"))
        yield from assessed("stream", opened, partial(_stream, stack, event_type), event_type)


def _credentials(credentials: StackCredentials | None) -> Iterator[Finding]:
    if credentials is None:
        yield ok("credentials", "not needed: Authentication is none")
        return
    when = f", stored on {credentials.changed:%Y-%m-%d}" if credentials.changed else ""
    if isinstance(credentials.content, ClientCredentials):
        yield ok("credentials", f"the secret holds a client's id and secret{when}")
    else:
        yield warning(
            "credentials",
            f"the secret holds only an access token{when}: nothing renews it when it expires",
            "replace it with a client's id and secret, if the vendor gives you one",
        )


def _token(token: Token) -> Iterator[Finding]:
    until = f", valid until {token.expires:%H:%M} UTC" if token.expires else ""
    message = {
        Origin.NONE: "not needed: the stack calls without a token",
        Origin.GIVEN: "runs use the token in the credentials secret",
        Origin.CACHED: f"the runs have cached a token{until}",
        Origin.MINTED: f"a new token was requested and discarded, because {token.why_minted}",
    }[token.origin]
    yield ok("token", message)


def _scope(event_type: str, scope: str, token: Token) -> Finding:
    check = "scope"
    if token.scopes is None:
        message = f"the check `stream` shows whether the token has {scope}"
        return ok(check, message, event_type)
    if scope in token.scopes:
        return ok(check, f"{scope} is granted", event_type)
    if not token.is_complete:
        return warning(
            check,
            f"the token endpoint did not answer whether {scope} is granted",
            "run the doctor again in a few minutes; if the answer is still missing, ask the vendor"
            " whether one client may have all scopes in one token",
            event_type,
        )
    is_cached = token.origin is Origin.CACHED and token.expires
    by = f", by {token.expires:%H:%M} UTC" if is_cached else ""
    return problem(
        check,
        f"{scope} is not granted to the client",
        f"request it at the vendor's portal; it takes effect with the next token{by}",
        event_type,
    )


def _endpoint(reached: Reached) -> Iterator[Finding]:
    how = "offers TLS and HTTP/2, and is trusted" if reached.is_secure else "accepts connections"
    yield ok("endpoint", f"{reached.url} {how}")


def _stream(stack: Stack, event_type: str, _: None) -> Iterator[Finding]:
    name = stack.parameters.get("DurableQueueName") or "the client's default"
    message = f"the server opens it; nothing was taken from the durable queue ({name})"
    yield ok("stream", message, event_type)
