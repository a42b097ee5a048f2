"""The drain: one run over one stream, from opening the stream to the report.

Start reading with ``drain`` and ``commit``; the other modules serve these two.
"""

from __future__ import annotations

from eventdrain.drain.ack_pace import TICK_SECONDS, AckPace
from eventdrain.drain.batch import Batch
from eventdrain.drain.commit import Commit
from eventdrain.drain.drain import Drain
from eventdrain.drain.lag import LAST_EVENTS, RECENT_SECONDS, Lag
from eventdrain.drain.measurements import Measurement, measurements
from eventdrain.drain.outcome import LeftReason, Outcome
from eventdrain.drain.pace import Pace
from eventdrain.drain.report import Report
from eventdrain.drain.start import Start
from eventdrain.drain.stream_request import stream_request
from eventdrain.drain.subscription import Subscription
from eventdrain.drain.window import REPORTING_SECONDS, EndReason, Window

__all__ = [
    "LAST_EVENTS",
    "RECENT_SECONDS",
    "REPORTING_SECONDS",
    "TICK_SECONDS",
    "AckPace",
    "Batch",
    "Commit",
    "Drain",
    "EndReason",
    "Lag",
    "LeftReason",
    "Measurement",
    "Outcome",
    "Pace",
    "Report",
    "Start",
    "Subscription",
    "Window",
    "measurements",
    "stream_request",
]
