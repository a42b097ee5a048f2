"""One drain of a sixth stream, from a vendor that has it, in a process of its own.

``python -m tests.integration.sixth_stream_run``, with the engine's environment but for the servers'
addresses, and with layers on the path that know the stream. Reads ``Told`` from standard input as
JSON, and prints what ``main`` says. Nothing here is taken from the engine's table: this is what the
vendor would know of its own stream.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypedDict
from unittest.mock import patch

from google.protobuf import json_format

from eventdrain.settings import Settings
from eventdrain.wiring import run_drain
from simulator.event_server import (
    ALL_SCOPES,
    EVENT_TYPES,
    AuthMode,
    Event,
    EventServer,
    EventType,
    TokenLedger,
)
from simulator.reconciliation import event_ids
from simulator.token_server import TokenServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME: Final = "sim_swap"
SCOPE: Final = "made_up.sim_swap:read"
START: Final = datetime(2026, 2, 28, 23, 58, 20, tzinfo=UTC)
"""When the first event happened; one each second follows, so that the 101st has another day."""

_MESSAGES: Final = "wgtwo.made_up.v1.sim_swap_events_pb2"
_REMAINING: Final = timedelta(seconds=30)


class Told(TypedDict):
    """What the process is told.

    Attributes:
        client_id: The client that may have a token for every scope.
        client_secret: Its secret.
        payloads: The events to publish, each in protobuf's JSON form with proto field names.
    """

    client_id: str
    client_secret: str
    payloads: list[dict[str, Any]]


def main() -> None:
    """Serve the events, run one drain, and print what came of it.

    The report; the event ids that the stream's own reader gives the events that were published and
    those that were acked; the scopes of each token; what was refused to whom.
    """
    told: Told = json.load(sys.stdin)
    tokens = TokenLedger()
    messages: Any = import_module(_MESSAGES)  # there is none in this tree
    with ExitStack() as running:
        kind = EventType.of(NAME, messages, "wgtwo.made_up.v1.SimSwapEventService", SCOPE)
        running.enter_context(patch.dict(EVENT_TYPES, {NAME: kind}))
        token_server = running.enter_context(TokenServer(tokens))
        token_server.register(told["client_id"], told["client_secret"], ALL_SCOPES | {SCOPE})
        server = running.enter_context(EventServer(auth=AuthMode.PRODUCTION, tokens=tokens))
        server.publish(_events(messages, told["payloads"]))
        settings = Settings.from_env(
            {
                **os.environ,
                "API_ENDPOINT": server.endpoint,
                "TOKEN_ENDPOINT": token_server.endpoint,
            },
            event_type=NAME,
        )
        report = run_drain(settings, remaining=_REMAINING)
        ledger = server.ledger()
    result = {
        "report": report.as_json(),
        "published": sorted(event_ids(ledger, ledger.events)),
        "acked": sorted(event_ids(ledger, ledger.acked)),
        "scopes": [sorted(grant.scopes) for grant in tokens.issued()],
        "failures": [failure.status for failure in ledger.failures],
    }
    sys.stdout.write(json.dumps(result))


def _events(messages: Any, payloads: Sequence[dict[str, Any]]) -> Iterator[Event]:
    for index, payload in enumerate(payloads):
        response = messages.StreamSimSwapEventsResponse()
        response.metadata.timestamp.FromDatetime(START + timedelta(seconds=index))
        subscription = response.metadata.identifier.subscription_identifier
        subscription.wg2rn = f"madeup:eu:{index:010d}"
        json_format.ParseDict(payload, response.sim_swap_event)
        yield Event.of(NAME, response)


if __name__ == "__main__":
    main()
