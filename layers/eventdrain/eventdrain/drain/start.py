"""Starts: what a run is told when it is started, and which runs it starts in turn.

The schedule starts one run over each stream. That run starts the other pullers, if there are to be
several, and whichever run leaves a backlog behind starts the next one at once. Nothing coordinates
them: the server shares a durable queue among all its connections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from eventdrain.errors import ConfigurationError, MalformedJson
from eventdrain.json_shape import optional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventdrain.drain.report import Report

_HINT: Final = 'invoke with {"event_type": "..."}, one of EVENT_TYPES'


@dataclass(frozen=True, slots=True)
class Start:
    """What one run is told.

    Attributes:
        event_type: The stream to drain; None for the only one that the stack has.
        puller: Which of the pullers it is; 1 is the one that the schedule starts.
        backlog_run: How many runs went before it since the schedule's; 0 for that itself.
    """

    event_type: str | None = None
    puller: int = 1
    backlog_run: int = 0

    @classmethod
    def of(cls, event: object) -> Start:
        """Read the event that the function is invoked with; what else is in it is not looked at.

        Raises:
            ConfigurationError: A value is of the wrong kind.
        """
        if not isinstance(event, Mapping):
            raise ConfigurationError(
                "the invocation's payload must be a JSON object",
                hint=_HINT,
            )
        try:
            start = cls(
                optional(event, "event_type", str, None),
                optional(event, "puller", int, 1),
                optional(event, "backlog_run", int, 0),
            )
        except MalformedJson as error:
            raise _malformed(error.setting) from None
        if start.puller < 1 or start.backlog_run < 0:
            raise _malformed("puller" if start.puller < 1 else "backlog_run")
        return start

    def as_event(self) -> dict[str, Any]:
        """Give the event that tells it to a function."""
        return {
            "event_type": self.event_type,
            "puller": self.puller,
            "backlog_run": self.backlog_run,
        }

    @property
    def is_first(self) -> bool:
        """Whether the schedule started it, or somebody in its place."""
        return self.puller == 1 and self.backlog_run == 0

    def others(self, pullers: int) -> Sequence[Start]:
        """Give the starts of the other pullers, which the first starts."""
        if not self.is_first:
            return ()
        return [replace(self, puller=number) for number in range(2, pullers + 1)]

    def next(self, report: Report, *, backlog_runs: int) -> Sequence[Start]:
        """Give the start of the run that should follow at once, if the schedule's is not enough.

        The brake: a chain ends after so many runs, whatever there is still to drain, and a run that
        got nothing through starts none. So what one start by the schedule leads to is at the most
        ``pullers * (1 + backlog_runs)`` runs, if Lambda does as it is told once; and it may deliver
        an asynchronous invocation twice.
        """
        if not report.is_behind or self.backlog_run >= backlog_runs:
            return ()
        return [replace(self, backlog_run=self.backlog_run + 1)]


def _malformed(key: str) -> ConfigurationError:
    return ConfigurationError(
        f"the invocation's {key} has an unusable value",
        hint=f"{_HINT}; only the function itself sets puller and backlog_run",
        setting=key,
    )
