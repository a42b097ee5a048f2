"""``drainctl credentials`` checks and stores credentials, and shows no secret."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from drainctl import target
from drainctl.credentials import put
from drainctl.group import drainctl
from drainctl.stack import Stack
from eventdrain.errors import TokenRefused, TokenUnavailable
from eventdrain.events import STREAMS
from simulator.aws import PROJECT_FOLDER
from tests.granting_endpoint import GrantingEndpoint

if TYPE_CHECKING:
    from click.testing import Result

SECRET: Final = "made-up-client-secret"
CLIENT: Final = {"client_id": "made-up-client", "client_secret": SECRET}
SCOPE: Final = STREAMS["handset_change"].scope
STACK: Final = Stack(
    name="made-up",
    parameters={
        "Authentication": "secret",
        "EventTypes": "handset_change,consent_change",
        "TokenEndpoint": "https://id.example/token",
    },
    outputs={"CredentialsSecretArn": "arn:made-up"},
)


class Command:
    """The command, for a made-up stack."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stack = STACK
        self.endpoint = GrantingEndpoint(granted=frozenset({SCOPE}))
        self.stored: list[dict[str, Any]] = []
        monkeypatch.setattr(put, "OAuthTokenEndpoint", lambda *_: self.endpoint)
        monkeypatch.setattr(target.Target, "stack", lambda *_: self.stack)
        client = SimpleNamespace(put_secret_value=lambda **call: self.stored.append(call))
        session = SimpleNamespace(client=lambda _: client)
        monkeypatch.setattr(target.Target, "session", lambda _: session)

    def run(self, content: object) -> Result:
        """Run it with JSON on standard input."""
        arguments = ["credentials", "--stack-name", "made-up"]
        result = CliRunner().invoke(drainctl, arguments, input=json.dumps(content))
        assert SECRET not in result.output
        return result


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return the command."""
    return Command(monkeypatch)


def test_client_is_checked_and_stored(command: Command) -> None:
    """One token is requested for all streams' scopes; then the client is stored."""
    result = command.run(CLIENT)
    assert result.exit_code == 0, result.output
    assert command.endpoint.asked == [SCOPE]
    [call] = command.stored
    assert call["SecretId"] == "arn:made-up"
    assert json.loads(call["SecretString"]) == CLIENT
    assert "grants all scopes" in result.output
    assert "Next: make doctor STACK=made-up" in result.output


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (GrantingEndpoint(), f"does not grant it {SCOPE}"),
        (GrantingEndpoint(narrows=False), f"does not grant it {SCOPE}"),
        (GrantingEndpoint(error=TokenUnavailable("made up: silent")), "not checked, as no answer"),
    ],
    ids=["no-scope", "refused-scope", "silent"],
)
def test_what_is_stored_nonetheless(
    command: Command, endpoint: GrantingEndpoint, expected: str
) -> None:
    """A client is stored despite a missing scope or an unreachable endpoint."""
    command.endpoint = endpoint
    result = command.run(CLIENT)
    assert result.exit_code == 0, result.output
    assert expected in result.output
    assert len(command.stored) == 1


def test_rejected_client_is_not_stored(command: Command) -> None:
    """If the client is rejected, the secret is unchanged."""
    command.endpoint.error = TokenRefused("made up: invalid_client", hint="check the client")
    result = command.run(CLIENT)
    assert (result.exit_code, command.stored) == (1, [])
    assert "Nothing was stored. To fix this, check the client." in result.output


def test_bare_token(command: Command) -> None:
    """A bare token is stored without a request to the endpoint."""
    result = command.run({"access_token": SECRET, "expires_in": 3600})
    assert result.exit_code == 0, result.output
    assert json.loads(command.stored[0]["SecretString"]) == {"access_token": SECRET}
    assert command.endpoint.asked == []


@pytest.mark.parametrize("content", [None, {}, {"client_id": "made-up"}, {"secret": SECRET}])
def test_malformed_credentials(command: Command, content: object) -> None:
    """The error names standard input and what should be in it."""
    result = command.run(content)
    assert (result.exit_code, command.stored) == (1, [])
    assert "standard input" in result.output
    assert '{"client_id": "...", "client_secret": "..."}' in result.output


def test_stack_of_the_sandbox(command: Command) -> None:
    """A stack without authentication has no credentials secret."""
    command.stack = Stack(name="made-up", parameters={"Authentication": "none"}, outputs={})
    result = command.run(CLIENT)
    assert result.exit_code == 1
    assert "needs no credentials" in result.output


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"SecretString": "made-up"}, False),
        ({"SecretString": ""}, True),
        ("ResourceNotFoundException", True),
        ("AccessDeniedException", None),
    ],
)
def test_whether_credentials_are_missing(answer: Any, *, expected: bool | None) -> None:
    """Whoever deploys need not be allowed to read the secret."""

    def get_secret_value(**_call: str) -> dict[str, str]:
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer}}, "GetSecretValue")
        return answer  # type: ignore[no-any-return]

    client = SimpleNamespace(get_secret_value=get_secret_value)
    session: Any = SimpleNamespace(client=lambda _: client)
    assert put.are_missing(session, STACK) is expected


def test_what_is_typed_is_not_shown() -> None:
    """At a terminal, id and secret are prompted for, and not echoed."""
    code = "from drainctl.credentials.put import read_input; print('typed', read_input())"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=PROJECT_FOLDER,
        env={**os.environ, "PYTHONPATH": "layers/eventdrain:layers/wgtwo:."},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = ""
    with open(ours, "r+b", buffering=0) as terminal:  # noqa: PTH123 - a descriptor
        for number, typed in enumerate(("made-up-client", SECRET), 1):
            while shown.count("(not shown): ") < number:
                shown += terminal.read(1000).decode()
            terminal.write(f"{typed}\n".encode())
        assert process.wait() == 0, shown
        shown += terminal.read(1000).decode()
    before, _, after = shown.partition("typed ")
    assert "made-up" not in before
    assert after.startswith("ClientCredentials(client_id='made-up-client')")
