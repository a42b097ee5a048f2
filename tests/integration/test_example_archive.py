"""The example that reads the archive: its readers count correctly, from a folder and from S3."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Final

import pytest

from simulator.aws import PROJECT_FOLDER, EmbeddedAws
from tests.archive import ArchivePlan, expected, write_archive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.archive import MadeUpLine

pytestmark = pytest.mark.release

PYTHON: Final = PROJECT_FOLDER / ".venv-readers" / "bin" / "python"
EXAMPLE: Final = PROJECT_FOLDER / "examples" / "archive"
PLAN: Final = ArchivePlan(last_day=date(2026, 11, 24), events=600, days=3)
COUNT: Final = """
import json, chart
counts = chart.changes_by_{reader}({files!r}, chart.CHARACTERS["day"])
print(json.dumps(sorted([*key, number] for key, number in counts.items())))
"""


@pytest.fixture(name="archived", scope="module")
def _archived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[MadeUpLine]]:
    """Write a made-up archive, and return its folder and the facts of its handset changes."""
    folder = tmp_path_factory.mktemp("archive")
    objects = list(write_archive(PLAN, folder))
    lines = [line for each in objects for line in each.lines]
    return folder, [line for line in lines if line.event.change is not None]


@pytest.mark.parametrize("reader", ["duckdb", "polars"])
def test_models_are_counted(reader: str, archived: tuple[Path, list[MadeUpLine]]) -> None:
    """Each event counts once, on its own day, for the model of its new handset."""
    folder, lines = archived
    files = str(folder / "events" / "handset_change" / "dt=*" / "*.ndjson.gz")
    events = expected.events_of(lines)
    counts = Counter(
        (each.line.dt, each.event.change.current_imei[:8]) for each in events if each.event.change
    )

    assert len(lines) > len(events)  # there are duplicates
    found = json.loads(run("-c", COUNT.format(reader=reader, files=files)))
    assert found == sorted([*key, number] for key, number in counts.items())


def test_chart_of_a_folder(archived: tuple[Path, list[MadeUpLine]], tmp_path: Path) -> None:
    """The chart names the most frequent model, and what is printed the number of events."""
    folder, lines = archived
    events = expected.events_of(lines)
    models = Counter(each.event.change.current_imei[:8] for each in events if each.event.change)
    ((most_frequent, _),) = models.most_common(1)
    chart = tmp_path / "chart.svg"
    said = run(str(EXAMPLE / "chart.py"), str(folder / "events"), str(chart), "--reader=polars")

    assert said == f"{chart}: {len(events)} handset changes\n"
    assert f">{most_frequent}</text>" in chart.read_text()


def test_chart_of_a_bucket(archived: tuple[Path, list[MadeUpLine]], tmp_path: Path) -> None:
    """The objects are read from S3, with the endpoint and credentials of the environment."""
    folder, lines = archived
    chart = tmp_path / "chart.png"
    with EmbeddedAws() as aws:
        s3 = aws.client("s3")
        s3.create_bucket(
            Bucket="made-up", CreateBucketConfiguration={"LocationConstraint": aws.region}
        )
        for path in folder.rglob("*.gz"):
            s3.upload_file(str(path), "made-up", str(path.relative_to(folder)))
        said = run(
            str(EXAMPLE / "chart.py"), "s3://made-up/events", str(chart), **aws.environment()
        )

    assert said == f"{chart}: {len(expected.events_of(lines))} handset changes\n"
    assert chart.read_bytes().startswith(b"\x89PNG")


def run(*arguments: str, **environment: str) -> str:
    """Run Python with the readers' packages and those of the tests; return what it prints."""
    assert PYTHON.exists(), "No readers are installed. To fix this, run `make test-all`."
    variables: Mapping[str, str] = {
        **os.environ,
        **environment,
        "PYTHONPATH": f"{EXAMPLE}:{sysconfig.get_path('purelib')}",
    }
    done = subprocess.run(
        [PYTHON, *arguments], env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
