"""The event server's queues, by example; the random schedules of faults rely on them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from simulator.event_server import (
    AckOutcome,
    Answer,
    DeliveryQueue,
    Event,
    EventLog,
    Requeue,
    ServerRules,
    StartPosition,
    StreamTerms,
)

if TYPE_CHECKING:
    from simulator.event_server import Delivery

_EVENT: Final = Event("handset_change", b"", b"")
_ACK_TIMEOUT: Final = 30.0
_TERMS: Final = StreamTerms("", _ACK_TIMEOUT, 2, StartPosition())


class _Queue:
    """A log and a queue with one stream, with a stopped clock."""

    def __init__(self, rules: ServerRules | None = None, *, events: int = 1) -> None:
        self.now = 1_000_000.0
        self.rules = rules or ServerRules()
        self.log = EventLog(self.rules, lambda: self.now)
        for _ in range(events):
            self.publish()
            self.now += 1
        self.start_at(StartPosition("oldest_possible"))

    def start_at(self, start: StartPosition) -> None:
        self.queue = DeliveryQueue(self.log, self.rules, lambda: self.now, start)
        self.queue.join(1, _TERMS)

    def publish(self) -> None:
        self.log.append(len(self.log) + 1, _EVENT)

    def take(self) -> Delivery:
        delivery = self.queue.take(1)
        assert delivery is not None
        return delivery

    def take_all(self) -> list[int]:
        """Take and ack all events, and return their numbers."""
        numbers = []
        while (delivery := self.queue.take(1)) is not None:
            numbers.append(delivery.published.number)
            self.ack(delivery)
        return numbers

    def ack(self, delivery: Delivery) -> AckOutcome:
        assert delivery.ack_info is not None
        return self.queue.ack(delivery.ack_info)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (StartPosition("new"), []),
        (StartPosition("oldest_possible"), [1, 2, 3]),
        (StartPosition("id", 2), [2, 3]),
        (StartPosition("id", 9), []),
        (StartPosition("timestamp", 1_000_001.0), [2, 3]),
        (StartPosition("timestamp", 0.0), [1, 2, 3]),
    ],
)
def test_start_position(start: StartPosition, expected: list[int]) -> None:
    """A new queue begins at its start position, among the events that were there before it."""
    queue = _Queue(events=3)
    queue.start_at(start)
    assert queue.take_all() == expected
    queue.publish()
    assert queue.take_all() == [4]


@pytest.mark.parametrize(
    ("requeue", "seconds", "is_back"),
    [
        (Requeue.AT_ONCE, 0, True),
        (Requeue.AFTER_ACK_TIMEOUT, 0, False),
        (Requeue.AFTER_ACK_TIMEOUT, _ACK_TIMEOUT, True),
    ],
)
def test_what_a_stream_had_out_goes_back(
    requeue: Requeue, seconds: float, *, is_back: bool
) -> None:
    """When a stream ends, its unacked event is delivered again at once or after the time-out."""
    queue = _Queue(ServerRules(requeue=requeue))
    queue.take()
    queue.queue.leave(1)
    queue.queue.join(2, _TERMS)
    queue.now += seconds
    delivery = queue.queue.take(2)
    assert (delivery is not None and delivery.is_redelivered) == is_back


def test_position_is_kept_for_a_while_after_the_last_stream() -> None:
    """A queue expires some time after its last stream; its handles are then unknown."""
    queue = _Queue()
    delivery = queue.take()
    kept = queue.rules.position_kept.total_seconds()
    expired = []
    for seconds, leaves in ((2 * kept, False), (0, True), (kept - 1, False), (1, False)):
        queue.now += seconds
        if leaves:
            queue.queue.leave(1)
        expired.append(queue.queue.is_expired)
    assert expired == [False, False, False, True]
    assert queue.ack(delivery) is AckOutcome.UNKNOWN


@pytest.mark.parametrize(
    ("rule_name", "accepted", "refused"),
    [
        ("repeated_acks", AckOutcome.REPEATED, AckOutcome.STALE),
        ("stale_acks", AckOutcome.SETTLED, AckOutcome.STALE),
        ("acks_after_end", AckOutcome.SETTLED, AckOutcome.ENDED),
    ],
)
@pytest.mark.parametrize("answer", Answer)
def test_open_questions_have_both_answers(
    rule_name: str, accepted: AckOutcome, refused: AckOutcome, answer: Answer
) -> None:
    """Where the vendor leaves open whether an ack counts, the server supports both answers."""
    rules = replace(
        ServerRules(requeue=Requeue.AFTER_ACK_TIMEOUT),
        **{rule_name: answer},  # type: ignore[arg-type]
    )
    queue = _Queue(rules)
    delivery = queue.take()
    if rule_name == "repeated_acks":
        queue.ack(delivery)
    elif rule_name == "stale_acks":
        queue.now += _ACK_TIMEOUT
    else:
        queue.queue.leave(1)
    assert queue.ack(delivery) is (accepted if answer is Answer.ACCEPT else refused)


def test_faults_of_redelivery() -> None:
    """A fault can make a delivery overdue at once, or redeliver an acked event."""
    queue = _Queue()
    first = queue.take()
    queue.queue.time_out(first)
    second = queue.take()
    assert second.is_redelivered
    assert queue.ack(second) is AckOutcome.SETTLED
    assert second.ack_info is not None
    queue.queue.forget_ack(second.ack_info)
    third = queue.take()
    assert third.published.number == first.published.number
    assert queue.ack(third) is AckOutcome.SETTLED
