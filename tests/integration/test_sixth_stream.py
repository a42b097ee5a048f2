"""A sixth stream needs only a row in the engine's table and its messages in ``protos/``.

It is added to a copy of the files that define streams or are generated from them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from devtools.stream_blocks import with_blocks
from eventdrain.events import STREAMS
from simulator.aws import PROJECT_FOLDER

pytestmark = pytest.mark.release

LAST: Final = list(STREAMS.values())[-1]
NAME: Final = "sim_swap"
SCOPE: Final = "made_up.sim_swap:read"

_BIN: Final = PROJECT_FOLDER / ".venv" / "bin"
_COPIED: Final = (
    *("layers/eventdrain", "layers/wgtwo", "protos", "schemas", "stacks", "drainctl", "devtools"),
)
_TABLE: Final = "layers/eventdrain/eventdrain/events/streams.py"
_IMPORT: Final = "from wgtwo.made_up.v1 import sim_swap_events_pb2\n"
_ROW: Final = f"""\
            EventStream(
                "{NAME}",
                sim_swap_events_pb2.DESCRIPTOR.services_by_name["SimSwapEventService"],
                "StreamSimSwapEvents",
                "AckSimSwapEvent",
                "{SCOPE}",
            ),
"""
_BEFORE_THE_IMPORT: Final = "from wgtwo.consents.v1 import consent_events_pb2\n"
_BEFORE_THE_ROW: Final = f"""\
                "{LAST.ack_method}",
                "{LAST.scope}",
            ),
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy that has the sixth stream's messages, their code, and its row in the table."""
    folder = tmp_path_factory.mktemp("tree")
    for name in _COPIED:
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT_FOLDER / name, folder / name, ignore=without)
    for name in ("Makefile", "pyproject.toml", "template.yaml"):
        shutil.copy(PROJECT_FOLDER / name, folder)
    protos = folder / "protos/wgtwo/made_up/v1"
    protos.mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "sim_swap_events.proto", protos)
    table = (folder / _TABLE).read_text()
    for before, added in ((_BEFORE_THE_IMPORT, _IMPORT), (_BEFORE_THE_ROW, _ROW)):
        assert table.count(before) == 1
        table = table.replace(before, before + added)
    (folder / _TABLE).write_text(table)
    make(folder, "proto")
    return folder


def run(tree: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program in the copy, on the copy's layers."""
    # An outer make would pass its own options on.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    environment["PATH"] = f"{_BIN}{os.pathsep}{environment['PATH']}"
    environment["PYTHONPATH"] = python_path(tree)
    return subprocess.run(
        arguments, cwd=tree, env=environment, check=False, capture_output=True, text=True
    )


def make(tree: Path, target: str) -> None:
    """Make a target of the copied Makefile, with the tools that this tree has installed."""
    completed = run(tree, "make", "--assume-old=.venv/.made-dev", f"BIN={_BIN}", target)
    assert completed.returncode == 0, completed.stdout + completed.stderr


def python_path(tree: Path) -> str:
    """Return the Python path on which the copy's layers are."""
    return os.pathsep.join(str(tree / name) for name in ("layers/wgtwo", "layers/eventdrain"))


def test_template_gets_the_stream(tree: Path) -> None:
    """`make template` adds what each of the others has, and no more; not to run it is noticed."""
    template = tree / "template.yaml"
    before = template.read_text()
    check = (sys.executable, "-m", "devtools.stream_blocks", "--check")
    assert run(tree, *check).returncode == 1, "a template that differs from the table is reported"

    make(tree, "template")

    assert run(tree, *check).returncode == 0
    assert (tree / f"schemas/json/{NAME}_line.json").exists()
    after = template.read_text()
    assert without_streams(after) == without_streams(before)
    assert re.fullmatch(allowed_event_types(after), f"{NAME},{','.join(STREAMS)},{NAME}")
    assert not re.fullmatch(allowed_event_types(before), NAME)
    added = {
        title: block.removeprefix(blocks(before)[title]) for title, block in blocks(after).items()
    }
    assert {title: block.split(":")[0].strip() for title, block in added.items()} == {
        "which streams are drained": "DrainsSimSwap",
        "the alarms of each stream": "SimSwapAlarms",
        "a stack for each stream": "SimSwapStream",
        "the streams' own queues": "SimSwapQueueUrl",
    }
    # The sixth stream has the same text as the fifth, with another name.
    for title, block in added.items():
        renamed = block.replace(NAME, LAST.event_type).replace("SimSwap", camel(LAST.event_type))
        assert blocks(before)[title].endswith(renamed)
        assert blocks(before)[title].count("\n") == len(STREAMS) * block.count("\n")
    nested = [path for path in tree.glob("stacks/*.yaml") if path.suffixes == [".yaml"]]
    lint = run(tree, _BIN / "cfn-lint", template, *sorted(nested))
    assert lint.returncode == 0, lint.stdout + lint.stderr


def blocks(template: str) -> dict[str, str]:
    """Return the blocks that have a part for each stream, by their titles."""
    made = re.compile(r" *# --- generated by `make template`: (.+)\n((?:.*\n)*?) *# --- end\n")
    found = dict(made.findall(template))
    del found["the names of the streams"]  # it has one part for all
    return found


def without_streams(template: str) -> str:
    """Return the template without its streams."""
    return with_blocks(template, (), "")


def allowed_event_types(template: str) -> str:
    """Return the pattern that the parameter EventTypes has to match."""
    (pattern,) = re.findall(r"\n  EventTypes:\n.*\n.*\n    AllowedPattern: (.*)\n", template)
    return str(pattern)


def camel(event_type: str) -> str:
    """Return a stream's name as the template and the vendor's methods have it."""
    return event_type.title().replace("_", "")
