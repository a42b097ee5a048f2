"""The contract of ``ports.Acker``: gRPC, the fake, and the simulation."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import grpc
import grpc.aio
import pytest

from eventdrain.adapters.grpc import GrpcAcker
from eventdrain.errors import Failure, FailureKind
from eventdrain.events import STREAMS
from eventdrain.settings import Endpoint
from simulator.event_server import (
    ACK_FAILURE,
    ACK_UNANSWERED,
    ACK_UNSPECIFIED,
    AckFault,
    AuthMode,
    Event,
    EventServer,
    Faults,
)
from tests.contract.odd_servers import FORWARDED, answering, calls, http_status, reset, serving
from tests.contract.simulated import Simulated
from tests.deliveries import RECEIVED_AT, delivery_of, message, reader
from tests.fakes import FOR_EVER, TRY_AGAIN, FakeAcker
from tests.simulation.server import Client
from wgtwo.events.v1.events_pb2 import AckStatus, StreamConfiguration
from wgtwo.subscription.v1.subscription_events_pb2 import (
    StreamHandsetChangeEventsRequest,
    StreamHandsetChangeEventsResponse,
)
from wgtwo.subscription.v1.subscription_events_pb2_grpc import SubscriptionEventServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from eventdrain.events import Delivery
    from tests import fakes
    from tests.contract.odd_servers import Answer

STREAM: Final = STREAMS["handset_change"]
EVENTS: Final = 20
GENEROUS: Final = 10.0
TOKEN: Final = "made-up-token"

KINDS: Final[Mapping[str, FailureKind]] = {
    "STATUS_CODE_FAILURE": FailureKind.RETRYABLE,
    "STATUS_CODE_UNSPECIFIED": FailureKind.RETRYABLE,
    "UNAVAILABLE": FailureKind.RETRYABLE,
    "RESOURCE_EXHAUSTED": FailureKind.THROTTLED,
    "DEADLINE_EXCEEDED": FailureKind.RETRYABLE,
    "UNAUTHENTICATED": FailureKind.TOKEN_REJECTED,
    "PERMISSION_DENIED": FailureKind.FATAL,
    "UNIMPLEMENTED": FailureKind.FATAL,
    "INVALID_ARGUMENT": FailureKind.EVENT_REJECTED,
    "NOT_FOUND": FailureKind.EVENT_REJECTED,
}
"""Kind of failure for each answer other than success."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a server answers acks.

    Attributes:
        code: A name of :data:`KINDS`; None for the true answer.
        is_taken: Whether an ack that is answered with the code is accepted all the same.
        delay: Time before each answer.
        is_unanswered: Whether acks are never answered.
        times: How many acks are answered with the code; None for all.
        is_strict: Whether a token is needed.
    """

    code: str | None = None
    is_taken: bool = False
    delay: timedelta = timedelta(0)
    is_unanswered: bool = False
    times: int | None = None
    is_strict: bool = False


@dataclass(frozen=True)
class Served:
    """An acker, deliveries to ack, and the ``ack_info`` of each ack that the server confirmed."""

    ack: Callable[[Sequence[Delivery], str | None, float], Sequence[Failure | None]]
    deliveries: Sequence[Delivery]
    confirmed: Callable[[], set[str]]


@contextmanager
def fake_acker(plan: Plan) -> Iterator[Served]:
    """Yield the fake, which answers by a plan."""
    left = [len(KINDS) * 1000 if plan.times is None else plan.times]

    def decide(delivery: Delivery, _attempt: int, token: str | None) -> fakes.Answer:
        if plan.is_strict and token != TOKEN:
            return Failure("UNAUTHENTICATED", "made up", FailureKind.TOKEN_REJECTED)
        if delivery.ack_info == "unknown":
            return Failure("STATUS_CODE_FAILURE", "made up", FailureKind.RETRYABLE)
        if plan.code is None or not left[0]:
            return None
        left[0] -= 1
        return Failure(plan.code, "made up", KINDS[plan.code])

    takes = FOR_EVER if plan.is_unanswered else plan.delay.total_seconds()
    acker = FakeAcker(decide, seconds=lambda _call: takes)

    def ack(
        deliveries: Sequence[Delivery], token: str | None, timeout: float
    ) -> Sequence[Failure | None]:
        return asyncio.run(acker.ack(deliveries, token=token, timeout_seconds=timeout))

    yield Served(ack, [delivery_of(index) for index in range(EVENTS)], lambda: set(acker.acked))


SIMULATED_CODES: Final = {
    "STATUS_CODE_FAILURE": "an ack fails",
    "RESOURCE_EXHAUSTED": "an ack is throttled",
    "NOT_FOUND": "an ack is rejected",
    "PERMISSION_DENIED": "acks are denied",
    "UNAUTHENTICATED": "a gateway rejects tokens of acks",
}
"""The simulation's fault for an answer."""


@contextmanager
def simulated_acker(plan: Plan) -> Iterator[Served]:
    """Yield the simulation's model, whose server answers by a plan."""
    fault = "an ack hangs" if plan.is_unanswered else SIMULATED_CODES.get(plan.code or "")
    simulated = Simulated(
        *filter(None, [fault]),
        credentials="client" if plan.is_strict else "none",
        latency=plan.delay.total_seconds() or 0.01,
    )
    server, run = simulated.cloud.server, simulated.process
    token = simulated.cloud.tokens.issue()
    simulated.publish(EVENTS)
    client = Client(server, run)

    async def receive(streams: AsyncExitStack) -> list[Delivery]:
        stream = await streams.enter_async_context(client.connect(token, lambda: None))
        await stream.opened()
        await asyncio.sleep(1.0)
        return [reader().read(*each) for each in stream.take(EVENTS)]

    def ack(
        deliveries: Sequence[Delivery], given: str | None, timeout: float
    ) -> Sequence[Failure | None]:
        used = token if given == TOKEN else given
        return simulated.run(client.ack(deliveries, token=used, timeout_seconds=timeout))

    deliveries = simulated.run(receive(AsyncExitStack()))

    def acked() -> set[str]:
        return {handle for handle, sent in server.sent.items() if sent.was_acked}

    yield Served(ack, deliveries, acked)


@contextmanager
def grpc_acker(plan: Plan) -> Iterator[Served]:
    """Yield the adapter, with deliveries of a server that answers by a plan."""
    faults = Faults()
    auth = AuthMode.PRODUCTION if plan.is_strict else AuthMode.SANDBOX
    with EventServer(auth=auth, faults=faults) as server:
        server.tokens.issue("made-up", [STREAM.scope], timedelta(hours=1), token=TOKEN)
        responses = (
            StreamHandsetChangeEventsResponse.FromString(message(index)) for index in range(EVENTS)
        )
        server.publish(Event.of(STREAM.event_type, response) for response in responses)
        with _received(server, TOKEN if plan.is_strict else None) as deliveries:
            if plan != Plan(is_strict=plan.is_strict):
                faults.inject(_fault(plan), times=plan.times)

            def ack(
                deliveries: Sequence[Delivery], token: str | None, timeout: float
            ) -> Sequence[Failure | None]:
                return asyncio.run(grpc_ack(server.endpoint, deliveries, token, timeout))

            def confirmed() -> set[str]:
                acks = server.ledger().acks
                return {ack.ack_info for ack in acks if ack.answer == "STATUS_CODE_SUCCESS"}

            yield Served(ack, deliveries, confirmed)


def _fault(plan: Plan) -> AckFault:
    if plan.is_unanswered:
        return ACK_UNANSWERED
    match plan.code:
        case None:
            return AckFault(delay=plan.delay)
        case "STATUS_CODE_FAILURE":
            return ACK_FAILURE
        case "STATUS_CODE_UNSPECIFIED":
            return ACK_UNSPECIFIED
        case code:
            return AckFault(code=grpc.StatusCode[code], is_taken=plan.is_taken)


@contextmanager
def _received(server: EventServer, token: str | None) -> Iterator[list[Delivery]]:
    """Yield one delivery of every event, by a stream that stays open."""
    configuration = StreamConfiguration(max_in_flight=EVENTS)
    configuration.start_at_oldest_possible.SetInParent()
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    with grpc.insecure_channel(server.target) as channel:
        stream = SubscriptionEventServiceStub(channel).StreamHandsetChangeEvents(
            StreamHandsetChangeEventsRequest(stream_configuration=configuration),
            metadata=metadata,
            timeout=60,
        )
        yield [
            reader().read(response.SerializeToString(), RECEIVED_AT)
            for _, response in zip(range(EVENTS), stream, strict=False)
        ]
        stream.cancel()


async def grpc_ack(
    endpoint: str, deliveries: Sequence[Delivery], token: str | None, timeout_seconds: float
) -> Sequence[Failure | None]:
    """Ack over gRPC."""
    async with GrpcAcker.connect(STREAM, Endpoint.parse(endpoint)) as acker:
        return await acker.ack(deliveries, token=token, timeout_seconds=timeout_seconds)


Serve: TypeAlias = "Callable[[Plan], AbstractContextManager[Served]]"
every_acker: Final = pytest.mark.parametrize(
    "serve",
    [
        pytest.param(fake_acker, id="fake"),
        pytest.param(simulated_acker, id="simulated"),
        pytest.param(grpc_acker, id="grpc"),
    ],
)


# --- What every acker promises ---


@every_acker
@pytest.mark.parametrize("count", [1, EVENTS])
def test_confirmed_acks(serve: Serve, count: int) -> None:
    """Each result is None, and the server has confirmed each delivery."""
    with serve(Plan()) as served:
        deliveries = served.deliveries[:count]
        assert list(served.ack(deliveries, None, GENEROUS)) == [None] * count
        assert served.confirmed() == {delivery.ack_info for delivery in deliveries}


@every_acker
def test_answers_are_in_the_order_of_the_deliveries(serve: Serve) -> None:
    """The result of an ack that the server rejects is at its place; the others are confirmed."""
    with serve(Plan()) as served:
        deliveries = [*served.deliveries]
        deliveries[7] = deliveries[7]._replace(ack_info="unknown")
        answers = served.ack(deliveries, None, GENEROUS)
    assert [index for index, answer in enumerate(answers) if answer is not None] == [7]
    assert len(answers) == EVENTS
    assert answers[7] is not None
    assert answers[7].kind is FailureKind.RETRYABLE


@pytest.mark.parametrize(
    ("serve", "code"),
    [
        *((serve, code) for serve in (fake_acker, grpc_acker) for code in KINDS),
        *((simulated_acker, code) for code in SIMULATED_CODES),
    ],
)
def test_meaning_of_an_answer(serve: Serve, code: str) -> None:
    """An answer other than success is a failure with its name and kind."""
    with serve(Plan(code=code)) as served:
        answers = served.ack(served.deliveries, None, GENEROUS)
        assert served.confirmed() == set()
    assert {answer and (answer.code, answer.kind) for answer in answers} == {(code, KINDS[code])}
    assert len(answers) == EVENTS


@every_acker
@pytest.mark.parametrize("timeout", [0.0, 0.2])
def test_time_out(serve: Serve, timeout: float) -> None:
    """Acks that are not answered in time are retryable failures."""
    with serve(Plan(is_unanswered=True)) as served:
        answers = served.ack(served.deliveries, None, timeout)
    assert [answer and answer.kind for answer in answers] == [FailureKind.RETRYABLE] * EVENTS


@every_acker
def test_no_time_claims_nothing(serve: Serve) -> None:
    """Without time to wait for answers, an ack is reported as confirmed only if it was."""
    with serve(Plan()) as served:
        answers = served.ack(served.deliveries, None, 0.0)
        confirmed = served.confirmed()
    for delivery, answer in zip(served.deliveries, answers, strict=True):
        if answer is None:
            assert delivery.ack_info in confirmed
        else:
            assert answer.kind is FailureKind.RETRYABLE


@every_acker
def test_acks_are_concurrent(serve: Serve) -> None:
    """Slow acks take less time together than one after another."""
    with serve(Plan(delay=timedelta(seconds=0.2))) as served:
        answers = served.ack(served.deliveries, None, 0.2 * EVENTS / 2)
    assert list(answers) == [None] * EVENTS


@every_acker
@pytest.mark.parametrize("token", [None, "made-up-unknown"])
def test_token_that_is_not_accepted(serve: Serve, token: str | None) -> None:
    """Acks without a valid token fail because of it, and succeed with a valid one."""
    with serve(Plan(is_strict=True)) as served:
        answers = served.ack(served.deliveries, token, GENEROUS)
        assert served.confirmed() == set()
        assert {answer and answer.kind for answer in answers} == {FailureKind.TOKEN_REJECTED}
        assert list(served.ack(served.deliveries, TOKEN, GENEROUS)) == [None] * EVENTS


# --- What is true of the adapter alone ---


@pytest.mark.parametrize(
    ("answers", "code"),
    [([], "NO_MESSAGE"), ([b""], "STATUS_CODE_UNSPECIFIED"), ([b"\x0a\x05"], "UNREADABLE")],
    ids=["no message", "empty message", "cut short"],
)
def test_answer_that_says_nothing_confirms_nothing(answers: list[bytes], code: str) -> None:
    """GRPC's OK confirms nothing; only the server's SUCCESS confirms the ack."""

    async def ack(port: int) -> Sequence[Failure | None]:
        return await grpc_ack(f"http://127.0.0.1:{port}", [delivery_of(0)] * 2, None, GENEROUS)

    # As a stream, because a unary handler always sends a message.
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(
        lambda _request, _: iter(answers)
    )
    with answering({STREAM.ack_method: handler}) as port:
        failures = asyncio.run(ack(port))

    assert [(each and each.code, each and each.kind) for each in failures] == [
        (code, FailureKind.RETRYABLE)
    ] * 2


def test_bug_in_one_ack_is_not_the_end_of_others() -> None:
    """An ack that hits a bug fails without the error's text; the others are confirmed."""
    success = AckStatus(status_code=AckStatus.STATUS_CODE_SUCCESS)
    answers: list[Any] = [grpc.aio.UsageError("+999"), STREAM.ack_response(ack_status=success)]

    async def call(_request: bytes, **_options: object) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return bytes(answer.SerializeToString())

    channel: Any = SimpleNamespace(
        unary_unary=lambda _path: (
            lambda *args, **options: asyncio.ensure_future(call(*args, **options))
        )
    )
    deliveries = [delivery_of(0), delivery_of(1)]
    acking = GrpcAcker(channel, STREAM).ack(deliveries, token=None, timeout_seconds=GENEROUS)
    failure, confirmed = asyncio.run(acking)
    assert confirmed is None
    assert failure is not None
    assert "+999" not in failure.message


ENVOYS_LIMIT: Final = http_status(
    200,
    ("content-type", "application/grpc"),
    ("grpc-status", "14"),
    ("x-envoy-ratelimited", "true"),
)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (http_status(429), FailureKind.THROTTLED),
        (http_status(503), FailureKind.THROTTLED),  # as nginx limits
        (http_status(502), FailureKind.RETRYABLE),
        (http_status(401), FailureKind.TOKEN_REJECTED),
        (http_status(403), FailureKind.FATAL),
        (http_status(404), FailureKind.FATAL),
        (ENVOYS_LIMIT, FailureKind.THROTTLED),
        (FORWARDED, FailureKind.RETRYABLE),
        (reset(12), FailureKind.RETRYABLE),  # grpcio makes PERMISSION_DENIED of this one
    ],
    ids=[
        *("429", "503", "502", "401", "403", "404"),
        *("as Envoy limits", "passed on", "inadequate security"),
    ],
)
def test_answer_of_a_gateway(answer: Answer, kind: FailureKind) -> None:
    """A gateway's answer is a failure of its kind, and doesn't blame the client's permissions."""
    with serving(calls(answer)) as port:
        (failure,) = asyncio.run(
            grpc_ack(f"http://127.0.0.1:{port}", [delivery_of(0)], None, GENEROUS)
        )
    assert failure is not None
    assert failure.kind is kind
    assert not failure.is_about_access
    assert "event server rejected an ack with" in failure.message


def test_ack_whose_answer_was_lost() -> None:
    """Acking again succeeds if the first ack was accepted and its answer was lost."""
    with grpc_acker(Plan(code="UNAVAILABLE", is_taken=True, times=EVENTS)) as served:
        assert None not in served.ack(served.deliveries, None, GENEROUS)
        assert list(served.ack(served.deliveries, None, GENEROUS)) == [None] * EVENTS


def test_server_that_is_gone() -> None:
    """If nobody listens, each ack is a retryable failure."""
    with EventServer() as server:
        endpoint = server.endpoint
    answers = asyncio.run(grpc_ack(endpoint, [delivery_of(0), delivery_of(1)], None, GENEROUS))
    assert [answer and answer.kind for answer in answers] == [TRY_AGAIN.kind] * 2


def test_acking_can_be_given_up() -> None:
    """A cancelled ack ends without waiting for the server's answer."""

    async def give_up(server: EventServer) -> None:
        async with GrpcAcker.connect(STREAM, Endpoint.parse(server.endpoint)) as acker:
            acking = asyncio.create_task(
                acker.ack([delivery_of(0), delivery_of(1)], token=None, timeout_seconds=GENEROUS)
            )
            await asyncio.to_thread(server.wait_until, lambda ledger: len(ledger.acks) == 2)
            acking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await acking

    faults = Faults()
    faults.inject(ACK_UNANSWERED)
    with EventServer(faults=faults) as server:
        asyncio.run(asyncio.wait_for(give_up(server), GENEROUS))
