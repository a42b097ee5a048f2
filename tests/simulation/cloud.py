"""Lambda and its schedule: runs of the engine in environments, one after another and side by side.

A run is the engine's own chain (``run_and_start_others``), its own composition (``run_drain``) and
its own drain, over the ports of this package.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from drainctl.plan import TIMEOUT_MARGIN_SECONDS
from eventdrain.drain import Start, measurements
from eventdrain.errors import StartFailed
from eventdrain.run import Memory, run_and_start_others, run_drain
from tests.simulation.checker import check_run
from tests.simulation.faults import STALE_SECRETS
from tests.simulation.machine import Process
from tests.simulation.replays import ReplayRuns
from tests.simulation.secrets import Secrets, TokenEndpoint, Tokens
from tests.simulation.server import Client, EventServer
from tests.simulation.sinks import ArchiveSink, Bucket, Queue, QueueSink
from tests.simulation.world import Call, Point, Run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import datetime

    from eventdrain.drain import Report
    from eventdrain.errors import Failure
    from eventdrain.ports import ClientCredentials, Sink
    from tests.simulation.world import World

_THREADS_SECONDS: Final = 0.05
"""How long to wait before looking again whether all threads have ended."""
FAILED_METRICS: Final = {"archive": "ArchiveFailed", "queue": "OutboxFailed"}


class Environment:
    """A Lambda environment: what its runs remember, and its clock."""

    def __init__(self, skew_seconds: float) -> None:
        self.memory = Memory()
        self.skew_seconds = skew_seconds
        self.rejected: set[str | None] = set()


class Services:
    """The services of one run; see ``eventdrain.run.Services``."""

    sinks: Sequence[str] = ("archive", "queue")

    def __init__(self, cloud: Cloud, run: Run) -> None:
        self._cloud = cloud
        self._run = run

    def connect_secrets(self) -> AbstractContextManager[Secrets]:
        """See ``eventdrain.run.Services``."""
        return nullcontext(self._cloud.secrets)

    def token_endpoint(self, credentials: ClientCredentials) -> TokenEndpoint:
        """See ``eventdrain.run.Services``."""
        return TokenEndpoint(self._cloud.tokens, self._cloud.secrets, credentials, self._run)

    def connect_sinks(self) -> Mapping[str, AbstractAsyncContextManager[Sink]]:
        """See ``eventdrain.run.Services``."""
        archive = ArchiveSink(self._cloud.archive, self._run)
        events_per_message = self._cloud.settings.events_per_message
        queue = QueueSink(self._cloud.queue, self._run, events_per_message=events_per_message)
        return {"archive": nullcontext(archive), "queue": nullcontext(queue)}

    def event_source(self, *, timeout_seconds: float) -> Client:  # noqa: ARG002 - a backstop
        """See ``eventdrain.run.Services``."""
        return Client(self._cloud.server, self._run)

    @asynccontextmanager
    async def connect_acker(self) -> AsyncIterator[Client]:
        """See ``eventdrain.run.Services``."""
        self._run.open_clients += 1
        yield Client(self._cloud.server, self._run)
        self._run.open_clients -= 1

    def run(self, drain: Coroutine[None, None, None]) -> None:
        """See ``eventdrain.run.Services``."""
        machine, started_at = self._cloud.world.machine, self._cloud.world.time
        machine.wait_for(drain)
        self._run.draining = started_at, self._cloud.world.time
        while self._run.threads:
            machine.block(_THREADS_SECONDS)

    def clock(self) -> float:
        """See ``eventdrain.run.Services``."""
        return self._cloud.world.time

    def now(self) -> datetime:
        """See ``eventdrain.run.Services``."""
        return self._cloud.world.wall_clock(self._run)


class Cloud:
    """The account: the function, its schedule, and the services that it uses.

    Args:
        world: The world.

    Attributes:
        replaying: The process of the replay that is under way, or was last.
        environments: The idle environments.
        under_way: The runs that have neither ended nor died, in the order of their start.
        next_dies_at: The step at which the next run is killed; 0 for never.
        next_share: Which share of its usual time is left to the next run.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.settings = world.settings
        self.archive: Bucket = Bucket(world)
        self.queue: Queue = Queue(world, self.archive)
        self.secrets: Secrets = Secrets(world)
        self.tokens: Tokens = Tokens(world, self.settings.scopes)
        self.server: EventServer = EventServer(world, self.tokens)
        self.replaying: Process = Process("replay")
        self.next_dies_at = 0
        self.next_share = 1.0
        self._timeout = self.settings.window.total_seconds() + TIMEOUT_MARGIN_SECONDS
        self.environments: list[Environment] = []
        self._skew_seconds = 0.0
        self._dropped_ticks = 0
        self.under_way: dict[Run, None] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    # --- What faults do to it ---

    def drop_next_tick(self) -> None:
        """Let the schedule miss its next tick."""
        self._dropped_ticks += 1

    def skew(self, seconds: float) -> None:
        """Let the clocks of new environments be wrong."""
        self._skew_seconds = seconds
        self.environments.clear()

    def rotate_client(self) -> None:
        """Replace the client's secret, at the endpoint first and then in Secrets Manager."""
        if self.world.schedule.credentials != "client":
            return
        self.tokens.client_secret += "-new"
        self.tokens.rotated_at = self.world.time
        self.world.later(self.world.latency, self.store_credentials)

    def store_credentials(self) -> None:
        """Put the operator's credentials into their secret."""
        if self.world.schedule.credentials == "client":
            secret = self.tokens.client_secret
            content = f'{{"client_id": "made-up", "client_secret": "{secret}"}}'
        else:
            content = f'{{"access_token": "{self.tokens.issue()}"}}'
        self.secrets.store(self.settings.credentials_secret_arn, content)

    def good_token(self, run: Run) -> str | None:
        """Return the operator's token, if it is good and was stored before a run."""
        arn = self.settings.credentials_secret_arn
        if self.world.schedule.credentials != "static" or self.world.struck[STALE_SECRETS]:
            return None
        token: str = json.loads(self.secrets.newest(arn) or "{}")["access_token"]
        is_old = self.secrets.stored_at[arn] < run.opened_at
        return token if is_old and self.tokens.accepts(token) else None

    # --- Lambda ---

    def tick(self) -> None:
        """Start the runs of the schedule, one for each stream."""
        if self._dropped_ticks:
            self._dropped_ticks -= 1
            return
        self.invoke(Start(self.settings.event_type))

    def invoke(self, start: Start, retries: int | None = None) -> None:
        """Invoke the function asynchronously."""
        world = self.world
        timeout, self.next_share = self._timeout * self.next_share, 1.0
        run = Run(world, len(world.runs) + 1, world.time + timeout)
        environment = (self.environments or [Environment(self._skew_seconds)]).pop()
        run.skew_seconds = environment.skew_seconds
        if token := self.good_token(run):
            run.rejected_before = environment.rejected - {token}
        run.dies_at, self.next_dies_at = self.next_dies_at, 0
        world.runs.append(run)
        if len(world.runs) > world.schedule.most_runs:
            raise RuntimeError("more and more runs")
        self.under_way[run] = None
        self._idle.clear()
        left = world.schedule.retries if retries is None else retries

        def handler() -> None:
            report = self._handle(start, run, environment)
            run.has_ended = True
            self._note_gone(run)
            self.environments.append(environment)
            environment.rejected = run.rejected if report.has_failed else set()
            if report.has_failed and left:
                self.invoke(start, left - 1)

        run.on_death = lambda: self._note_death(run)
        world.later(timeout, self._time_out, run)
        run.context.run(world.machine.start, handler)

    def _note_gone(self, run: Run) -> None:
        self.under_way.pop(run, None)
        if not self.under_way:
            self._idle.set()

    def _note_death(self, run: Run) -> None:
        self.world.note(run.name, "dies at step %d", run.steps)
        self._note_gone(run)
        self.server.note_death(run)

    def _time_out(self, run: Run) -> None:
        may_time_out = run.slow_calls and run.timeout_at < run.opened_at + self._timeout
        if not (run.has_ended or run.is_dead or run.was_frozen or may_time_out):
            self.world.violate(f"{run.name} runs into its time-out")
        run.kill()

    def _handle(self, start: Start, run: Run, environment: Environment) -> Report:
        """Do what the function's handler does."""
        self.world.note(run.name, "starts: %s", start)
        services = Services(self, run)
        report, started = run_and_start_others(
            start,
            self.settings,
            run=lambda on_token: run_drain(
                self.settings,
                services,
                environment.memory,
                remaining=timedelta(seconds=run.timeout_at - self.world.time),
                on_token=on_token,
            ),
            start_run=self._start,
        )
        metrics = measurements(report, FAILED_METRICS, old_event_age=self.settings.old_event_age)
        values = {e.name: e.value for e in metrics if e.is_of_stack or e.name == "Completed"}
        self.world.note(run.name, "ends: %s, %s", report.end_reason, report.error or "no error")
        check_run(self, run, report, values, start, *(other.start for other in started))
        return report

    def _start(self, other: Start) -> None:
        if other.backlog_run > self.settings.backlog_runs:
            self.world.violate("a chain of runs is longer than its limit")

        def failed(answer: Failure) -> None:
            raise StartFailed(f"made up: {answer.code}")

        call = Call(Point.START, lambda: self.world.later(0.0, self.invoke, other), failed)
        self.world.blocking_call(call)

    # --- The schedule ---

    async def live(self) -> None:
        """Let the schedule happen, and then everything settle."""
        world, schedule = self.world, self.world.schedule
        if schedule.credentials != "none":
            self.store_credentials()
        for event in schedule.new_events():
            world.machine.call_at(event.published_at, self.server.publish, event)
        self.plan_faults()
        if schedule.replay is not None:
            replay = world.machine.create_task(ReplayRuns(self, schedule.replay).live())
        while world.time < schedule.ends_at:
            await self._tick_and_wait()
        self._dropped_ticks = 0
        if schedule.credentials == "static":
            self.store_credentials()  # the operator has put in another
        for _ in range(schedule.most_settling_runs):
            await self._idle.wait()
            if all(event.acked_at is not None for event in self.server.events):
                break
            await self._tick_and_wait()
        await self._idle.wait()
        if schedule.replay is not None:
            await replay

    async def _tick_and_wait(self) -> None:
        """Start the runs of the schedule, and wait for its next tick."""
        self.tick()
        tick = self.world.schedule.tick_seconds
        await asyncio.sleep(tick - self.world.time % tick)

    def plan_faults(self) -> None:
        """Let the schedule's faults strike while they last."""
        world = self.world
        at = world.machine.call_at
        for fault in world.schedule.faults:
            kind = fault.kind
            if kind.begins is not None:
                at(fault.at, self._begin, fault)
            if kind.ends is not None:
                at(fault.until, kind.ends, self, fault)
        at(world.schedule.ends_at, world.end_faults)

    def _begin(self, fault: Any) -> None:
        self.world.struck[fault.name] += 1
        self.world.note("fault", "%s", fault.name)
        fault.kind.begins(self, fault)
