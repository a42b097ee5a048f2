"""What the operator sees: a table of all queries, what is wrong, and what helps."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drainctl.verify.athena import Answer
    from drainctl.verify.checks import Outcome
    from drainctl.verify.seam import Difference


def outcomes_table(outcomes: Sequence[Outcome]) -> Table:
    """Show for each query whether it was answered, with how many rows and at what cost.

    It has counts alone: what rows hold is personal.
    """
    table = Table("", "query")
    for heading in ("rows", "scanned", "seconds"):
        table.add_column(heading, justify="right")
    for outcome in outcomes:
        mark = Text("✓", "green") if outcome.is_good else Text("✗", "red")
        answer = outcome.answer
        if answer is None:
            table.add_row(mark, outcome.query.name, "", "", "")
        else:
            table.add_row(
                mark,
                outcome.query.name,
                f"{answer.row_count:,}",
                decimal(answer.scanned_bytes),
                f"{answer.seconds:.1f}",
            )
    return table


def failures(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Say of each query that has no answer why."""
    for outcome in outcomes:
        if outcome.answer is None:
            yield f"{outcome.query.name}: {escape(outcome.reason)}"


def differences_table(differences: Sequence[Difference]) -> Table:
    """Show the days on which the view has not each event exactly once."""
    table = Table("stream", "day", title="The seam is not whole", title_justify="left")
    for heading in ("events archived", "rows of the view", "events of the view"):
        table.add_column(heading, justify="right")
    for each in differences:
        counts = (each.expected, each.rows, each.ids)
        table.add_row(each.stream, each.day, *(f"{count:,}" for count in counts))
    return table


def hints(
    differences: Sequence[Difference], compaction_arn: str, options: Sequence[str]
) -> Iterator[str]:
    """Give the commands that compact the days that differ: one for each stream.

    Args:
        differences: The days.
        compaction_arn: The state machine.
        options: Options of the AWS CLI that name region and profile.
    """
    first_days: dict[str, str] = {}
    for each in differences:
        first_days[each.stream] = min(each.day, first_days.get(each.stream, each.day))
    for stream, day in first_days.items():
        execution = json.dumps({"event_type": stream, "since": day})
        command = ["aws", "stepfunctions", "start-execution", "--state-machine-arn", compaction_arn]
        yield shlex.join([*command, "--input", execution, *options])


def rows_table(answer: Answer) -> Table:
    """Show the rows of an answer that were kept."""
    table = Table(*answer.columns)
    for row in answer.rows:
        table.add_row(*("" if value is None else Text(value) for value in row))
    return table
