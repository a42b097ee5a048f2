"""Processes that end with the one that started them."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Final

import pytest

from simulator.aws import PROJECT_FOLDER

# A line in one write: with PYTHONUNBUFFERED, print makes two, and two processes write to the pipe.
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
    """A child ends with its parent, however that ends: the pipe of both has no writer left."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, kind], cwd=PROJECT_FOLDER, stdout=subprocess.PIPE, text=True
    ) as parent:
        try:
            assert parent.stdout is not None
            assert {parent.stdout.readline(), parent.stdout.readline()} == {"started\n", "alive\n"}
            parent.send_signal(end)
            assert parent.stdout.read() == ""  # returns when the last writer has ended
        finally:
            parent.kill()
    assert parent.returncode == -end
