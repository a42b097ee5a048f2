"""The unary calls that acknowledge one event each."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.message import DecodeError

from simulator.event_server.calls import Refused, wait_for_end
from simulator.event_server.delivery_queue import AckOutcome
from simulator.event_server.faults import AckFault
from simulator.event_server.ledger import AckRecord
from wgtwo.events.v1.events_pb2 import AckRequest, AckResponse, AckStatus

if TYPE_CHECKING:
    from simulator.event_server.calls import ServerState
    from simulator.event_server.event_types import EventType

_SUCCESS: Final = AckStatus.STATUS_CODE_SUCCESS
_FAILURE: Final = AckStatus.STATUS_CODE_FAILURE

# All five ack responses have the shape of AckResponse, and the requests that of AckRequest: the
# wire-contract test holds them to it.
_ANSWERS: Final = {
    code: AckResponse(ack_status=AckStatus(status_code=code)).SerializeToString()
    for code in AckStatus.StatusCode.values()
}


class AckCalls:
    """Answers the ack methods of all event types, each call on a thread of its own.

    Args:
        state: The server's.
    """

    def __init__(self, state: ServerState) -> None:
        self._state = state

    def ack(self, kind: EventType, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer one call with the serialised response."""
        try:
            client_id = self._state.client_of(kind.scope, context)
            ack_info = _ack_info(request)
        except Refused as refused:
            self._state.record_failure(f"/{kind.service}/{kind.ack_method}", refused)
            context.abort(refused.code, refused.reason)
        if not ack_info:  # not an ack, so it uses up no fault
            return _ANSWERS[_FAILURE]
        faults = self._state.faults.draw(AckFault, kind.name)
        if delay := max((fault.delay.total_seconds() for fault in faults), default=0.0):
            wait_for_end(context, delay)
        outcome = self._settle(client_id, kind, ack_info, faults)
        if any(fault.is_unanswered for fault in faults):
            wait_for_end(context)
        for fault in faults:
            if fault.code is not None:
                context.abort(fault.code, "injected")
        return _ANSWERS[_answered_status(outcome, faults)]

    def _settle(
        self, client_id: str, kind: EventType, ack_info: str, faults: tuple[AckFault, ...]
    ) -> AckOutcome | None:
        """Ack at the queue unless a fault prevents it, and record the outcome."""
        with self._state.changed:
            found = self._state.queues.find(client_id, kind.name, ack_info)
            outcome = None
            if all(fault.is_taken for fault in faults):
                outcome = AckOutcome.UNKNOWN if found is None else found[1].ack(ack_info)
            self._state.ledger.record_ack(
                AckRecord(
                    client_id=client_id,
                    ack_info=ack_info,
                    at=monotonic(),
                    number=None if found is None else found[2].published.number,
                    outcome=outcome,
                    answer=_answer_name(outcome, faults),
                )
            )
            if found is not None and outcome is not None:
                if outcome.is_success and any(fault.is_forgotten for fault in faults):
                    found[1].forget_ack(ack_info)
                self._state.wakeups.wake(found[1])
            return outcome


def _ack_info(request: bytes) -> str:
    try:
        return AckRequest.FromString(request).ack_info.value
    except DecodeError as error:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error


def _status(outcome: AckOutcome | None) -> AckStatus.StatusCode.ValueType:
    return _SUCCESS if outcome is not None and outcome.is_success else _FAILURE


def _answered_status(
    outcome: AckOutcome | None, faults: tuple[AckFault, ...]
) -> AckStatus.StatusCode.ValueType:
    return next((fault.status for fault in faults if fault.status is not None), _status(outcome))


def _answer_name(outcome: AckOutcome | None, faults: tuple[AckFault, ...]) -> str:
    if any(fault.is_unanswered for fault in faults):
        return "unanswered"
    code = next((fault.code for fault in faults if fault.code is not None), None)
    if code is not None:
        return code.name
    return AckStatus.StatusCode.Name(_answered_status(outcome, faults))
