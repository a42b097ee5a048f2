from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from simulator.aws import PROJECT_FOLDER
from simulator.child_process import run_child

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.release

PNG = b"\x89PNG\r\n\x1a\n"


def test_quick_bench_gives_every_figure_and_draws_its_charts(tmp_path: Path) -> None:
    """Every part runs, its counts reconcile, and docs/speed.md's figures are there."""
    figures = tmp_path / "bench.json"
    done = run_child(
        [
            *(sys.executable, "-m", "benchmarks", "--quick"),
            *("--json", str(figures), "--charts", str(tmp_path)),
        ],
        folder=PROJECT_FOLDER,
        environment={**os.environ, "PYTHONPATH": "layers/wgtwo:layers/eventdrain"},
        seconds=400,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())
    targets = {each["name"]: each["target"] for each in found["measures"] if each["target"]}
    assert targets == {
        "CPU, drain / floor": "at most 2.5",
        "CPU, drain / vendor's outline": "at most 0.1",
        "throughput / most": "at least 0.7",
        "peak memory, many / few": "at most 1.2",
        "throughput, 2 streams / 1, long latencies": "at least 1.7",
        "throughput, 2 concurrent runs / 1, long latencies": "at least 1.7",
        "events of a run, fewest / mean": "at least 0.5",
        "bytes scanned, A subscriber's history, after / before": "at most 0.75",
        "bytes scanned, Lag to the archive, after / before": "at most 0.6",
    }
    assert all(each["value"] > 0 for each in found["measures"])
    assert {"handler's import", "set-up until the stream is open"} <= {
        each["name"] for each in found["measures"]
    }
    assert len(found["floor_modes"]) > 1
    assert len(found["scale"]) == 6, "two sets of latencies; one stream, two streams, two runs"
    one, ten, hundred = found["packing"]
    assert one["messages"] == 10 * ten["messages"] == 100 * hundred["messages"] == 1_000_000
    assert one["calls"] == 10 * ten["calls"]
    assert len(found["queried"]) == 8, "every saved query, of one stream"
    for chart in ("speed.png", "scale-throughput.png", "archive.png"):
        assert (tmp_path / chart).read_bytes().startswith(PNG)


def test_two_checkouts_are_compared(tmp_path: Path) -> None:
    """Each figure has both values and a ratio; a folder without an engine is wrong usage."""

    def bench(*options: str) -> tuple[int, str]:
        done = run_child(
            [sys.executable, "-m", "benchmarks", "--quick", "--charts", str(tmp_path), *options],
            folder=PROJECT_FOLDER,
            environment={**os.environ, "PYTHONPATH": "layers/wgtwo:layers/eventdrain"},
            seconds=200,
        )
        return done.returncode, done.stderr

    figures = tmp_path / "bench.json"
    assert bench("--against", str(PROJECT_FOLDER), "--json", str(figures)) == (0, "")
    compared = json.loads(figures.read_text())["compared"]
    assert {"CPU per event, drain", "throughput, drain"} <= {each["name"] for each in compared}
    assert all(each["ours"] > 0 < each["theirs"] and each["ratios"] for each in compared)

    status, error = bench("--against", str(tmp_path))
    assert status == 2
    assert "specify a checkout of this project" in error
