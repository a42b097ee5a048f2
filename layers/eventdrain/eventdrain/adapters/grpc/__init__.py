"""Adapters for the event API over gRPC: streams and acks."""

from __future__ import annotations

from eventdrain.adapters.grpc.acker import GrpcAcker
from eventdrain.adapters.grpc.channel import (
    OPTIONS,
    call_metadata,
    channel_credentials,
    is_api_response,
    keep_grpc_running,
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
    "is_api_response",
    "keep_grpc_running",
    "stream_error",
    "target",
]
