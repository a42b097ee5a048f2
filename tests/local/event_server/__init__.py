"""A faithful, strict and faulty server of the event API, on the loopback interface.

``EventServer`` for tests in this process; ``make serve ARGS=--help`` for a process of its own.
"""

from tests.local.event_server.authorization import AuthMode
from tests.local.event_server.event import Event
from tests.local.event_server.faults import AckFault, DeliveryFault, StreamFault
from tests.local.event_server.ledger import LedgerSnapshot
from tests.local.event_server.made_up import made_up_events
from tests.local.event_server.rules import Answer, Requeue, ServerRules
from tests.local.event_server.server import EventServer
from tests.local.injection import Faults
from tests.local.token_book import TokenBook

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
    "TokenBook",
    "made_up_events",
]
