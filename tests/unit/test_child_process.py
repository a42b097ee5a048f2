"""Processes that end with the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from simulator.aws import PROJECT_FOLDER
from simulator.child_process import run_child

if TYPE_CHECKING:
    from pathlib import Path

# A line in one write, with its end: print makes two of it where PYTHONUNBUFFERED is set, and two
# processes write to one pipe.
_ENDLESS: Final = r"""
import sys, time
sys.stdout.write("alive\n")
sys.stdout.flush()
time.sleep(3600)
"""
_PARENT: Final = f"""
import sys, time
from simulator.child_process import ChildProcess

child = ChildProcess([sys.executable, "-c", {_ENDLESS!r}], start_new_session=sys.argv[1] == "group")
sys.stdout.write("started\\n")
sys.stdout.flush()
time.sleep(3600)
"""


@pytest.mark.parametrize("kind", ["group", "process"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_child_ends_with_its_parent(kind: str, end: signal.Signals) -> None:
    """However the parent ends, its child does: the pipe that both write to has no writer left."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, kind], cwd=PROJECT_FOLDER, stdout=subprocess.PIPE, text=True
    ) as parent:
        try:
            assert parent.stdout is not None
            assert {parent.stdout.readline(), parent.stdout.readline()} == {"started\n", "alive\n"}
            parent.send_signal(end)
            assert parent.stdout.read() == ""  # not before the last writer's end
        finally:
            parent.kill()
    assert parent.returncode == -end


def test_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """A command is killed at its limit; one that ends gives its status and output."""
    done = run_child(
        [
            sys.executable,
            "-c",
            "import os; print(os.environ['A'], os.getcwd()); exit(3)",
        ],
        folder=tmp_path,
        environment={**os.environ, "A": "b"},
    )
    assert (done.returncode, done.stdout) == (3, f"b {tmp_path}\n")
    with pytest.raises(subprocess.TimeoutExpired):
        run_child([sys.executable, "-c", _ENDLESS], folder=tmp_path, seconds=0.01)
