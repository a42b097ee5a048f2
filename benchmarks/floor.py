"""The floor: a bare loop that receives events and acks them, in one of the modes of grpcio.

CPU time differs several-fold between modes; a drain is compared with the cheapest.
"""

from __future__ import annotations

import click

from benchmarks.floor_modes import MODES
from benchmarks.measured import measured
from benchmarks.modes import Mode


@click.command()
@click.option(
    "--mode", required=True, type=click.Choice([mode.value for mode in Mode]), help="How."
)
@click.option("--target", required=True, help="The event server: host and port.")
@click.option("--events", required=True, type=int, help="Number of events to receive.")
def main(mode: str, target: str, events: int) -> None:
    """Receive and ack, and print the figures."""
    with measured():
        MODES[Mode(mode)](target, events)


if __name__ == "__main__":
    main()
