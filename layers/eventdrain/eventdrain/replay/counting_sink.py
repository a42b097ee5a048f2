"""The queue sink of a dry run: counts the messages that would be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventdrain.events import mark_replayed, messages, pack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventdrain.errors import Failure
    from eventdrain.events import ArchiveLayout, Delivery
    from eventdrain.replay.report import ReplayReport

_BILLED_BYTES: Final = 64 * 1024
"""SQS pricing: each 64 KiB of a request is billed as one request."""


class CountingSink:
    """A ``ports.Sink`` that counts messages instead of sending them.

    Args:
        layout: The archive that pointers point to.
        events_per_message: The maximum number of events in a message.
        report: The report that the counts are added to.
    """

    def __init__(
        self, *, layout: ArchiveLayout, events_per_message: int, report: ReplayReport
    ) -> None:
        self._layout = layout
        self._events_per_message = events_per_message
        self._report = report

    async def write(self, deliveries: Sequence[Delivery]) -> Mapping[str, Failure]:
        """See ``ports.Sink``."""
        made = messages(deliveries, self._layout, events_per_message=self._events_per_message)
        for batch in pack(mark_replayed(made, self._report.replay)):
            size = sum(each.size for each in batch)
            self._report.messages += len(batch)
            self._report.message_bytes += size
            self._report.requests += 1
            self._report.billed_requests += -(-size // _BILLED_BYTES)
        return {}
