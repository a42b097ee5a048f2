"""The command ``drainctl verify``."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING, Final

import click
from botocore.config import Config
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from drainctl.catalogue import saved_queries
from drainctl.make_command import MakeCommand
from drainctl.output import console, print_json
from drainctl.target import Target, asks_aws, not_empty
from drainctl.verify.athena import Athena
from drainctl.verify.checks import Choices, base_name, chosen, run_all
from drainctl.verify.output import as_json, print_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainctl.catalogue import SavedQuery
    from drainctl.verify.checks import Outcome

_PATIENT: Final = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 8},
)
"""Retries calls often, because Athena throttles the calls of an account."""


def _queries(
    _context: click.Context, _option: click.Parameter, names: Sequence[str]
) -> list[SavedQuery]:
    queries = saved_queries()
    try:
        return chosen(queries, names)
    except LookupError as error:
        known = ", ".join(dict.fromkeys(base_name(query) for query in queries))
        raise click.BadParameter(f"there is no query {error}; the queries are {known}") from error


def _day(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _is_day(value):
        raise click.BadParameter("it must be a date such as 2026-11-24")
    return value


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@click.command("verify", cls=MakeCommand, context_settings={"max_content_width": 100})
@asks_aws()
@click.option(
    "--query",
    "queries",
    multiple=True,
    metavar="NAME",
    callback=_queries,
    help="Run only this query; may be repeated. NAME selects all streams, NAME.STREAM one stream."
    "  [default: all]",
)
@click.option(
    "--day",
    callback=_day,
    metavar="YYYY-MM-DD",
    help="Check the consistency of this day only, and choose a subscription of this day.",
)
@click.option(
    "--subscription",
    callback=not_empty,
    help="The subscription for subscriber_history.  [default: one of the newest day]",
)
@click.option(
    "--more-than",
    default=3,
    show_default=True,
    type=click.IntRange(min=0),
    help="sims_moved_often: find SIMs that moved more often than this on one day.",
)
@click.option(
    "--rows",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Print up to this many rows of each answer. Rows hold personal data.",
)
def main(
    *,
    target: Target,
    is_json: bool,
    queries: list[SavedQuery],
    day: str | None,
    subscription: str | None,
    more_than: int,
    rows: int,
) -> None:
    """Run a stack's saved queries, and check that its views are consistent.

    Each query runs in the stack's workgroup and is billed for the bytes that it scans. A view is
    consistent if it has every archived event of each day exactly once.

    Exit status: 0 all queries were answered and all views are consistent; 1 otherwise; 2 wrong
    usage; 130 interrupted; running queries are stopped.
    """
    session = target.session()
    stack = target.stack(session, _PATIENT)
    database, work_group, compaction = (
        stack.output(name)
        for name in ("DatabaseName", "WorkGroupName", "CompactionStateMachineArn")
    )
    athena = Athena(session.client("athena", config=_PATIENT), database, work_group)
    outcomes = _run(queries, athena, Choices(subscription, more_than, day, rows))
    if is_json:
        print_json(as_json(stack, outcomes, compaction))
    else:
        print_text(console(is_json=False), stack, outcomes, compaction)
    sys.exit(not all(outcome.is_good for outcome in outcomes))


def _run(queries: Sequence[SavedQuery], athena: Athena, choices: Choices) -> Sequence[Outcome]:
    with Progress(
        TextColumn("{task.description:<50}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as progress:
        task = progress.add_task("running on Athena", total=len(queries))

        def show(outcome: Outcome) -> None:
            progress.update(task, advance=1, description=f"done: {outcome.query.name}")

        return run_all(queries, athena, choices, show)
