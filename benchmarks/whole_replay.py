"""Measures a replay of the real engine."""

from __future__ import annotations

import click

from benchmarks.measured import measured
from eventdrain.events import DEFAULT_EVENT_TYPE
from eventdrain.replay import ReplayJob, ReplayReport, Selection
from eventdrain.replay_wiring import run_replay

_LONGEST_SECONDS = 600.0


@click.command()
@click.option("--bucket", required=True, help="The archive's.")
@click.option("--queue-url", required=True, help="Where to send.")
def main(bucket: str, queue_url: str) -> None:
    """Replay all of BUCKET to QUEUE_URL without a rate limit, and print the figures."""
    job = ReplayJob(
        selection=Selection((DEFAULT_EVENT_TYPE,)),
        bucket=bucket,
        prefix="events",
        queue_urls={DEFAULT_EVENT_TYPE: queue_url},
        events_per_message=1,
        rate=0,
        is_dry_run=False,
        archive_hint="check the bench",
        queue_hint="check the bench",
    )
    with measured() as figures:
        report = run_replay(
            job,
            ReplayReport("bench", is_dry_run=False),
            seconds=_LONGEST_SECONDS,
            after=None,
            on_checkpoint=lambda _: None,
        )
        figures["report"] = report.as_json()


if __name__ == "__main__":
    main()
