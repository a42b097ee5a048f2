"""Several events in one message: which share one, how it is sent, and what its failure means."""

from __future__ import annotations

import asyncio
import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from eventdrain.adapters.aws import SqsPublisher
from eventdrain.drain import Commit, Outcome
from eventdrain.errors import FailureKind
from eventdrain.events import (
    EVENTS,
    LONGEST_LINE,
    MOST_BYTES,
    STREAMS,
    Message,
    message,
    messages,
    pack,
)
from simulator.aws.embedded_aws import PROJECT_FOLDER
from simulator.reconciliation import message_lines
from tests.deliveries import LAYOUT, delivery_of, line_delivery, oversize_of, quarantined_of
from tests.fakes import ACK_TIMEOUT, FakeAcker, FakeAuthorization, FakeSink, every_ack_well
from tests.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from eventdrain.adapters.aws import SignedHttp
    from eventdrain.errors import Failure
    from eventdrain.events import Delivery

MOST_MESSAGES: Final = 10

numbers: Final = st.one_of(st.integers(2, 12), st.just(1000))
"""How many events a message may have."""
_lengths: Final = st.one_of(
    st.integers(2, 1_000),
    st.integers(LONGEST_LINE // 11, LONGEST_LINE // 9),
    st.integers(LONGEST_LINE // 2 - 2, LONGEST_LINE // 2 + 2),
    st.just(LONGEST_LINE),
)


@st.composite
def several_deliveries(draw: st.DrawFn) -> list[Delivery]:
    """Draw deliveries of distinct events: lines of any length, with pointers between them."""
    deliveries = []
    for index, length in enumerate(
        draw(st.lists(st.one_of(_lengths, st.sampled_from([quarantined_of, oversize_of]))))
    ):
        if isinstance(length, int):
            deliveries.append(of_length(length, index))
        else:
            deliveries.append(length(index))
    return deliveries


def of_length(length: int, index: int = 0) -> Delivery:
    """Build a delivery whose line is so long; it has no newline in it, as no line has."""
    return line_delivery(f"{index:032}", line="x" * length)


def write(deliveries: Sequence[Delivery], most_events: int) -> list[Message]:
    """Write the messages of deliveries."""
    return list(messages(deliveries, LAYOUT, events_per_message=most_events))


# --- What a consumer reads ---


@pytest.mark.parametrize("most_events", [1, 2, 100])
def test_documented_snippet_reads_every_body(most_events: int) -> None:
    """The snippet of docs/formats.md reads bodies of one event, of several, and pointers."""
    document = (PROJECT_FOLDER / "docs" / "formats.md").read_text()
    (snippet,) = re.findall(r"^```python\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"json": json}
    exec(snippet, names)  # noqa: S102 - it is ours
    deliveries = [delivery_of(0), delivery_of(1), quarantined_of(2), delivery_of(3)]

    read = [names["events_of"](each.body) for each in write(deliveries, most_events)]

    assert [event["event_id"] for events in read for event in events] == [
        delivery.event_id for delivery in deliveries
    ]


# --- Which events share a message ---


@given(several_deliveries(), st.one_of(st.just(1), numbers))
def test_messages(deliveries: list[Delivery], most_events: int) -> None:
    """Each event is in one message, in order; a message says what is in it, and SQS takes it."""
    lines = {delivery.event_id: delivery.line for delivery in deliveries}

    written = write(deliveries, most_events)

    assert [event_id for each in written for event_id in each.event_ids] == list(lines)
    singles = (each for each in deliveries if most_events == 1 or each.pointer)
    assert [each for each in written if EVENTS not in each.attributes] == [
        message(each, LAYOUT) for each in singles
    ]
    for each in written:
        count = len(each.event_ids)
        assert 1 <= count <= most_events
        if EVENTS in each.attributes:
            assert each.attributes == {"event_type": "handset_change", EVENTS: str(count)}
            assert each.body.split("\n") == [lines[event_id] for event_id in each.event_ids]
    for batch in pack(written):
        assert len(batch) <= MOST_MESSAGES
        assert sum(each.size for each in batch) <= MOST_BYTES


@given(several_deliveries(), numbers)
def test_messages_are_few(deliveries: list[Delivery], most_events: int) -> None:
    """A message ends where it is full, or before or after a pointer, and nowhere else."""
    for one, other in pairwise(write(deliveries, most_events)):
        if "pointer" in one.attributes or "pointer" in other.attributes:
            continue
        length_with_next = len(one.body) + 1 + len(other.body.partition("\n")[0])
        assert len(one.event_ids) == most_events or length_with_next > LONGEST_LINE


def test_message_of_exactly_the_limit() -> None:
    """Two lines that fill a message to the last byte share it; with one byte more they don't."""
    half = LONGEST_LINE // 2

    assert len(write([of_length(half - 1), of_length(half, 1)], 2)) == 1
    assert len(write([of_length(half), of_length(half, 1)], 2)) == 2


@pytest.mark.parametrize("event_type", STREAMS)
def test_fullest_message_leaves_room_for_its_attributes(event_type: str) -> None:
    """A thousand lines as long as a message allows fit with their attributes, of any stream."""
    lengths = [LONGEST_LINE // 1000 - 1] * 999
    lengths.append(LONGEST_LINE - sum(lengths) - len(lengths))
    deliveries = [
        of_length(length, index)._replace(event_type=event_type)
        for index, length in enumerate(lengths)
    ]

    [written] = write(deliveries, 1000)

    assert len(written.body) == LONGEST_LINE
    assert written.size <= MOST_BYTES


# --- What SQS answers ---


class ScriptedSqs:
    """What ``SignedHttp`` is to the queue, answering as it is told.

    Args:
        answer: Makes the answer to a call, by the bodies of its entries by their ids, and its
            number, from 0.

    Attributes:
        calls: The events in each entry of each call.
    """

    def __init__(self, answer: Callable[[Mapping[str, str], int], Any]) -> None:
        self._answer = answer
        self.calls: list[list[list[str]]] = []

    async def call(
        self,
        operation: str,
        method: str,  # noqa: ARG002 - the signature of SignedHttp.call
        path: str,  # noqa: ARG002 - likewise
        headers: Sequence[tuple[str, str]],  # noqa: ARG002 - likewise
        body: bytes,
    ) -> bytes:
        """Answer."""
        assert operation == "SendMessageBatch"
        entries = {each["Id"]: each["MessageBody"] for each in json.loads(body)["Entries"]}
        self.calls.append(
            [[line["event_id"] for line in message_lines(each)] for each in entries.values()]
        )
        return json.dumps(self._answer(entries, len(self.calls) - 1)).encode()

    def queue(self, most_events: int) -> SqsPublisher:
        """Make an queue that calls it."""
        return SqsPublisher(
            cast("SignedHttp", self),
            queue_url="http://made.up/queue",
            layout=LAYOUT,
            events_per_message=most_events,
        )


def take_but(*places: tuple[int, int]) -> Callable[[Mapping[str, str], int], Any]:
    """Answer that some entries, each given by its call and its position there, failed for now."""

    def answer(entries: Mapping[str, str], call: int) -> dict[str, Any]:
        failed = {str(position) for at, position in places if at == call}
        return {
            "Successful": [{"Id": each} for each in entries if each not in failed],
            "Failed": [{"Id": each, "Code": "MadeUp"} for each in entries if each in failed],
        }

    return answer


def name_but(position: int) -> Callable[[Mapping[str, str], int], Any]:
    """Answer without a word on one of the entries."""
    return lambda entries, _call: {
        "Successful": [{"Id": each} for each in entries if each != str(position)]
    }


def deny(_entries: Mapping[str, str], _call: int) -> Any:
    """Answer no call."""
    raise ClientError(
        {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}},  # type: ignore[typeddict-item]
        "SendMessageBatch",
    )


@pytest.mark.parametrize(
    ("answer", "refused_events", "code", "kind"),
    [
        pytest.param(take_but((0, 1)), range(3, 6), "MadeUp", FailureKind.RETRYABLE, id="failed"),
        pytest.param(name_but(2), range(6, 8), "NotNamed", FailureKind.RETRYABLE, id="not named"),
        pytest.param(
            lambda _entries, _call: [], range(8), "NotNamed", FailureKind.RETRYABLE, id="no answer"
        ),
        pytest.param(deny, range(8), "AccessDenied", FailureKind.FATAL, id="denied"),
    ],
)
def test_refused_message_refuses_all_its_events(
    answer: Callable[[Mapping[str, str], int], Any],
    refused_events: range,
    code: str,
    kind: FailureKind,
) -> None:
    """Each event of a message that SQS does not say it took is refused, and no other."""
    deliveries = [delivery_of(index) for index in range(8)]

    refused: Mapping[str, Failure] = asyncio.run(ScriptedSqs(answer).queue(3).write(deliveries))

    assert refused.keys() == {deliveries[index].event_id for index in refused_events}
    assert {(each.code, each.kind) for each in refused.values()} == {(code, kind)}


def test_only_refused_events_are_sent_again() -> None:
    """What was refused is put together anew: of a message of two and one of one, one of three."""
    sqs = ScriptedSqs(take_but((0, 0), (1, 0)))
    deliveries = [delivery_of(index) for index in range(4)]
    ids = [delivery.event_id for delivery in deliveries]
    filler = "x" * (LONGEST_LINE - 150)
    deliveries[2] = deliveries[2]._replace(line=f'{{"event_id":"{ids[2]}","filler":"{filler}"}}')
    acker = FakeAcker(every_ack_well)

    async def commit() -> Outcome:
        committing = Commit(
            sinks={"archive": FakeSink(), "queue": sqs.queue(3)},
            acker=acker,
            authorization=FakeAuthorization(),
            ack_timeout=ACK_TIMEOUT,
            clock=now,
        )
        return await committing(deliveries, until=60.0)

    assert run(commit()) == Outcome(written=4, acked=4)
    assert sqs.calls == [[ids[:2], [ids[2]]], [[ids[3]]], [[ids[0], ids[1], ids[3]]]]
    assert acker.acked == [delivery.ack_info for delivery in deliveries]


def test_fifo_queue_gets_one_event_a_message() -> None:
    """An queue that should put several events into a message of a FIFO queue is not made."""
    with pytest.raises(ValueError, match=r"made-up\.fifo is a FIFO queue"):
        SqsPublisher(
            cast("SignedHttp", object()),
            queue_url="http://made.up/made-up.fifo",
            layout=LAYOUT,
            events_per_message=2,
        )
