"""A session of the command: what is asked, sent and kept, and its exit status."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import click
import pytest
from rich.console import Console

from drainctl.replay import session
from drainctl.replay.checkpoint_file import CheckpointFile
from drainctl.replay.session import Session
from eventdrain.replay import Checkpoint, ReplayEnd, ReplayJob, ReplayReport, Selection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from eventdrain.adapters.aws import AwsSession

AWS: Final = cast("AwsSession", "made up: nothing is asked of it")
PERSONAL: Final = "madeup:eu:5"
JOB: Final = ReplayJob(
    selection=Selection(("handset_change",), subscriptions=frozenset({PERSONAL})),
    bucket="made-up-bucket",
    prefix="events",
    queue_urls={"handset_change": "https://sqs.example/made-up"},
    events_per_message=1,
    rate=50,
    is_dry_run=False,
    archive_hint="",
    queue_hint="",
)
KEY: Final = "events/handset_change/dt=2026-03-01/0.ndjson.gz"
CHECKPOINT: Final = Checkpoint(JOB.digest, "made-up", KEY, 5, "0" * 64)


@dataclass
class Passes:
    """Stands in for the passes over the archive: each ends as it is told to.

    Attributes:
        ends: What each pass leaves in its report, by whether it is a dry run.
        made: Whether each pass that was made was a dry run, and where it went on.
    """

    ends: dict[bool, dict[str, Any]]
    made: list[tuple[bool, Checkpoint | None]] = field(default_factory=list)

    def run(
        self,
        job: ReplayJob,
        report: ReplayReport,
        *,
        aws: AwsSession,
        after: Checkpoint | None,
        on_checkpoint: Callable[[Checkpoint], None],
        console: Console,
    ) -> None:
        """See ``passes.run_pass``."""
        assert job.is_dry_run == report.is_dry_run
        assert aws is AWS
        assert console
        self.made.append((job.is_dry_run, after))
        on_checkpoint(CHECKPOINT)
        for name, value in self.ends[job.is_dry_run].items():
            setattr(report, name, value)


DONE: Final = {"end_reason": ReplayEnd.DONE, "events": 40}
STOPPED: Final = {"end_reason": ReplayEnd.STOPPED, "events": 20}
FAILED: Final = {"end_reason": ReplayEnd.FAILED, "error": "made up: [do] this"}


@dataclass
class Outcome:
    """How a session went.

    Attributes:
        status: Its exit status.
        passes: What was made of the archive.
        questions: What was asked.
        told: What was shown.
        has_checkpoint: Whether a checkpoint is left.
    """

    status: int
    passes: list[tuple[bool, Checkpoint | None]]
    questions: list[str]
    told: str
    has_checkpoint: bool


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Outcome]:
    """Hold a session."""

    def hold(
        *,
        counting: dict[str, Any] = DONE,
        sending: dict[str, Any] = DONE,
        answer: bool = True,
        after: Checkpoint | None = None,
        **options: bool,
    ) -> Outcome:
        passes = Passes({True: counting, False: sending})
        questions: list[str] = []

        def confirm(question: str, *, err: bool) -> bool:
            assert not err
            questions.append(question)
            return answer

        monkeypatch.setattr(session, "run_pass", passes.run)
        monkeypatch.setattr(click, "confirm", confirm)
        path = tmp_path / "checkpoint.json"
        file = CheckpointFile(path)
        if after is not None:
            file.save(after)
        output = io.StringIO()
        held = Session(AWS, JOB, None, file, Console(file=output, width=200))
        status = held.run(**{"is_dry_run": False, "is_sure": False} | options)
        return Outcome(status, passes.made, questions, output.getvalue(), path.exists())

    return hold


def test_dry_run(hold: Callable[..., Outcome]) -> None:
    """It counts and does no more: it neither asks nor keeps anything."""
    found = hold(is_dry_run=True)
    assert (found.status, found.passes, found.questions) == (0, [(True, None)], [])
    assert not found.has_checkpoint


def test_yes_after_the_count(hold: Callable[..., Outcome]) -> None:
    """It counts, asks with the number, sends, and keeps nothing of what is done."""
    found = hold()
    assert (found.status, found.passes) == (0, [(True, None), (False, None)])
    assert found.questions == ["Send these 40 events?"]
    assert not found.has_checkpoint


def test_no_after_the_count(hold: Callable[..., Outcome]) -> None:
    """On a no nothing is sent."""
    found = hold(answer=False)
    assert (found.status, found.passes) == (1, [(True, None)])


def test_sure(hold: Callable[..., Outcome]) -> None:
    """Who is sure is not asked, and nothing is counted first."""
    found = hold(is_sure=True)
    assert (found.status, found.passes, found.questions) == (0, [(False, None)], [])


def test_nothing_to_send(hold: Callable[..., Outcome]) -> None:
    """Where there is nothing, nobody is asked, nothing is sent, and it says where to look."""
    found = hold(counting=DONE | {"events": 0})
    assert (found.status, found.passes, found.questions) == (0, [(True, None)], [])
    assert "Nothing to send: there are no objects; check --bucket" in found.told
    assert not found.has_checkpoint


@pytest.mark.parametrize("is_dry_run", [True, False])
def test_nothing_matches(hold: Callable[..., Outcome], *, is_dry_run: bool) -> None:
    """Where objects are there it says that none of their lines matches."""
    found = hold(counting=DONE | {"events": 0, "objects": 3}, is_dry_run=is_dry_run)
    assert (found.status, found.passes) == (0, [(True, None)])
    assert "no readable line matches; check --from" in found.told


def test_nothing_is_left(hold: Callable[..., Outcome]) -> None:
    """One that was interrupted at its very end is done, and its checkpoint is gone."""
    found = hold(counting=DONE | {"events": 0}, after=CHECKPOINT)
    assert (found.status, found.passes) == (0, [(True, CHECKPOINT)])
    assert "everything that matches was already sent" in found.told
    assert not found.has_checkpoint


@pytest.mark.parametrize(("end", "status"), [(STOPPED, 130), (FAILED, 1)])
@pytest.mark.parametrize("is_dry_run", [True, False])
def test_count_that_does_not_end(
    hold: Callable[..., Outcome], end: dict[str, Any], status: int, *, is_dry_run: bool
) -> None:
    """A count that was interrupted or failed says so, and nothing is sent on the strength of it."""
    found = hold(counting=end, is_dry_run=is_dry_run)
    assert (found.status, found.passes, found.questions) == (status, [(True, None)], [])
    assert (end.get("error") or "") in found.told


@pytest.mark.parametrize(("end", "status"), [(STOPPED, 130), (FAILED, 1)])
def test_sending_that_does_not_end(
    hold: Callable[..., Outcome], end: dict[str, Any], status: int
) -> None:
    """One that was interrupted or failed leaves its checkpoint, and says how to go on."""
    found = hold(sending=end)
    assert (found.status, found.has_checkpoint) == (status, True)
    assert "Run the same command again to continue." in found.told


def test_going_on(hold: Callable[..., Outcome]) -> None:
    """With a checkpoint both passes go on from it, and it says so; then it is gone."""
    found = hold(after=CHECKPOINT)
    assert found.passes == [(True, CHECKPOINT), (False, CHECKPOINT)]
    assert "Continuing the replay made-up" in found.told
    assert not found.has_checkpoint


def test_subscriptions_are_not_shown(hold: Callable[..., Outcome]) -> None:
    """What is shown of the selection tells how many subscriptions it has, and none of them."""
    found = hold()
    assert "1 subscriptions" in found.told
    assert PERSONAL not in found.told
