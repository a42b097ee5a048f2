"""Draws the handset models of an archive over time: how many handset changes led to each.

    python chart.py s3://BUCKET/events chart.svg
    python chart.py FOLDER chart.png --reader polars --by hour

FOLDER has the objects of `s3://BUCKET/events`, such as `aws s3 sync` copies them. A model is a TAC:
the first eight digits of an IMEI.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas" / "readers"
STREAM = "handset_change"
DIGITS_OF_A_TAC = 8
MODELS_SHOWN = 7
CHARACTERS = {
    "day": len("2026-11-24"),
    "hour": len("2026-11-24T13"),
    "minute": len("2026-11-24T13:14"),
}
"""How much of an event's time, a string in UTC, is its period."""


def main() -> None:
    """Read the archive and draw the chart."""
    parser = argparse.ArgumentParser(description="Draw the handset models of an archive over time.")
    parser.add_argument("archive", help="s3://BUCKET/PREFIX, or a folder with its objects")
    parser.add_argument("chart", type=Path, help="the file to write: .svg or .png")
    parser.add_argument("--reader", choices=["duckdb", "polars"], default="duckdb")
    parser.add_argument("--by", choices=CHARACTERS, default="day", help="the period of a bar")
    given = parser.parse_args()
    read = changes_by_duckdb if given.reader == "duckdb" else changes_by_polars
    with tempfile.TemporaryDirectory() as folder:
        archive = given.archive
        if archive.startswith("s3://"):
            download(archive, Path(folder))
            archive = folder
        if not any(Path(archive).glob(f"{STREAM}/dt=*/*.ndjson.gz")):
            sys.exit(
                f"{given.archive}: no lines of {STREAM} are here. To fix this, name the folder"
                f" above {STREAM}/, such as s3://BUCKET/events."
            )
        counts = read(f"{archive}/{STREAM}/dt=*/*.ndjson.gz", CHARACTERS[given.by])
    draw(counts, given.by, given.chart)
    print(f"{given.chart}: {sum(counts.values()):,} handset changes")


def download(archive: str, folder: Path) -> None:
    """Copy the stream's objects from S3. Endpoint and credentials are those of the AWS CLI."""
    import boto3

    bucket, _, prefix = archive.removeprefix("s3://").rstrip("/").partition("/")
    s3 = boto3.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{prefix}/{STREAM}/"
    )
    for key in (found["Key"] for page in pages for found in page.get("Contents", [])):
        path = folder / key.removeprefix(f"{prefix}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, key, str(path))


def changes_by_duckdb(files: str, characters: int) -> Counter[tuple[str, str]]:
    """Count the events of each period and TAC, each event once."""
    import duckdb

    duckdb.execute((SCHEMAS / "duckdb.sql").read_text())
    return counted(
        duckdb.execute(
            f"""
            SELECT
              left(coalesce(event_time, received_at), $characters),
              left(imei, $digits),
              count(*)
            FROM (
              SELECT event_time, min(received_at) AS received_at, event.current.imei_sv.imei AS imei
              FROM {STREAM}_lines($files)
              GROUP BY event_id, event_time, imei
            )
            WHERE imei IS NOT NULL
            GROUP BY ALL
            """,
            {"files": files, "characters": characters, "digits": DIGITS_OF_A_TAC},
        ).fetchall()
    )


def changes_by_polars(files: str, characters: int) -> Counter[tuple[str, str]]:
    """Count the events of each period and TAC, each event once."""
    import polars as pl

    sys.path.insert(0, str(SCHEMAS))
    from polars_lines import LINES

    imei = pl.col("event").struct.field("current").struct.field("imei_sv").struct.field("imei")
    time = pl.coalesce("event_time", "received_at")
    return counted(
        pl.scan_ndjson(files, schema=LINES[STREAM])
        .sort("received_at")
        .unique("event_id", keep="first", maintain_order=True)
        .filter(imei.is_not_null())
        .group_by(
            time.str.head(characters).alias("period"), imei.str.head(DIGITS_OF_A_TAC).alias("tac")
        )
        .len()
        .collect()
        .rows()
    )


def counted(rows: Iterable[tuple[str, str, int]]) -> Counter[tuple[str, str]]:
    """Return the number of events by period and TAC."""
    return Counter({(period, tac): number for period, tac, number in rows})


def draw(counts: Counter[tuple[str, str]], by: str, path: Path) -> None:
    """Draw a bar for each period, with the most frequent models apart from all others."""
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcParams["svg.fonttype"] = "none"  # text stays text
    from matplotlib import pyplot as plt
    from matplotlib.ticker import MaxNLocator

    totals: Counter[str] = Counter()
    for (_, tac), number in counts.items():
        totals[tac] += number
    shown = [tac for tac, _ in totals.most_common(MODELS_SHOWN)]
    bars: dict[str, Counter[str]] = {name: Counter() for name in (*shown, "others")}
    for (period, tac), number in counts.items():
        bars[tac if tac in shown else "others"][period] += number
    periods = sorted({period for period, _ in counts})
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    bottoms = [0] * len(periods)
    for name, numbers in bars.items():
        heights = [numbers[period] for period in periods]
        axes.bar(periods, heights, bottom=bottoms, label=name)
        bottoms = [below + height for below, height in zip(bottoms, heights, strict=True)]
    axes.set_title(f"Handset changes by {by} (UTC) and new model (TAC)", loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(8))
    axes.tick_params(axis="x", rotation=30)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=160)


if __name__ == "__main__":
    main()
