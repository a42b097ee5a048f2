"""A sixth stream is one row in the engine's table and its messages in ``protos/``, nothing else.

It is added to a copy of the files that define streams or are made from them.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from devtools.stream_blocks import with_blocks
from eventdrain.events import STREAMS
from simulator.aws import PROJECT_FOLDER
from simulator.reconciliation import Reconciliation, archive_keys, archive_lines, take_messages
from tests.integration.sixth_stream_run import NAME, SCOPE

if TYPE_CHECKING:
    from tests.faults.cloud import Cloud
    from tests.integration.sixth_stream_run import Told

pytestmark = pytest.mark.release

EVENTS: Final = 200
LAST: Final = list(STREAMS.values())[-1]
CLIENT_ID: Final = "made-up-client"

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
_DRAIN_LIMIT_SECONDS: Final = 60


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy that has the sixth stream's messages, their code, and its row in the table."""
    folder = tmp_path_factory.mktemp("tree")
    for name in _COPIED:
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT_FOLDER / name, folder / name, ignore=without)
    for name in ("Makefile", "template.yaml"):
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
    # An outer make would hand its own options down.
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
    completed = run(tree, "make", "--assume-old=.venv/.made", f"BIN={_BIN}", target)
    assert completed.returncode == 0, completed.stdout + completed.stderr


def python_path(tree: Path) -> str:
    """Give the Python path on which the copy's layers are."""
    return os.pathsep.join(str(tree / name) for name in ("layers/wgtwo", "layers/eventdrain"))


# --- The template ---


def test_template_gets_the_stream(tree: Path) -> None:
    """`make template` adds what each of the others has, and no more; not to run it is noticed."""
    template = tree / "template.yaml"
    before = template.read_text()
    check = (sys.executable, "-m", "devtools.stream_blocks", "--check")
    assert run(tree, *check).returncode == 1, "a table that the template doesn't follow is told"

    make(tree, "template")

    assert run(tree, *check).returncode == 0
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
    # What is said of the sixth stream is what is said of the fifth, by another name.
    for title, block in added.items():
        renamed = block.replace(NAME, LAST.event_type).replace("SimSwap", camel(LAST.event_type))
        assert blocks(before)[title].endswith(renamed)
        assert blocks(before)[title].count("\n") == len(STREAMS) * block.count("\n")
    nested = [path for path in tree.glob("stacks/*.yaml") if path.suffixes == [".yaml"]]
    lint = run(tree, _BIN / "cfn-lint", template, *sorted(nested))
    assert lint.returncode == 0, lint.stdout + lint.stderr


def blocks(template: str) -> dict[str, str]:
    """Give the blocks that have a part for each stream, by their titles."""
    made = re.compile(r" *# --- generated by `make template`: (.+)\n((?:.*\n)*?) *# --- end\n")
    found = dict(made.findall(template))
    del found["the names of the streams"]  # it has one part for all
    return found


def without_streams(template: str) -> str:
    """Give what the template would be if there were no streams."""
    return with_blocks(template, (), "")


def allowed_event_types(template: str) -> str:
    """Give the pattern that the parameter EventTypes has to match."""
    (pattern,) = re.findall(r"\n  EventTypes:\n.*\n.*\n    AllowedPattern: (.*)\n", template)
    return str(pattern)


def camel(event_type: str) -> str:
    """Give a stream's name as the template and the vendor's methods have it."""
    return event_type.title().replace("_", "")


# --- The run ---


def test_stream_drains(cloud: Cloud, tree: Path) -> None:
    """The stream's events are in S3 and SQS once, by its name, and acked with a token for it."""
    payloads = [payload(index) for index in range(EVENTS)]
    places = cloud.new_places()
    told: Told = {
        "client_id": CLIENT_ID,
        "client_secret": secrets.token_urlsafe(24),
        "payloads": payloads,
    }
    cloud.secrets.put_secret_value(
        SecretId=places.credentials_arn,
        SecretString=json.dumps({name: told[name] for name in ("client_id", "client_secret")}),
    )
    environment = {
        **cloud.environment(),
        "PYTHONPATH": python_path(tree),
        "EVENT_TYPES": f"handset_change,{NAME}",
        "IDLE_SECONDS": "1",
        "CREDENTIALS_SECRET_ARN": places.credentials_arn,
        "TOKEN_SECRET_ARN": places.token_arn,
        "ARCHIVE_BUCKET": places.bucket,
        "QUEUE_URL": places.queue_url,
    }

    result = drain(told, environment)

    report = result["report"]
    assert (report["event_type"], report["end_reason"], report["error"]) == (NAME, "idle", None)
    assert (report["received"], report["acked"]) == (EVENTS, EVENTS)
    assert result["failures"] == []
    assert result["scopes"] == [sorted([STREAMS["handset_change"].scope, SCOPE])]

    lines = sorted(archive_lines(cloud.s3, places.bucket), key=lambda line: line["event_time"])
    assert [line["event"] for line in lines] == payloads
    assert {line["event_type"] for line in lines} == {NAME}
    keys = [key for key, _ in archive_keys(cloud.s3, places.bucket)]
    assert {key.rpartition("/")[0] for key in keys} == {
        f"events/{NAME}/dt={day}" for day in ("2026-02-28", "2026-03-01")
    }
    messages = take_messages(cloud.sqs, places.queue_url)
    attributes = [message["MessageAttributes"]["event_type"] for message in messages]
    assert {attribute["StringValue"] for attribute in attributes} == {NAME}
    bodies = [json.loads(message["Body"]) for message in messages]
    assert sorted(bodies, key=lambda line: line["event_time"]) == lines
    books = Reconciliation(
        published=set(result["published"]),
        acked=set(result["acked"]),
        archived=Counter(line["event_id"] for line in lines),
        queued=Counter(line["event_id"] for line in bodies),
    )
    assert len(books.published) == EVENTS
    assert books.is_balanced
    assert books.copies == 0


def payload(index: int) -> dict[str, Any]:
    """Make up an event with every kind of field that payloads have, set or not."""
    card = {"imsi": {"value": f"00101{index:010d}"}, "iccid": f"8999{index:015d}"}
    made_up: dict[str, Any] = {
        "previous": card,
        "current": {"imsi": card["imsi"], "iccid": "\u00e9 \U0001f4f1"},
        "number": {"e164": f"+999{index:010d}"},
        "networks": ["made-up", "another"],
        **({"lost": {}} if index % 2 else {"other_reason": ""}),
    }
    if index % 3 == 0:
        del made_up["previous"], made_up["networks"]
    return made_up


def drain(told: Told, environment: dict[str, str]) -> dict[str, Any]:
    """Serve the events and drain them, in a process that has only the copy's layers."""
    completed = subprocess.run(
        [sys.executable, "-m", "tests.integration.sixth_stream_run"],
        cwd=PROJECT_FOLDER,
        env=environment,
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
        timeout=_DRAIN_LIMIT_SECONDS,
    )
    assert completed.returncode == 0, completed.stderr
    result: dict[str, Any] = json.loads(completed.stdout)
    return result
