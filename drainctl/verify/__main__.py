"""The command: ``python -m drainctl.verify --stack-name event-drain``."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING, Final

import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from drainctl.aws_account import AwsAccount, aws_account
from drainctl.catalogue.saved_queries import saved_queries
from drainctl.described_stack import StackUnusable
from drainctl.make_command import MakeCommand
from drainctl.verify.athena import Athena
from drainctl.verify.checks import Choices, ask_all, base_name, chosen
from drainctl.verify.output import differences_table, failures, hints, outcomes_table, rows_table
from drainctl.verify.stack import find_catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainctl.catalogue.saved_queries import SavedQuery
    from drainctl.verify.checks import Outcome

_INTERRUPTED: Final = 130
_PATIENT: Final = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 8},
)
"""Athena takes some calls a second of an account, and refuses what is more for a moment."""


def _queries(
    _context: click.Context, _option: click.Parameter, names: Sequence[str]
) -> list[SavedQuery]:
    queries = saved_queries()
    try:
        return chosen(queries, names)
    except LookupError as error:
        known = ", ".join(dict.fromkeys(base_name(query) for query in queries))
        raise click.BadParameter(f"there is no query {error}; there are {known}") from error


def _day(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _is_day(value):
        raise click.BadParameter("there is no such day; a day is written as 2026-11-24")
    return value


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _subscription(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> str | None:
    if value == "":  # a variable that isn't set: it would ask about somebody else
        raise click.BadParameter("it is empty; leave the option out for any")
    return value


@click.command("verify", cls=MakeCommand, context_settings={"max_content_width": 100})
@click.option("--stack-name", required=True, help="The deployed stack.")
@aws_account
@click.option(
    "--query",
    "queries",
    multiple=True,
    metavar="NAME",
    callback=_queries,
    help="Ask this query alone, of all streams or as NAME.STREAM of one; can be given several"
    " times.  [default: all]",
)
@click.option(
    "--day",
    callback=_day,
    metavar="YYYY-MM-DD",
    help="Judge the seam of this day alone, and take a subscription of this day.",
)
@click.option(
    "--subscription",
    callback=_subscription,
    help="Whose history is asked for.  [default: one of the newest day]",
)
@click.option(
    "--more-than",
    default=3,
    show_default=True,
    type=click.IntRange(min=0),
    help="How many moves of a SIM on one day are not yet many.",
)
@click.option(
    "--rows",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Print so many rows of each answer. They hold personal data.",
)
def main(
    *,
    stack_name: str,
    account: AwsAccount,
    queries: list[SavedQuery],
    day: str | None,
    subscription: str | None,
    more_than: int,
    rows: int,
) -> None:
    """Ask a deployed stack every saved query, and check its seam.

    Each query runs on Athena, in the stack's workgroup, and is billed for what it scans. Ends with
    0 if every query was answered and every event of the archive is in its view exactly once, with
    1 if not.
    """
    console = Console(highlight=False)
    try:
        session = account.session()
        catalogue = find_catalogue(session, stack_name, _PATIENT)
        athena = Athena(
            session.client("athena", config=_PATIENT), catalogue.database, catalogue.work_group
        )
        outcomes = _ask(queries, athena, Choices(subscription, more_than, day, rows))
    except (StackUnusable, BotoCoreError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        console.print("\nInterrupted: the queries that ran are stopped.")
        sys.exit(_INTERRUPTED)
    _show(console, outcomes, catalogue.compaction_arn, account.options())
    sys.exit(not all(outcome.is_good for outcome in outcomes))


def _ask(queries: Sequence[SavedQuery], athena: Athena, choices: Choices) -> Sequence[Outcome]:
    with Progress(
        TextColumn("{task.description:<50}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as progress:
        task = progress.add_task("Asking Athena", total=len(queries))

        def show(outcome: Outcome) -> None:
            progress.update(task, advance=1, description=f"answered: {outcome.query.name}")

        return ask_all(queries, athena, choices, show)


def _show(
    console: Console, outcomes: Sequence[Outcome], compaction_arn: str, options: Sequence[str]
) -> None:
    for outcome in outcomes:
        if outcome.answer is not None and outcome.answer.rows:
            shown, count = len(outcome.answer.rows), outcome.answer.row_count
            console.print(f"{outcome.query.name}: {shown:,} of {count:,} rows", soft_wrap=True)
            console.print(rows_table(outcome.answer))
    console.print(outcomes_table(outcomes))
    for failure in failures(outcomes):
        console.print(f"[red]✗[/] {failure}", soft_wrap=True)
    differences = [each for outcome in outcomes for each in outcome.differences]
    if differences:
        console.print(differences_table(differences))
        console.print("Compact these days again, and verify once more when that has ended:")
        for hint in hints(differences, compaction_arn, options):
            console.print(hint, soft_wrap=True, markup=False)
    elif all(outcome.is_good for outcome in outcomes):
        console.print(f"[green]Queries answered: all {len(outcomes)}. Days that differ: none.")


if __name__ == "__main__":
    main()
