"""The event API over gRPC: the stream, the acks, and the causes of their errors."""

from __future__ import annotations

from eventdrain.adapters.grpc.acker import GrpcAcker
from eventdrain.adapters.grpc.channel import (
    OPTIONS,
    call_metadata,
    channel_credentials,
    is_answer,
    stream_error,
    target,
)
from eventdrain.adapters.grpc.source import GrpcEventSource

__all__ = [
    "OPTIONS",
    "GrpcAcker",
    "GrpcEventSource",
    "call_metadata",
    "channel_credentials",
    "is_answer",
    "stream_error",
    "target",
]
