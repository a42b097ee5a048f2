"""Whether the stack may read: credentials, token, scopes, the event API and its streams."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drainctl.doctor.answers import NoAnswer
from drainctl.doctor.facts_of_access import Origin
from drainctl.doctor.facts_of_stack import scope_of
from drainctl.doctor.finding import Finding, Status
from drainctl.doctor.judging import bad, good, judged, look
from eventdrain.ports import ClientCredentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drainctl.doctor.facts import Facts
    from drainctl.doctor.facts_of_access import Reached, StackCredentials, Token
    from drainctl.doctor.facts_of_stack import Stack


def findings(facts: Facts) -> Iterator[Finding]:
    """Judge whether it may read."""
    stack = facts.stack
    yield from judged("credentials", facts.credentials, _credentials)
    yield from judged("token", facts.token, _token)
    for event_type in stack.event_types:
        scope = scope_of(event_type)
        if not scope:
            yield good("scope", "it needs none", event_type)
        elif isinstance(facts.token, NoAnswer):
            yield Finding("scope", Status.SKIPPED, "there is no token", "", event_type)
        else:
            yield _scope(event_type, scope, facts.token)
    yield from judged("endpoint", facts.reached, _endpoint)
    for event_type in stack.event_types:
        opened = facts.streams.get(event_type, NoAnswer("this checkout doesn't know it"))
        yield from judged("stream", opened, partial(_stream, stack, event_type), event_type)


def _credentials(credentials: StackCredentials | None) -> Iterator[Finding]:
    if credentials is None:
        yield good("credentials", "none are used: Authentication is none")
        return
    is_client = isinstance(credentials.content, ClientCredentials)
    what = "a client's id and secret" if is_client else "an access token"
    when = f", put in on {credentials.changed:%Y-%m-%d}" if credentials.changed else ""
    if is_client:
        yield good("credentials", f"the secret holds {what}{when}")
    else:
        yield look(
            "credentials",
            f"the secret holds {what}{when}: when it ends, nobody renews it",
            "put a client's id and secret in its place, if the vendor gives you one",
        )


def _token(token: Token) -> Iterator[Finding]:
    until = f" until {token.expires:%H:%M} UTC" if token.expires else ""
    says = {
        Origin.NONE: "none is used",
        Origin.GIVEN: "the one of the credentials secret is used",
        Origin.KEPT: f"the runs keep one that lasts{until}",
        Origin.MINTED: f"one was minted for this check and thrown away, as {token.why_minted}",
    }[token.origin]
    yield good("token", says)


def _scope(event_type: str, scope: str, token: Token) -> Finding:
    check = "scope"
    if token.scopes is None:
        return good(check, f"whether the token has {scope}, the stream tells", event_type)
    if scope in token.scopes:
        return good(check, f"{scope} is granted", event_type)
    if not token.is_complete:
        return look(
            check,
            f"the token endpoint did not answer whether {scope} is granted",
            "run the doctor again in some minutes; if it lasts, ask the vendor whether one client"
            " may have all scopes in one token",
            event_type,
        )
    return bad(
        check,
        f"{scope} is not granted to the client",
        "ask for it at the vendor's portal; it takes effect with the next token"
        + (
            f", by {token.expires:%H:%M} UTC"
            if token.origin is Origin.KEPT and token.expires
            else ""
        ),
        event_type,
    )


def _endpoint(reached: Reached) -> Iterator[Finding]:
    how = "speaks TLS and HTTP/2, and is trusted" if reached.is_secure else "takes connections"
    yield good("endpoint", f"{reached.url} {how}")


def _stream(stack: Stack, event_type: str, _: None) -> Iterator[Finding]:
    name = stack.parameters.get("DurableQueueName") or "the client's default"
    yield good("stream", f"it opens; nothing was taken from the durable queue, {name}", event_type)
