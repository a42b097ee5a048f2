"""The command ``drainctl deploy``."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from botocore.exceptions import ClientError
from click.core import ParameterSource

from drainctl.credentials import are_missing, put_credentials
from drainctl.deploy.answers import PROJECT, Answers
from drainctl.deploy.sam import build_and_deploy
from drainctl.errors import CommandError
from drainctl.make_command import MakeCommand
from drainctl.output import console, print_json
from drainctl.stack import NoSuchStack
from drainctl.target import Target, asks_aws
from eventdrain.adapters.boto import describe_error, error_hint

if TYPE_CHECKING:
    from boto3.session import Session

_FILE: Final = "deploy.toml"


@click.command("deploy", cls=MakeCommand, context_settings={"max_content_width": 100})
@asks_aws(needs_stack=False)
@click.option(
    "--sandbox/--production",
    default=None,
    help="Drain the vendor's sandbox, without credentials, or its production.",
)
@click.option("--stream", "streams", multiple=True, help="A stream to drain; may be repeated.")
@click.option("--alarm-email", help="The e-mail address for alarms; empty for none.")
@click.option(
    "--answers",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"The file of answers.  [default: {_FILE} of the project]",
)
@click.option("--yes", is_flag=True, help="Make the changes without asking first.")
def main(
    *,
    target: Target,
    is_json: bool,
    sandbox: bool | None,
    streams: tuple[str, ...],
    alarm_email: str | None,
    path: Path | None,
    yes: bool,
) -> None:
    """Build the stack, deploy it or update it, and put in credentials if it has none.

    It asks for the stack's name, the region, whether there are credentials, the streams, and an
    e-mail address for alarms, and saves the answers in deploy.toml. What stands there is not asked,
    and options take precedence over it. If standard input is no terminal, nothing is asked: what is
    missing is an error.

    Any other parameter of docs/parameters.md can stand below [parameters] in deploy.toml. The SAM
    CLI does the work; `sam build` and `sam deploy` can be used by hand as well.

    Exit status: 0 deployed, or nothing to change; 1 failed; 2 wrong usage.
    """
    path = path or PROJECT / _FILE
    is_terminal = sys.stdin.isatty()
    shown = console(is_json=is_json)
    answers = complete_answers(path, target, sandbox, streams, alarm_email, is_terminal=is_terminal)
    target = Target(answers.stack_name, answers.region, target.profile or answers.profile)
    session = target.session()
    account = _account(session)
    is_new = False
    try:
        target.stack(session)
    except NoSuchStack:
        is_new = True
    shown.print(f"Deploying {answers.stack_name} to account {account}, {answers.region}.")
    build_and_deploy(
        stack_name=str(answers.stack_name),
        region=str(answers.region),
        profile=target.profile,
        parameters=answers.template_parameters(),
        confirms=is_terminal and not yes,
        is_json=is_json,
    )
    stack = target.stack(session)
    version = stack.output("Version")
    shown.print(f"\nDeployed: {stack.name}, version {version}.")
    if answers.alarm_email:
        shown.print("Alarms: SNS has sent a mail; follow its link, or no alarm arrives.")
    missing = stack.parameters.get("Authentication") != "none" and are_missing(session, stack)
    needs_credentials = is_new if missing is None else missing
    if missing and is_terminal:
        shown.print("The event API's credentials are missing. Ctrl-C puts them off.")
        with suppress(click.Abort):
            put_credentials(session, stack, shown)
            needs_credentials = False
    command = "credentials" if needs_credentials else "doctor"
    shown.print(f"Next: {stack.make(command)}", soft_wrap=True)
    if is_json:
        print_json(
            {
                "stack": stack.name,
                "version": version,
                "needs_credentials": needs_credentials,
                "outputs": stack.outputs,
            }
        )


def complete_answers(
    path: Path,
    target: Target,
    sandbox: bool | None,  # noqa: FBT001 - an answer, not a flag
    streams: tuple[str, ...],
    alarm_email: str | None,
    *,
    is_terminal: bool,
) -> Answers:
    """Return all answers: from options, else from the file, else asked and saved.

    Raises:
        CommandError: One is missing and nobody can be asked.
    """
    answers = Answers.read(path)
    in_file = answers.missing
    # The environment's region is a suggestion: the file names the stack's own.
    is_suggested = click.get_current_context().get_parameter_source("region") is (
        ParameterSource.ENVIRONMENT
    ) and (is_terminal or answers.region is not None)
    given = {
        "stack_name": target.stack_name,
        "region": None if is_suggested else target.region,
        "sandbox": sandbox,
        "streams": list(streams) or None,
        "alarm_email": alarm_email,
    }
    for key, value in given.items():
        if value is not None:
            setattr(answers, key, value)
    missing = answers.missing
    if missing and not is_terminal:
        options = {"sandbox": "--sandbox or --production", "streams": "--stream"}
        named = (options.get(key, f"--{key.replace('_', '-')}") for key in missing)
        raise CommandError(
            f"there is no answer for {', '.join(missing)}, and no terminal to ask",
            f"write them into {path}, or give {', '.join(named)}",
        )
    if missing:
        profile = target.profile or answers.profile
        answers.ask(Target(None, target.region, profile).session().region_name)
    answers.check()
    if missing:
        answers.save(path, in_file)
    return answers


def _account(session: Session) -> str:
    """Return the account, so that a person sees it, and wrong credentials fail before the build.

    Raises:
        CommandError: AWS accepts no credentials.
    """
    try:
        return str(session.client("sts").get_caller_identity()["Account"])
    except ClientError as error:
        raise CommandError(
            f"sts:GetCallerIdentity failed with {describe_error(error)}",
            error_hint(error, "check --profile and --region, and that you are logged in"),
        ) from None
