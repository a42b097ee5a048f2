"""Secrets that earlier runs of the same process have read, so that most runs read none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventdrain.ports import SecretStore

REMEMBERED_FOR: Final = timedelta(minutes=15)
"""How long a process uses a secret without reading it again."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    content: str = field(repr=False)
    read_at: datetime


SecretMemory: TypeAlias = dict[str, _Remembered]
"""What the runs of a process have read, by ARN. Cleared after a failed run."""


class RememberedSecrets:
    """The secrets of one run, as a ``ports.SecretStore``.

    Args:
        store: Where the secrets are.
        memory: The memory of the process.
        now: Returns the time, UTC.

    Attributes:
        are_used: Whether this run has used content that an earlier run has read.
    """

    def __init__(
        self,
        store: SecretStore,
        memory: SecretMemory,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._memory = memory
        self._now = now
        self._known_before = dict(memory)
        self.are_used = False

    def get(self, arn: str) -> str | None:
        """See ``ports.SecretStore``."""
        known = self._known_before.get(arn)
        if known is not None and abs(self._now() - known.read_at) < REMEMBERED_FOR:
            self.are_used = True
            return known.content
        self._memory.pop(arn, None)
        content = self._store.get(arn)
        self._remember(arn, content)
        return content

    def created_at(self, arn: str) -> datetime | None:
        """See ``ports.SecretStore``."""
        return self._store.created_at(arn)

    def put(self, arn: str, content: str) -> None:
        """See ``ports.SecretStore``."""
        self._memory.pop(arn, None)
        self._store.put(arn, content)
        self._remember(arn, content)

    def forget(self) -> bool:
        """Read from the store from now on; return whether anything else was used before."""
        self._known_before = {}
        were_used, self.are_used = self.are_used, False
        return were_used

    def _remember(self, arn: str, content: str | None) -> None:
        if content:
            self._memory[arn] = _Remembered(content, self._now())
