"""The start of a run: its invocation event, and which further runs it starts.

The schedule starts one run per stream. That run starts the other concurrent runs, if any. A run
that leaves a backlog immediately starts the next run. Runs need no coordination, because the server
distributes a durable queue's events among all connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from msgspec import Meta, Struct, ValidationError, convert, to_builtins
from msgspec.structs import replace

from eventdrain.errors import ConfigurationError
from eventdrain.json_shape import Text, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventdrain.drain.report import Report

_HINT: Final = (
    'invoke the function with {"event_type": "..."}, where the value is one of EVENT_TYPES;'
    " leave out puller and backlog_run, which only the function itself sets"
)


class Start(Struct, frozen=True, rename={"run_number": "puller"}):
    """The parameters of one run.

    Attributes:
        event_type: The stream to drain; None if the stack drains only one.
        run_number: The run's number among the concurrent runs. The schedule starts number 1.
        backlog_run: The run's number in a chain of runs. The schedule starts number 0.
    """

    event_type: Text | None = None
    run_number: Annotated[int, Meta(ge=1)] = 1
    backlog_run: Annotated[int, Meta(ge=0)] = 0

    @classmethod
    def from_event(cls, event: object) -> Start:
        """Parse the function's invocation event; unknown keys are ignored.

        Raises:
            ConfigurationError: A value has the wrong type or is out of range.
        """
        try:
            return convert(event, cls)
        except ValidationError as error:
            raise ConfigurationError(
                f"the invocation event is invalid: {error}", hint=_HINT, setting=key_of(error)
            ) from None

    def to_event(self) -> dict[str, Any]:
        """Return the invocation event for this start."""
        event: dict[str, Any] = to_builtins(self)
        return event

    @property
    def is_first(self) -> bool:
        """Whether this run was started by the schedule or by hand, not by another run."""
        return self.run_number == 1 and self.backlog_run == 0

    def others(self, concurrent_runs: int) -> Sequence[Start]:
        """Return the starts of the other concurrent runs; only the first run starts them.

        Args:
            concurrent_runs: How many runs should run concurrently.
        """
        if not self.is_first:
            return ()
        return [replace(self, run_number=number) for number in range(2, concurrent_runs + 1)]

    def next(self, report: Report, *, backlog_runs: int) -> Sequence[Start]:
        """Return the start of the next run in the chain, if the run left a backlog.

        A chain is limited: it ends after ``backlog_runs`` runs, and a run that acked nothing starts
        none. One start by the schedule leads to at most ``concurrent_runs * (1 + backlog_runs)``
        runs, except that Lambda may deliver an asynchronous invocation twice.

        Args:
            report: The report of this run.
            backlog_runs: How many runs may follow the first run of a chain.
        """
        if not report.is_behind or self.backlog_run >= backlog_runs:
            return ()
        return [replace(self, backlog_run=self.backlog_run + 1)]
