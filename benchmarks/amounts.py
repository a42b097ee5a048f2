"""How much is measured: enough for reliable figures, or just enough to check that all works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks import archive_queries, packing, replaying, scaling
from benchmarks.modes import Mode


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured.

    Attributes:
        rounds: How often; figures are medians.
        events: In a drain, and in the bare loop that it is compared with.
        mode_events: In each mode of the bare loop.
        vendor_events: In the vendor's outline, which takes ten times as long per event.
        few: In the smaller of two windows whose memory is compared.
        many: In the larger window.
        modes: The modes of grpcio to measure; the fastest is the floor.
        scale: For several streams and concurrent runs.
        packing: For several events in a message.
        replay: For a replay.
        archive: For saved queries over an archive.
    """

    rounds: int
    events: int
    mode_events: int
    vendor_events: int
    few: int
    many: int
    modes: tuple[Mode, ...]
    scale: scaling.Amount
    packing: packing.Amount
    replay: replaying.Amount
    archive: archive_queries.Amount


FULL: Final = Amount(
    rounds=5,
    events=40_000,
    mode_events=10_000,
    vendor_events=2_000,
    few=10_000,
    many=100_000,
    modes=tuple(Mode),
    scale=scaling.FULL,
    packing=packing.FULL,
    replay=replaying.FULL,
    archive=archive_queries.FULL,
)
QUICK: Final = Amount(
    rounds=1,
    events=400,
    mode_events=400,
    vendor_events=100,
    few=200,
    many=400,
    modes=tuple(Mode)[:2],
    scale=scaling.QUICK,
    packing=packing.QUICK,
    replay=replaying.QUICK,
    archive=archive_queries.QUICK,
)
