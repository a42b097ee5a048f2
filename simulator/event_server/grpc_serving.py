"""The gRPC server: which calls it answers, and how it treats connections."""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import grpc

from simulator.event_server.event_types import EVENT_TYPES

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor
    from datetime import timedelta

    from simulator.event_server.ack_calls import AckCalls
    from simulator.event_server.rules import ServerRules
    from simulator.event_server.stream_calls import StreamCalls


def grpc_server(
    rules: ServerRules, streams: StreamCalls, acks: AckCalls, threads: ThreadPoolExecutor
) -> grpc.Server:
    """Make a server that listens nowhere yet.

    It is gRPC's threaded server and not its asyncio one: all asyncio users of a process share one
    poller, which logs errors when their event loops come and go, and a client under test has a
    loop of its own. Requests and responses are raw bytes: the calls serialise what they must, once.
    """
    methods: defaultdict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = defaultdict(dict)
    for kind in EVENT_TYPES.values():
        methods[kind.service] |= {
            kind.stream_method: grpc.unary_stream_rpc_method_handler(
                functools.partial(streams.stream, kind)
            ),
            kind.ack_method: grpc.unary_unary_rpc_method_handler(functools.partial(acks.ack, kind)),
        }
    return grpc.server(
        threads,
        handlers=[
            grpc.method_handlers_generic_handler(service, handlers)
            for service, handlers in methods.items()
        ],
        options=_options(rules),
    )


def _options(rules: ServerRules) -> tuple[tuple[str, int], ...]:
    return (
        ("grpc.so_reuseport", 0),  # a port that is taken is an error, not shared
        ("grpc.max_send_message_length", -1),
        ("grpc.max_connection_age_ms", _milliseconds(rules.connection_age)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(rules.connection_age_grace)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _milliseconds(rules.ping_interval_min)),
    )


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
