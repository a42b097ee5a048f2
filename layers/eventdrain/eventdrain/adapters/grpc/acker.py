"""Acks over gRPC: concurrent unary calls on a channel of their own.

The calls use ``grpc.aio``, which costs about half as much as synchronous calls. They need their own
connection, because a synchronous and an asynchronous channel cannot share one.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from eventdrain.adapters.grpc.causes import Cause, cause_of
from eventdrain.adapters.grpc.channel import (
    OPTIONS,
    RETRYABLE_CODES,
    call_metadata,
    channel_credentials,
    target,
)
from eventdrain.errors import Failure, FailureKind, unexpected_failure
from wgtwo.events.v1.events_pb2 import AckInfo, AckStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from eventdrain.events import Delivery, EventStream
    from eventdrain.settings import Endpoint

_NOT_ACCEPTED: Final = "the event server did not confirm an ack and will redeliver the event"
_RATE_LIMITED: Final = frozenset({429, 503})
"""The HTTP statuses that gateways use for rate limits; 503 is nginx's default."""
_RATE_LIMITED_BY_ENVOY: Final = "x-envoy-ratelimited"
_OPTIONS: Final = (*OPTIONS, ("grpc.minimal_stack", 1))
"""gRPC's optional filters and its retries cost CPU time; ``Commit`` retries anyway."""
_CALL_SECONDS: Final = 5.0
"""The timeout of one ack: long for a response, but shorter than any ack timeout of the server."""


class GrpcAcker:
    """Acks the deliveries of one stream; see ``ports.Acker``.

    Args:
        channel: The channel to the event server.
        stream: The stream of the deliveries.
    """

    def __init__(self, channel: grpc.aio.Channel, stream: EventStream) -> None:
        self._channel = channel
        self._method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            stream.ack_path
        )
        self._request = stream.ack_request
        self._response = stream.ack_response
        success = AckStatus(status_code=AckStatus.STATUS_CODE_SUCCESS)
        self._success = stream.ack_response(ack_status=success).SerializeToString()

    @classmethod
    @asynccontextmanager
    async def connect(cls, stream: EventStream, endpoint: Endpoint) -> AsyncIterator[GrpcAcker]:
        """Open a channel for acks and close it with the context."""
        if endpoint.is_secure:
            channel = grpc.aio.secure_channel(target(endpoint), channel_credentials(), _OPTIONS)
        else:
            channel = grpc.aio.insecure_channel(target(endpoint), _OPTIONS)
        async with channel:
            yield cls(channel, stream)

    async def ack(
        self, deliveries: Sequence[Delivery], *, token: str | None, timeout_seconds: float
    ) -> Sequence[Failure | None]:
        """See ``ports.Acker``."""
        metadata = call_metadata(token)
        timeout = min(_CALL_SECONDS, timeout_seconds)
        calls: list[grpc.aio.UnaryUnaryCall[bytes, bytes]] = []
        results: list[Failure | None] = []
        try:
            for delivery in deliveries:
                request = self._request(ack_info=AckInfo(value=delivery.ack_info))
                # Creating a call starts it, so all calls run concurrently.
                calls.append(
                    self._method(request.SerializeToString(), metadata=metadata, timeout=timeout)
                )
            for call in calls:
                try:
                    answer = await call
                except grpc.aio.AioRpcError as error:
                    results.append(_ack_failure(error, is_connected=self._is_connected))
                    continue
                except Exception as error:  # noqa: BLE001 - a bug in one ack must not end others
                    results.append(unexpected_failure(error, "an ack"))
                    continue
                # Nearly all responses are this one; comparing is faster than parsing.
                results.append(None if answer == self._success else self._read(answer))
        except BaseException:
            for call in calls:
                call.cancel()
            raise
        return results

    @property
    def _is_connected(self) -> bool:
        return self._channel.get_state() is grpc.ChannelConnectivity.READY

    def _read(self, answer: bytes | None) -> Failure | None:
        if answer is None:  # grpc.aio returns None for status OK without a message
            return Failure("NO_MESSAGE", _NOT_ACCEPTED, FailureKind.RETRYABLE)
        try:
            response: Any = self._response.FromString(answer)
        except DecodeError:
            return Failure("UNREADABLE", _NOT_ACCEPTED, FailureKind.RETRYABLE)
        status = response.ack_status.status_code
        if status == AckStatus.STATUS_CODE_SUCCESS:
            return None
        return Failure(
            code=AckStatus.StatusCode.Name(status)
            if status in AckStatus.StatusCode.values()
            else f"STATUS_CODE_{status}",
            message=_NOT_ACCEPTED,
            kind=FailureKind.RETRYABLE,
        )


def _ack_failure(error: grpc.aio.AioRpcError, *, is_connected: bool) -> Failure:
    code = error.code()
    cause = cause_of(error.details(), is_connected=is_connected)
    if cause is not None and cause.is_permanent:
        kind = FailureKind.FATAL
    elif code is grpc.StatusCode.UNAUTHENTICATED:
        kind = FailureKind.TOKEN_REJECTED
    elif _is_rate_limit(error, cause):
        kind = FailureKind.THROTTLED
    elif cause is not None or code in RETRYABLE_CODES:
        kind = FailureKind.RETRYABLE
    elif code is grpc.StatusCode.PERMISSION_DENIED or code is grpc.StatusCode.UNIMPLEMENTED:
        kind = FailureKind.FATAL
    else:
        kind = FailureKind.EVENT_REJECTED
    reason = f"the event server rejected an ack with {code.name}"
    return Failure(
        code=code.name,
        message=f"{reason}: {cause.reason}" if cause else reason,
        kind=kind,
        is_about_access=code is grpc.StatusCode.PERMISSION_DENIED and cause is None,
        hint=cause.hint if cause else "",
    )


def _is_rate_limit(error: grpc.aio.AioRpcError, cause: Cause | None) -> bool:
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return True
    if cause is not None:
        return cause.http_status in _RATE_LIMITED
    # Envoy reports its rate limit as UNAVAILABLE.
    return error.code() is grpc.StatusCode.UNAVAILABLE and any(
        key == _RATE_LIMITED_BY_ENVOY for key, _ in error.trailing_metadata() or ()
    )
