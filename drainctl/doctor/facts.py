"""All that is asked, as values: the seam between asking and judging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from drainctl.doctor.answers import Answer
    from drainctl.doctor.facts_of_access import Reached, StackCredentials, Token
    from drainctl.doctor.facts_of_running import (
        Alarm,
        DeadLetters,
        Execution,
        Quarantine,
        Run,
        Schedule,
    )
    from drainctl.doctor.facts_of_stack import Function, Key, Stack, Topic


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was asked.

    Attributes:
        now: When.
        version: That of this checkout.
        stack: The stack.
        functions: The one that drains, and the one that replays.
        schedules: Those that drain.
        key: None where AWS's own keys encrypt.
        credentials: None where the stack calls without a token.
        token: To call with.
        reached: The event API's address.
        streams: What opening each stream came to, by event type: None where it is open.
        runs: The last runs of each stream, oldest first, by event type.
        dead_letters: Of each dead-letter queue.
        quarantine: Of the last days.
        alarms: All of the stack.
        topic: None where alarms are told to nobody.
        executions: The last ones of the compaction, newest first; None where there is none.
    """

    now: datetime
    version: str
    stack: Stack
    functions: Answer[tuple[Function, ...]]
    schedules: Answer[tuple[Schedule, ...]]
    key: Answer[Key | None]
    credentials: Answer[StackCredentials | None]
    token: Answer[Token]
    reached: Answer[Reached]
    streams: Mapping[str, Answer[None]]
    runs: Answer[Mapping[str, tuple[Run, ...]]]
    dead_letters: Answer[tuple[DeadLetters, ...]]
    quarantine: Answer[Quarantine]
    alarms: Answer[tuple[Alarm, ...]]
    topic: Answer[Topic | None]
    executions: Answer[tuple[Execution, ...] | None]
