"""A faithful, strict and faulty server of the event API, on the loopback interface.

``EventServer`` for tests in this process; ``make serve ARGS=--help`` for a process of its own.
"""

from simulator.event_server.calls import AuthMode
from simulator.event_server.delivery_queue import AckOutcome, Delivery, DeliveryQueue, EventLog
from simulator.event_server.event import Event, length_delimited, varint
from simulator.event_server.event_types import ALL_SCOPES, EVENT_TYPES, EventType
from simulator.event_server.faults import (
    ACK_FAILURE,
    ACK_FORGOTTEN,
    ACK_UNANSWERED,
    ACK_UNSPECIFIED,
    DELIVERED_TWICE,
    NOT_PROTOBUF,
    AckFault,
    DeliveryFault,
    StreamFault,
)
from simulator.event_server.ledger import LedgerSnapshot
from simulator.event_server.made_up import luhn_digit, made_up_events
from simulator.event_server.odd_events import (
    cut_short,
    not_protobuf,
    of_size,
    with_bad_payload,
    with_bad_utf8,
    with_text,
    with_timestamp,
    with_unknown_fields,
    without_metadata,
    without_payload,
)
from simulator.event_server.rules import Answer, Requeue, ServerRules, StartPosition, StreamTerms
from simulator.event_server.server import EventServer
from simulator.event_server.trickle import Trickle
from simulator.injection import Faults
from simulator.token_ledger import TokenLedger

__all__ = [
    "ACK_FAILURE",
    "ACK_FORGOTTEN",
    "ACK_UNANSWERED",
    "ACK_UNSPECIFIED",
    "ALL_SCOPES",
    "DELIVERED_TWICE",
    "EVENT_TYPES",
    "NOT_PROTOBUF",
    "AckFault",
    "AckOutcome",
    "Answer",
    "AuthMode",
    "Delivery",
    "DeliveryFault",
    "DeliveryQueue",
    "Event",
    "EventLog",
    "EventServer",
    "EventType",
    "Faults",
    "LedgerSnapshot",
    "Requeue",
    "ServerRules",
    "StartPosition",
    "StreamFault",
    "StreamTerms",
    "TokenLedger",
    "Trickle",
    "cut_short",
    "length_delimited",
    "luhn_digit",
    "made_up_events",
    "not_protobuf",
    "of_size",
    "varint",
    "with_bad_payload",
    "with_bad_utf8",
    "with_text",
    "with_timestamp",
    "with_unknown_fields",
    "without_metadata",
    "without_payload",
]
