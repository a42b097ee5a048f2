"""The event API behind a gateway that is up: an outage is no silence, and a cut no outage."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from eventdrain.settings import Endpoint
from tests.faults.gateways import GATEWAYS
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.cloud import Cloud
    from tests.faults.gateways import Gateway

_HOURS: Final = 3600.0
every_gateway: Final = pytest.mark.parametrize("gateway", GATEWAYS.values(), ids=GATEWAYS)


@pytest.fixture
def scene(cloud: Cloud) -> Iterator[Scene]:
    """Give a scene whose event server is reached through a gateway."""
    with Scene(cloud) as made:
        yield made


def endpoint(port: int) -> Endpoint:
    """Give the gateway's address as a setting."""
    return Endpoint.parse(f"http://127.0.0.1:{port}")


@every_gateway
@pytest.mark.parametrize("is_listening", [False, True], ids=["refused", "silent"])
def test_outage_behind_a_gateway_is_no_silence(
    scene: Scene, gateway: Gateway, tmp_path: Path, *, is_listening: bool
) -> None:
    """A gateway that takes streams while the API is away proves nothing, so the run fails."""
    scene.publish(5)
    with socket.socket() as away:
        away.bind(("127.0.0.1", 0))
        if is_listening:
            away.listen()  # and nobody answers
        port = away.getsockname()[1]
        with gateway(port, tmp_path, stream_seconds=_HOURS) as at:
            report = scene.drain(
                api_endpoint=endpoint(at),
                idle=timedelta(seconds=1),
                window=timedelta(seconds=6),
            )

    assert report.end_reason == "failed"
    assert report.error is not None
    assert "the event API sent nothing and answered no probe in the whole window" in report.error
    assert report.received == 0


@every_gateway
def test_quiet_stream_that_a_gateway_cuts_is_idle(
    scene: Scene, gateway: Gateway, tmp_path: Path
) -> None:
    """A healthy stream that is cut whenever it was quiet for two seconds is quiet all the same."""
    with gateway(scene.event_server.port, tmp_path, stream_seconds=2.0) as at:
        report = scene.drain(
            api_endpoint=endpoint(at),
            idle=timedelta(seconds=5),
            window=timedelta(seconds=60),
            allowed=timedelta(seconds=90),
        )

    assert (report.end_reason, report.error) == ("idle", None)
    assert report.connections > 1


@every_gateway
def test_events_come_through_a_gateway(scene: Scene, gateway: Gateway, tmp_path: Path) -> None:
    """The event server serves a gateway as it serves the drain itself."""
    scene.publish(150)
    with gateway(scene.event_server.port, tmp_path, stream_seconds=_HOURS) as at:
        report = scene.drain(api_endpoint=endpoint(at))
        scene.check()

    assert (report.end_reason, report.acked) == ("idle", 150)
