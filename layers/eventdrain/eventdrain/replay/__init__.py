"""The replay: sends archived events to the queue again, at a limited rate, with checkpoints."""

from __future__ import annotations

from eventdrain.replay.checkpoint import Checkpoint, check_name
from eventdrain.replay.counting_sink import CountingSink
from eventdrain.replay.job import ReplayJob, replay_name
from eventdrain.replay.line import EVENT_ID, read_line, read_lines
from eventdrain.replay.rate import RateLimit
from eventdrain.replay.replay import Replay
from eventdrain.replay.report import ReplayEnd, ReplayReport
from eventdrain.replay.request import DEFAULT_RATE, MAX_RATE, ReplayRequest
from eventdrain.replay.selection import Selection, since, until

__all__ = [
    "DEFAULT_RATE",
    "EVENT_ID",
    "MAX_RATE",
    "Checkpoint",
    "CountingSink",
    "RateLimit",
    "Replay",
    "ReplayEnd",
    "ReplayJob",
    "ReplayReport",
    "ReplayRequest",
    "Selection",
    "check_name",
    "read_line",
    "read_lines",
    "replay_name",
    "since",
    "until",
]
