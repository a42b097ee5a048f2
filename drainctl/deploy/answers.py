"""The questions of a deployment, and the file that holds their answers."""

from __future__ import annotations

import json
import re
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from drainctl.errors import CommandError
from eventdrain.events import DEFAULT_EVENT_TYPE, STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT: Final = Path(__file__).parents[2]
DEFAULT_STACK_NAME: Final = "event-drain"
_PRODUCTION: Final = "https://api.wgtwo.com:443"
_SANDBOX: Final = "https://sandbox.api.wgtwo.com:443"
_HEAD: Final = """\
# Your answers to `make deploy`. Git ignores this file. Change it and run `make deploy` again.
"""
_TAIL: Final = """
# More parameters, as docs/parameters.md lists them. Those that are not here keep their values.
[parameters]
# RetentionDays = 365
"""
_NAMES: Final = re.compile(r"^  (\w+):$", re.MULTILINE)


class Answers(msgspec.Struct, forbid_unknown_fields=True):
    """The answers to the questions; None for one that is not known yet.

    Attributes:
        stack_name: The stack's name.
        region: The AWS region.
        sandbox: Whether to drain the vendor's sandbox, which needs no credentials.
        streams: The event types to drain.
        alarm_email: Who gets the alarms; empty for nobody.
        profile: A profile of the AWS CLI; never asked for.
        parameters: More parameters of the template.
    """

    stack_name: str | None = None
    region: str | None = None
    sandbox: bool | None = None
    streams: list[str] | None = None
    alarm_email: str | None = None
    profile: str | None = None
    parameters: dict[str, str | int | bool] = msgspec.field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Answers:
        """Read the file; a file that does not exist has no answers.

        Raises:
            CommandError: It can't be read, is malformed, or has a key or parameter that is unknown.
        """
        try:
            found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), cls)
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise CommandError(
                f"{path} can't be used: {error}",
                "correct it, or move it away to be asked again",
            ) from None
        if unknown := sorted({*found.parameters} - _template_parameters()):
            raise CommandError(
                f"{path} has parameters that the template does not: {', '.join(unknown)}",
                "see docs/parameters.md for their names",
            )
        return found

    @property
    def missing(self) -> list[str]:
        """The keys of the questions that have no answer."""
        return [key for key in _QUESTIONS if getattr(self, key) is None]

    def template_parameters(self) -> Mapping[str, str]:
        """Return the parameters to deploy with. All questions must have been answered."""
        return {
            "EventTypes": ",".join(self.streams or ()),
            "Authentication": "none" if self.sandbox else "secret",
            "ApiEndpoint": _SANDBOX if self.sandbox else _PRODUCTION,
            "AlarmEmail": self.alarm_email or "",
            **{name: _text(value) for name, value in self.parameters.items()},
        }

    def ask(self, region: str | None) -> None:
        """Ask the questions that have no answer.

        Args:
            region: The suggested region.
        """
        for key in self.missing:
            question, default = _QUESTIONS[key]
            if key == "sandbox":
                answer: Any = not click.confirm(question, default=True, err=True)
            else:
                suggested = region if key == "region" else default
                read = _stream_names if key == "streams" else partial(_text_of_form, key)
                answer = click.prompt(question, default=suggested, err=True, value_proc=read)
            setattr(self, key, answer)

    def check(self) -> None:
        """Check the streams' names, and drop repeated ones.

        Raises:
            CommandError: There is no such stream, or none is named.
        """
        unknown = [name for name in self.streams or ("none",) if name not in STREAMS]
        if unknown:
            raise CommandError(
                f"unknown streams: {', '.join(unknown)}", f"choose among {', '.join(STREAMS)}"
            )
        self.streams = list(dict.fromkeys(self.streams or ()))

    def save(self, path: Path, keys: list[str]) -> None:
        """Add answers to the file, and leave what is there as it is.

        Raises:
            CommandError: It can't be written.
        """
        lines = "".join(f"{key} = {json.dumps(getattr(self, key))}\n" for key in keys)
        try:
            before = path.read_text("utf-8") if path.exists() else None
            text = f"{_HEAD}{lines}{_TAIL}" if before is None else f"{lines}{before}"
            path.write_text(text, "utf-8")
        except OSError as error:
            raise CommandError(f"{path} can't be written: {error.strerror}") from None


_QUESTIONS: Final[dict[str, tuple[str, str | None]]] = {
    "stack_name": ("Name of the stack", DEFAULT_STACK_NAME),
    "region": ("AWS region", None),
    "sandbox": ("Do you have credentials of the event API? Without, the sandbox is drained", None),
    "streams": (f"Streams, with commas between them ({', '.join(STREAMS)})", DEFAULT_EVENT_TYPE),
    "alarm_email": ("E-mail address for alarms (Enter for none)", ""),
}
"""By key: the text, and the suggested answer."""


_FORMS: Final = {
    "stack_name": r"[A-Za-z][A-Za-z0-9-]{0,127}",
    "region": r"[a-z]+(-[a-z]+)+-[0-9]+",
    "alarm_email": r"(\S+@\S+)?",
}
"""By key: the pattern of an answer."""


def _text_of_form(key: str, text: str) -> str:
    """Return an answer; another one is asked for if it can't be right, before it is saved."""
    if not re.fullmatch(_FORMS[key], text.strip()):
        raise click.UsageError("this is not in the form that AWS accepts")
    return text.strip()


def _stream_names(text: str) -> list[str] | None:
    """Return the streams that are named; another answer is asked for if one is unknown."""
    answers = Answers(streams=re.findall(r"[^\s,]+", text))
    try:
        answers.check()
    except CommandError as error:
        raise click.UsageError(error.message) from None
    return answers.streams


def _text(value: str | int | bool) -> str:  # noqa: FBT001 - a value, not a flag
    """Return a value of TOML as CloudFormation writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _template_parameters() -> set[str]:
    text = (PROJECT / "template.yaml").read_text("utf-8")
    return set(_NAMES.findall(text.partition("\nParameters:\n")[2].partition("\nRules:\n")[0]))
