"""The output of the command: outcomes, inconsistent days, and commands that fix them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from drainctl.output import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from drainctl.stack import Stack
    from drainctl.verify.athena import Answer
    from drainctl.verify.checks import Outcome
    from drainctl.verify.consistency import Difference


def print_text(
    console: Console, stack: Stack, outcomes: Sequence[Outcome], compaction_arn: str
) -> None:
    """Print the outcomes, with the rows that were kept; rows hold personal data."""
    for outcome in outcomes:
        if outcome.answer is not None and outcome.answer.rows:
            shown, count = len(outcome.answer.rows), outcome.answer.row_count
            console.print(f"{outcome.query.name}: {shown:,} of {count:,} rows", soft_wrap=True)
            console.print(_rows_table(outcome.answer))
    console.print(_outcomes_table(outcomes))
    for outcome in outcomes:
        if outcome.answer is None:
            console.print(
                f"[red]✗[/] {outcome.query.name}: {escape(outcome.reason)}", soft_wrap=True
            )
    if differences := _differences(outcomes):
        console.print(_differences_table(differences))
        console.print("To fix this, compact these days again; then run verify again:")
        for command in _compactions(differences, stack, compaction_arn):
            console.print(command, soft_wrap=True, markup=False)
    elif all(outcome.is_good for outcome in outcomes):
        console.print(f"[green]All {len(outcomes)} queries answered. No day differs.")


def as_json(stack: Stack, outcomes: Sequence[Outcome], compaction_arn: str) -> dict[str, Any]:
    """Return the JSON document. It has ``first_rows`` only for answers with kept rows."""
    differences = _differences(outcomes)
    return {
        "stack": stack.name,
        "is_well": all(outcome.is_good for outcome in outcomes),
        "queries": [_query_as_json(outcome) for outcome in outcomes],
        "differences": [
            {
                "event_type": each.stream,
                "day": each.day,
                "events_archived": each.expected,
                "view_rows": each.rows,
                "view_events": each.ids,
            }
            for each in differences
        ],
        "to_fix": _compactions(differences, stack, compaction_arn),
    }


def _query_as_json(outcome: Outcome) -> dict[str, Any]:
    answer = outcome.answer
    if answer is None:
        return {"name": outcome.query.name, "is_answered": False, "error": outcome.reason}
    found = {
        "name": outcome.query.name,
        "is_answered": True,
        "rows": answer.row_count,
        "scanned_bytes": answer.scanned_bytes,
        "seconds": answer.seconds,
    }
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    return {**found, "first_rows": rows} if rows else found


def _outcomes_table(outcomes: Sequence[Outcome]) -> Table:
    shown = Table("", "query")
    for heading in ("rows", "scanned", "seconds"):
        shown.add_column(heading, justify="right")
    for outcome in outcomes:
        mark = Text("✓", "green") if outcome.is_good else Text("✗", "red")
        answer = outcome.answer
        cells = (
            ("", "", "")
            if answer is None
            else (f"{answer.row_count:,}", decimal(answer.scanned_bytes), f"{answer.seconds:.1f}")
        )
        shown.add_row(mark, outcome.query.name, *cells)
    return shown


def _differences(outcomes: Sequence[Outcome]) -> list[Difference]:
    return [each for outcome in outcomes for each in outcome.differences]


def _differences_table(differences: Sequence[Difference]) -> Table:
    shown = table(
        "On these days a view does not have every archived event exactly once",
        *("stream", "day", "events archived", "rows of the view", "events of the view"),
    )
    for each in differences:
        counts = (each.expected, each.rows, each.ids)
        shown.add_row(each.stream, each.day, *(f"{count:,}" for count in counts))
    return shown


def _compactions(differences: Sequence[Difference], stack: Stack, arn: str) -> list[str]:
    """Return the commands that compact the inconsistent days, one for each stream."""
    first_days: dict[str, str] = {}
    for each in differences:
        first_days[each.stream] = min(each.day, first_days.get(each.stream, each.day))
    return [
        stack.aws(
            "stepfunctions start-execution",
            *("--state-machine-arn", arn),
            *("--input", json.dumps({"event_type": stream, "since": day})),
        )
        for stream, day in first_days.items()
    ]


def _rows_table(answer: Answer) -> Table:
    shown = Table(*answer.columns)
    for row in answer.rows:
        shown.add_row(*("" if value is None else Text(value) for value in row))
    return shown
