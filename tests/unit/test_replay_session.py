"""A session of the replay command: its question, passes, checkpoint and exit status."""

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

    from eventdrain.adapters.boto import AwsSession

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
DONE: Final = {"end_reason": ReplayEnd.DONE, "events": 40}
NONE: Final = DONE | {"events": 0}
STOPPED: Final = {"end_reason": ReplayEnd.STOPPED, "events": 20}
FAILED: Final = {"end_reason": ReplayEnd.FAILED, "error": "made up: [do] this"}
QUESTION: Final = ["Send these 40 events?"]


@dataclass
class World:
    """The environment of a session, and a record of its actions.

    Attributes:
        folder: The folder of the checkpoint file.
        counting: The report of a pass that counts.
        sending: The report of a pass that sends.
        answer: The answer to the question.
        after: The existing checkpoint.
        passes: The passes: ``count`` or ``send``.
        questions: The questions.
    """

    folder: Path
    counting: dict[str, Any] = field(default_factory=lambda: DONE)
    sending: dict[str, Any] = field(default_factory=lambda: DONE)
    answer: bool = True
    after: Checkpoint | None = None
    passes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    def run_pass(
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
        assert (aws, after) == (AWS, self.after)
        assert console
        self.passes.append("count" if job.is_dry_run else "send")
        on_checkpoint(CHECKPOINT)
        for name, value in (self.counting if job.is_dry_run else self.sending).items():
            setattr(report, name, value)

    def confirm(self, question: str, *, err: bool) -> bool:
        """See ``click.confirm``."""
        assert not err
        self.questions.append(question)
        return self.answer


EMPTY: Final = "Nothing to send: there are no objects; check --bucket"
UNMATCHED: Final = "Nothing to send: no readable line matches; check --from"
TO_CONTINUE: Final = "same command again to continue"
DRY_RUN: Final = {"is_dry_run": True}


@pytest.mark.parametrize("after", [None, CHECKPOINT], ids=["anew", "continued"])
@pytest.mark.parametrize(
    ("finds", "options", "expected"),
    [
        ({}, DRY_RUN, (0, ["count"], [], "1 subscriptions")),
        ({}, {}, (0, ["count", "send"], QUESTION, "Sent 40 events")),
        ({"answer": False}, {}, (1, ["count"], QUESTION, "")),
        ({}, {"is_sure": True}, (0, ["send"], [], "Sent 40 events")),
        ({"counting": NONE}, {}, (0, ["count"], [], EMPTY)),
        ({"counting": NONE | {"objects": 3}}, {}, (0, ["count"], [], UNMATCHED)),
        ({"counting": STOPPED}, {}, (130, ["count"], [], "")),
        ({"counting": STOPPED}, DRY_RUN, (130, ["count"], [], "")),
        ({"counting": FAILED}, {}, (1, ["count"], [], "Error: made up: [do] this")),
        ({"counting": FAILED}, DRY_RUN, (1, ["count"], [], "Error: made up: [do] this")),
        ({"sending": STOPPED}, {}, (130, ["count", "send"], QUESTION, TO_CONTINUE)),
        ({"sending": FAILED}, {}, (1, ["count", "send"], QUESTION, TO_CONTINUE)),
    ],
)
def test_session(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    after: Checkpoint | None,
    finds: dict[str, Any],
    options: dict[str, bool],
    expected: tuple[int, list[str], list[str], str],
) -> None:
    """It counts, asks for confirmation, and sends, unless options differ or counting fails.

    A checkpoint is left only if there is something to continue. Nobody is named.
    """
    status, passes, questions, message = expected
    if after is not None and message in {EMPTY, UNMATCHED}:
        message = "Nothing to send: everything that matches was already sent"
    world = World(tmp_path, after=after, **finds)
    monkeypatch.setattr(session, "run_pass", world.run_pass)
    monkeypatch.setattr(click, "confirm", world.confirm)
    path = tmp_path / "checkpoint.json"
    if after is not None:
        CheckpointFile(path).save(after)
    output = io.StringIO()
    made = Session(AWS, JOB, None, CheckpointFile(path), Console(file=output, width=200))
    assert made.run(**{"is_dry_run": False, "is_sure": False} | options) == status
    assert (world.passes, world.questions) == (passes, questions)
    assert message in output.getvalue()
    assert PERSONAL not in output.getvalue()
    assert ("Continuing the replay made-up" in output.getvalue()) is (after is not None)
    assert "Sent 0" not in output.getvalue()
    is_sent = status == 0 and not options.get("is_dry_run")
    assert path.exists() is (not is_sent and (after is not None or "send" in passes))
