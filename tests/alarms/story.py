"""Three hours of a stack that drains two streams: what the picture of the dashboard shows.

Every run is a real one: the function's handler, between servers that fail when the story has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.event_server.odd_events import without_payload
from tests.alarms.outages import client_refused
from tests.alarms.recording import record
from tests.alarms.timeline import INTERVAL, RealRun, Timeline
from tests.faults.http_proxy import PutObjectFault
from tests.faults.scene import Scene

if TYPE_CHECKING:
    from tests.faults.cloud import Cloud

STREAMS: Final = ("handset_change", "country_change")
TICKS: Final = 36
UNTIL: Final = TICKS * INTERVAL
_RUSH: Final = range(10, 15)
_S3_FAILS: Final = 20
_ODD_EVENT: Final = 24
_CLIENT_REFUSED: Final = range(33, TICKS)
_OF_A_DAY: Final = 6
"""How many runs of a usual day are recorded; they take turns."""


def tell(cloud: Cloud) -> Timeline:
    """Record the runs, and put them where they belong.

    A rush of handset changes that takes five runs, an S3 that refuses one run's objects, an event
    that can't become a line, and at the end a token endpoint that refuses the client.
    """
    timeline = Timeline()
    for event_type in STREAMS:
        runs = _runs(cloud, event_type)
        for tick, run in enumerate(runs):
            timeline.run(run, tick * INTERVAL + 1.0)
    for tick in range(TICKS):
        timeline.queues(tick * INTERVAL)
    return timeline


def _runs(cloud: Cloud, event_type: str) -> list[RealRun]:
    is_first = event_type == STREAMS[0]
    with Scene(cloud) as scene:
        usual = []
        for number in range(_OF_A_DAY):
            scene.publish((37 * (number + 2) * (number + 5)) % 240, number, event_type)
            usual.append(record(scene, EVENT_TYPES=event_type))
        runs = [usual[tick % len(usual)] for tick in range(TICKS)]
        if is_first:
            scene.publish(1900, 50, event_type)
            for tick in _RUSH:
                runs[tick] = record(scene, EVENT_TYPES=event_type, MAX_EVENTS="400")
            scene.faults.inject(PutObjectFault(status=403, code="AccessDenied"))
            scene.publish(120, 51, event_type)
            runs[_S3_FAILS] = record(scene, EVENT_TYPES=event_type)
            scene.faults.clear()
            runs[_S3_FAILS + 1] = record(scene, EVENT_TYPES=event_type)
            scene.publish_odd(without_payload)
            scene.publish(60, 52, event_type)
            runs[_ODD_EVENT] = record(scene, EVENT_TYPES=event_type)
    with Scene(cloud) as scene:
        (refused,) = client_refused(scene, EVENT_TYPES=event_type)
    for tick in _CLIENT_REFUSED:
        runs[tick] = refused
    return runs
