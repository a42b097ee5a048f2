"""A faithful, strict and faulty server of the event API, on the loopback interface.

``EventServer`` for tests in this process; ``make serve ARGS=--help`` for a process of its own.
"""

from simulator.event_server.authorization import AuthMode
from simulator.event_server.event import Event
from simulator.event_server.faults import AckFault, DeliveryFault, StreamFault
from simulator.event_server.ledger import LedgerSnapshot
from simulator.event_server.made_up import luhn_digit, made_up_events
from simulator.event_server.rules import Answer, Requeue, ServerRules
from simulator.event_server.server import EventServer
from simulator.injection import Faults
from simulator.token_ledger import TokenLedger

__all__ = [
    "AckFault",
    "Answer",
    "AuthMode",
    "DeliveryFault",
    "Event",
    "EventServer",
    "Faults",
    "LedgerSnapshot",
    "Requeue",
    "ServerRules",
    "StreamFault",
    "TokenLedger",
    "luhn_digit",
    "made_up_events",
]
