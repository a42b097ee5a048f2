"""Whose a local stack is, and that nothing is left of it: real processes, without an AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from simulator.__main__ import simulator
from simulator.aws import PROJECT_FOLDER
from simulator.local import LocalFolder, ProcessRecord, kill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

# A supervisor with one child, a leader of a group, which nobody guards.
_SUPERVISOR: Final = """
import os, pathlib, signal, subprocess, sys
from simulator.local import LocalFolder, ProcessRecord, State

folder = LocalFolder(pathlib.Path(sys.argv[1]))
assert folder.try_lock() is not None
folder.temporary.mkdir()
folder.log.touch()
folder.environment_file.touch()
child = subprocess.Popen(["sleep", "3600"], start_new_session=True, stdout=subprocess.DEVNULL)
folder.write_state(
    State(
        supervisor=ProcessRecord.of(os.getpid()),
        children=[ProcessRecord.of(child.pid, is_group=True)],
        phase=sys.argv[2],
        stack={"rate": 1.0, "streams": ["handset_change"]},
    )
)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
child.kill()
child.wait()
folder.clear_files()
"""

# What `up` starts in place of the supervisor; it reports one line.
_REPORTER: Final = """
import os, sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
os.write(int(options["--progress"]), b'{"phase": "made-up step"}\\n' + os.environ["LINE"].encode())
print("made-up log", flush=True)
sys.exit(int(os.environ["STATUS"]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    """Return the folder of a stack that was never up."""
    return LocalFolder(tmp_path / "local")


@contextmanager
def supervised(folder: LocalFolder, phase: str = "up") -> Iterator[subprocess.Popen[str]]:
    """Let a process be the supervisor."""
    with subprocess.Popen(
        [sys.executable, "-c", _SUPERVISOR, folder.path, phase],
        cwd=PROJECT_FOLDER,
        env={**os.environ, "PYTHONPATH": "layers/wgtwo:layers/eventdrain"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def run(command: str, folder: LocalFolder, *options: str) -> Result:
    """Run a command on the folder."""
    return CliRunner().invoke(simulator, [command, "--folder", str(folder.path), *options])


def assert_nothing_left(folder: LocalFolder) -> None:
    """Neither the folder nor the variables beside it exist."""
    assert list(folder.path.parent.iterdir()) == []


@pytest.mark.parametrize("command", ["up", "down"])
def test_crashed_stack_is_cleared(
    command: str, folder: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed supervisor has left, its child among it, is gone after the next up or down."""
    with supervised(folder) as process:
        process.kill()
        process.wait()
    state = folder.read_state()
    assert state is not None
    (child,) = state.children
    assert child.is_alive()
    shown = run("status", folder)
    assert (shown.exit_code, "crashed" in shown.output) == (1, True)

    report_instead(monkeypatch, {"error": "made up"}, status=1)
    assert "crashed" in run(command, folder).output
    assert not child.is_alive()
    assert not folder.temporary.exists()
    assert not folder.environment_file.exists()
    assert run("down", folder).exit_code == 0
    assert_nothing_left(folder)


@pytest.mark.parametrize("content", ["", "{}", '{"supervisor": [1, "x"], "children": [], "x": 1}'])
def test_malformed_state_is_removed(folder: LocalFolder, content: str) -> None:
    """Down also removes a state that another version or a power failure has left."""
    lock = folder.try_lock()
    assert lock is not None
    os.close(lock)
    (folder.path / "state.json").write_text(content)
    assert run("status", folder).exit_code == 1
    assert run("down", folder).exit_code == 0
    assert_nothing_left(folder)


def test_another_process_with_the_same_id_lives_on() -> None:
    """An id that is used again, for a process of another start time, is not killed."""
    with subprocess.Popen(["sleep", "3600"]) as process:
        record = ProcessRecord.of(process.pid)
        assert record is not None
        assert kill([record._replace(started="another time")]) == 0
        assert process.poll() is None
        assert kill([record]) == 1
        assert not record.is_alive(), "it has ended, although nobody has waited for it"


def test_second_up_leaves_the_first_alone(folder: LocalFolder) -> None:
    """It says that the stack is up, and succeeds; and fails while the first is not up yet."""
    with supervised(folder) as process:
        again = run("up", folder)
        assert (again.exit_code, "already up" in again.output) == (0, True)
        assert str(process.pid) in again.output
        assert folder.live_state() is not None


def test_up_while_another_is_at_work(folder: LocalFolder) -> None:
    """While another process starts the stack, up fails."""
    with supervised(folder, phase="sam deploy"):
        again = run("up", folder)
        assert (again.exit_code, "at work" in again.output) == (1, True)
        assert run("status", folder).exit_code == 1


def test_down_ends_the_supervisor(folder: LocalFolder) -> None:
    """Nothing is left after down; another down finds nothing, and succeeds."""
    with supervised(folder) as process:
        state = folder.live_state()
        assert state is not None
        ended = run("down", folder)
        assert (ended.exit_code, ended.output) == (0, "The local stack is down.\n")
        assert process.wait(10) == 0
        assert not state.children[0].is_alive()
    assert_nothing_left(folder)
    again = run("down", folder)
    assert (again.exit_code, again.output) == (0, "No local stack is up.\n")
    assert_nothing_left(folder)


@pytest.mark.parametrize("command", ["up", "down"])
def test_folder_with_other_files_is_left_alone(command: str, folder: LocalFolder) -> None:
    """Neither up nor down takes a folder that is not a local stack's; both name another way."""
    folder.temporary.mkdir(parents=True)
    (folder.path / "made-up").write_text("kept")
    for path in (folder.path, folder.path / "made-up" / "local"):
        result = run(command, LocalFolder(path))
        assert result.exit_code == 1
        assert f"{path} can't be a local stack's folder" in result.output
    assert sorted(each.name for each in folder.path.iterdir()) == ["made-up", "tmp"]


def report_instead(monkeypatch: pytest.MonkeyPatch, line: dict[str, Any], status: int) -> None:
    """Let up start a process that reports a line and ends."""
    monkeypatch.setattr("simulator.local.up._SUPERVISOR", (sys.executable, "-c", _REPORTER))
    monkeypatch.setenv("LINE", json.dumps(line) if line else "")
    monkeypatch.setenv("STATUS", str(status))


def test_failed_start(folder: LocalFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up prints why the supervisor failed, or the end of its log if it doesn't report that."""
    report_instead(monkeypatch, {"error": "sam deploy failed [for a made-up reason]"}, status=1)
    failed = run("up", folder)
    assert failed.exit_code == 1
    assert "sam deploy failed [for a made-up reason]" in failed.output

    report_instead(monkeypatch, {}, status=1)
    crashed = run("up", folder)
    assert (crashed.exit_code, "made-up log" in crashed.output) == (1, True)
    shown = run("status", folder)
    assert (shown.exit_code, "local/log" in shown.output) == (1, True)
    assert json.loads(run("status", folder, "--json").output) == {"phase": "down"}


@pytest.mark.filterwarnings("ignore:.*Popen.*:pytest.PytestUnraisableExceptionWarning")
def test_up_says_what_to_try(folder: LocalFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the supervisor reports that the stack is up, up succeeds and leaves it alone."""
    report_instead(monkeypatch, {"up": {"first_event_seconds": 12.5}}, status=0)
    started = run("up", folder)
    assert started.exit_code == 0
    assert "made-up step" in started.output
    assert f". {folder.environment_file}" in started.output


def test_variables_survive_the_shell(folder: LocalFolder) -> None:
    """A POSIX shell reads each value as it is, and forgets the profile of the person's account."""
    value = """a 'quoted' "value" with $HOME and `commands`"""
    folder.write_variables({"BUCKET": value})
    script = folder.environment_file
    assert script.stat().st_mode & 0o777 == 0o600
    printed = subprocess.run(
        ["sh", "-c", '. "$1"; printf "%s|%s" "$BUCKET" "${AWS_PROFILE-unset}"', "sh", script],
        env={"AWS_PROFILE": "made-up"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert printed == f"{value}|unset"
