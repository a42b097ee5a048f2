"""The simulation finds nothing, finds what it has found before, and is deterministic."""

from __future__ import annotations

import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pytest
from click.testing import CliRunner

from simulator.aws import PROJECT_FOLDER
from simulator.child_process import run_child
from tests.simulation.__main__ import main
from tests.simulation.schedule import Schedule, draw
from tests.simulation.simulate import simulate, simulate_series, virtual
from tests.simulation.sinks import Bucket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventdrain.events import Delivery

SERIES: Final = 250
REGRESSIONS: Final = sorted(Path(__file__).with_name("regressions").glob("*.json"))
TRACED: Final = 20


@pytest.mark.parametrize("first", range(1, 3_001, SERIES))
def test_no_schedule_breaks_a_promise(first: int) -> None:
    """``make simulate ARGS="--seed S --schedules 1"`` shows the schedule that does."""
    totals = simulate_series(range(first, first + SERIES))
    assert totals.broken is None


@pytest.mark.parametrize("file", REGRESSIONS, ids=lambda file: file.stem)
def test_what_was_found_before(file: Path) -> None:
    """Schedules that an earlier engine could not cope with."""
    schedule = msgspec.json.decode(file.read_bytes(), type=Schedule)
    with virtual():
        assert simulate(schedule).violations == []


def test_seed_decides_everything() -> None:
    """The trace of a seed is the same in another process, where sets have another order."""
    elsewhere = run_child(
        [sys.executable, "-c", f"from {__name__} import digest; print(digest())"],
        folder=PROJECT_FOLDER,
        environment={"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "1"},
        seconds=120,
    )
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert elsewhere.stdout.strip() == digest()


def digest() -> str:
    """Return a digest of some schedules' traces."""
    with virtual():
        worlds = [simulate(draw(seed), is_traced=True) for seed in range(TRACED)]
    lines = [line for world in worlds for line in world.trace or ()]
    assert len(lines) > 10 * TRACED
    return sha256("\n".join(lines).encode()).hexdigest()


def test_violation_is_reduced_and_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command prints a schedule with fewer faults, its trace, and a row to keep."""
    put = Bucket.put

    def lose(self: Bucket, key: str, deliveries: Sequence[Delivery]) -> None:
        if not deliveries[0].subscription_id.endswith(":0"):
            put(self, key, deliveries)

    monkeypatch.setattr(Bucket, "put", lose)
    found = CliRunner().invoke(main, ["--jobs", "1", "--schedules", "200"])
    assert found.exit_code == 1, found.output
    assert "violation in schedule" in found.output
    assert "VIOLATION: event " in found.output
    row = found.output.splitlines()[-1]
    schedule = msgspec.json.decode(row, type=Schedule)
    assert len(schedule.events) == 1
    assert not schedule.faults
    file = tmp_path / "row.json"
    file.write_text(row)
    again = CliRunner().invoke(main, ["--trace", str(file)])
    assert again.exit_code == 1
    assert again.output in found.output
