"""The folder of a local stack: its lock, its state, and the cleanup after a crash.

A stack's supervisor holds an ``flock`` on the folder's lock as long as it runs. So a process that
gets the lock knows that no supervisor runs, and that processes in the state file are leftovers.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import click

from simulator.local.processes import ProcessRecord, kill

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

UP: Final = "up"
"""The phase of a stack that is up."""
_UNSET: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")
"""Variables for another AWS account, which tools would also use."""


@dataclass(kw_only=True)
class State:
    """The state that a supervisor writes each second.

    Attributes:
        supervisor: The supervisor's process.
        children: The processes that it has started and that still run.
        phase: The current step until the stack is up, then ``UP``.
        started: When it started, as an ISO 8601 time.
        updated: When the state was written, as an ISO 8601 time.
        stack: Constant facts once the stack is up: names, endpoints, rate, streams.
        observed: The supervisor's observations of the stack.
    """

    supervisor: ProcessRecord
    children: list[ProcessRecord] = field(default_factory=list)
    phase: str = "starting"
    started: str = ""
    updated: str = ""
    stack: dict[str, Any] = field(default_factory=dict)
    observed: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> Self:
        """Return the state from the result of ``asdict``."""
        return cls(
            **{
                **content,
                "supervisor": ProcessRecord(*content["supervisor"]),
                "children": [ProcessRecord(*child) for child in content["children"]],
            }
        )


class LocalFolder:
    """The files of a local stack.

    Args:
        path: The folder, such as `build/local`; ``environment_file`` is beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.log = self.path / "log"
        self.temporary = self.path / "tmp"
        self.environment_file = self.path.with_name(f"{self.path.name}.env")
        self._lock = self.path / "lock"
        self._state = self.path / "state.json"

    def try_lock(self) -> int | None:
        """Take the lock, and return its file descriptor; None if another process has it.

        The lock is free again when the descriptor, and each copy that a child process has, is
        closed.

        Raises:
            click.ClickException: The folder can't be created, or holds other files.
        """
        while True:
            try:
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise self._unusable(error.strerror or "") from None
            try:
                names = {each.name for each in self.path.iterdir()}
                if names and self._lock.name not in names:
                    raise self._unusable("it holds other files")
                descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
            except FileNotFoundError:
                continue  # the folder has just been removed
            except PermissionError as error:
                raise self._unusable(error.strerror or "") from None
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_ino == self._lock.stat().st_ino:
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                return None
            except FileNotFoundError:
                pass
            os.close(descriptor)  # of a lock that its owner has removed

    def _unusable(self, reason: str) -> click.ClickException:
        return click.ClickException(
            f"{self.path} can't be a local stack's folder: {reason}. To fix this, choose another"
            " --folder."
        )

    def write_state(self, state: State) -> None:
        """Replace the state."""
        _write_privately(self._state, json.dumps(asdict(state)))

    def read_state(self) -> State | None:
        """Return the last state that a supervisor, running or not, has written.

        Returns:
            None if there is none, or if it is malformed or of another version.
        """
        try:
            return State.of_json(json.loads(self._state.read_text()))
        except (FileNotFoundError, ValueError, LookupError, TypeError):
            return None

    def live_state(self) -> State | None:
        """Return the state if its supervisor still runs."""
        state = self.read_state()
        return state if state is not None and state.supervisor.is_alive() else None

    def write_variables(self, variables: Mapping[str, str]) -> None:
        """Replace the variables that a POSIX shell may source; only their owner may read them."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        script = "\n".join([f"unset {' '.join(_UNSET)}", *lines, ""])
        _write_privately(self.environment_file, script)

    def clear(self) -> bool:
        """End the processes of a crashed supervisor, and remove its files, except log and lock.

        Only for the process that holds the lock.

        Returns:
            Whether a supervisor had crashed.
        """
        state = self.read_state()
        if state is not None:
            kill([state.supervisor, *state.children])
        self.clear_files()
        return state is not None

    def clear_files(self) -> None:
        """Remove all files except log and lock. Only for the process that holds the lock."""
        if self.temporary.exists():
            shutil.rmtree(self.temporary)
        for path in (self.environment_file, self._state):
            path.unlink(missing_ok=True)
            _new(path).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove log, lock and folder. Only for the process that holds the lock."""
        self.log.unlink(missing_ok=True)
        self._lock.unlink()
        with suppress(OSError):  # another process has just created a lock
            self.path.rmdir()


def _write_privately(path: Path, text: str) -> None:
    """Replace a file atomically by one that only its owner may read."""
    new = _new(path)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - of a descriptor
        file.write(text)
    new.rename(path)


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")
