"""The processes of the bench: servers and measured programs, each in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simulator.child_process import ChildProcess, run_child

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT_FOLDER: Final = Path(__file__).parents[1]
_ENGINE_PATH: Final = ("layers/wgtwo", "layers/eventdrain", "functions/drain_events")
_LONGEST_SECONDS: Final = 600


class BenchError(Exception):
    """A process of the bench failed, or the counts of a run don't reconcile."""


@dataclass(slots=True)
class Server:
    """A server of the bench in its own process.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        is_secure: Whether it uses TLS.
        counts: What it has counted; set when it has ended.
    """

    port: int
    is_secure: bool = False
    counts: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Its address as a gRPC target."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its address as a URL."""
        return f"{'https' if self.is_secure else 'http'}://{self.target}"


@contextmanager
def serving(module: str, *arguments: str, certificate: Path | None = None) -> Iterator[Server]:
    """Run a server for as long as the context lasts, over TLS if it has a certificate."""
    if certificate is not None:
        arguments = (*arguments, "--certificate", str(certificate))
    process = ChildProcess(
        _command(module, arguments),
        cwd=PROJECT_FOLDER,
        env=_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches only the bench, which then ends the server
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise BenchError(f"{module} ended before it printed its port")
        server = Server(int(line), is_secure=certificate is not None)
        yield server
        process.stdin.close()
        server.counts = json.loads(process.stdout.read())
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@dataclass(frozen=True, slots=True)
class Result:
    """The output of a process: the figures in its last line, and stderr."""

    figures: dict[str, Any]
    errors: str


def run(
    module: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    flags: tuple[str, ...] = (),
    engine: Path = PROJECT_FOLDER,
) -> Result:
    """Run a process to its end.

    Args:
        module: What to run.
        arguments: Its command line.
        env: Variables to add to its environment.
        flags: Of the interpreter.
        engine: The checkout whose engine it runs.

    Raises:
        BenchError: It failed, or took more than ten minutes.
    """
    try:
        process = run_child(
            _command(module, arguments, flags),
            folder=PROJECT_FOLDER,
            environment=_environment(env or {}, engine),
            seconds=_LONGEST_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{module} took more than {_LONGEST_SECONDS} s") from error
    return _result(module, process.returncode, process.stdout, process.stderr)


def run_together(module: str, count: int, *, env: Mapping[str, str]) -> list[Result]:
    """Run several processes that use ``measured``; they begin when all are ready.

    Args:
        module: What to run.
        count: How many of it.
        env: Variables to add to the environment of each.

    Raises:
        BenchError: One failed, or took more than ten minutes.
    """
    with ExitStack() as running:
        processes = [running.enter_context(_ended(module, env)) for _ in range(count)]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None  # so that communicate() doesn't close it again
        return [_result_of(module, process) for process in processes]


@contextmanager
def _ended(module: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start a process, and end it with the context if it still runs."""
    with ChildProcess(
        _command(module, ()),
        cwd=PROJECT_FOLDER,
        env=_environment(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _result_of(module: str, process: subprocess.Popen[str]) -> Result:
    try:
        output, errors = process.communicate(timeout=_LONGEST_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{module} took more than {_LONGEST_SECONDS} s") from error
    return _result(module, process.returncode, output, errors)


def _result(module: str, status: int, output: str, errors: str) -> Result:
    if status:
        raise BenchError(f"{module} failed:\n{errors[-2000:]}")
    return Result(json.loads(output.splitlines()[-1]), errors)


def _command(module: str, arguments: tuple[str, ...], flags: tuple[str, ...] = ()) -> list[str]:
    return [sys.executable, *flags, "-m", f"benchmarks.{module}", *arguments]


def _environment(added: Mapping[str, str], engine: Path = PROJECT_FOLDER) -> dict[str, str]:
    """Return an environment without the user's credentials and settings."""
    folders = [PROJECT_FOLDER, *(engine / folder for folder in _ENGINE_PATH)]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_DEFAULT_REGION": "eu-north-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **added,
    }
