"""The embedded AWS: ministack in a process on loopback, on a free port.

It accepts a real `sam deploy` and runs the deployed function, so that the template, the layers and
the roles are tested as they are. How it is started:

- `AUTH=true`: it checks IAM, so the function has only the rights of its role.
- `USE_SSL=1`: it serves TLS with our certificate, as the stack's bucket and queues reject plain
  HTTP. This doesn't need root: ministack also tries port 443, and continues without it.
- A clean environment: functions inherit ministack's environment, where a certificate bundle of the
  machine would replace the one with its certificate.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import boto3
import trustme

from simulator.child_process import ChildProcess

if TYPE_CHECKING:
    from types import TracebackType


PROJECT_FOLDER: Final = Path(__file__).resolve().parents[2]
AWS_ENVIRONMENT: Final = PROJECT_FOLDER / ".venv-aws"
"""Where ministack is installed. Functions run with this environment's Python. It has none of the
layers' packages, so a deployed function can import them only from its layers."""

_PROGRAM: Final = PROJECT_FOLDER / "simulator" / "ministack" / "server.py"
_START_LIMIT: Final = timedelta(seconds=60)


class EmbeddedAwsError(Exception):
    """The embedded AWS could not be started. The message has the end of its log."""


class EmbeddedAws:
    """A ministack that runs from `start` to `stop`, or for the length of a `with` block.

    After `stop`, no process and no file is left.

    Attributes:
        region: The AWS region.
        endpoint_url: Its address, such as `https://localhost:45013`. Set by `start`.
        ca_bundle: The certificate to trust for `endpoint_url`. Set by `start`.
    """

    region: Final = "eu-north-1"

    def __init__(self, *, function_python: Path | None = None) -> None:
        self._function_python = function_python
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint_url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def folder(self) -> Path:
        """The temporary folder of this run.

        Raises:
            EmbeddedAwsError: It isn't running.
        """
        if self._folder is None:
            raise EmbeddedAwsError("The embedded AWS isn't running: call start() first.")
        return self._folder

    @property
    def ca_bundle(self) -> Path:
        """The certificates to trust: ministack's, and the authority that issued it."""
        return self.folder / "certificates.pem"

    @property
    def log_file(self) -> Path:
        """What ministack prints."""
        return self.folder / "ministack.log"

    def start(self) -> None:
        """Start ministack and wait until it answers.

        Raises:
            EmbeddedAwsError: It isn't installed, ended, or didn't answer in time.
        """
        if not (AWS_ENVIRONMENT / "bin" / "ministack").exists():
            raise EmbeddedAwsError(
                f"ministack is missing: install requirements/aws.txt into {AWS_ENVIRONMENT.name}."
            )
        self._folder = Path(tempfile.mkdtemp(prefix="embedded-aws-"))
        self._issue_certificate()
        try:
            while not self._starts():
                continue  # another process has taken the port
        except BaseException:
            self.stop()
            raise

    def _starts(self) -> bool:
        """Start ministack on a free port; return False if another process took the port."""
        port = _free_port()
        self.endpoint_url = f"https://localhost:{port}"
        with self.log_file.open("wb") as log:
            self._process = ChildProcess(
                [AWS_ENVIRONMENT / "bin" / "python", _PROGRAM],
                env=self._own_environment(port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a new process group, which can be ended as a whole
            )
        return self._answers_in_time(self._process)

    def stop(self) -> None:
        """End ministack and its functions' workers, and remove its files. Idempotent.

        They are killed: ministack has nothing to save, and otherwise waits for its clients.
        """
        if self._process is not None:
            end_group(self._process)
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None

    @property
    def is_running(self) -> bool:
        """Whether it runs: it ends by itself only by a fault."""
        return self._process is not None and self._process.poll() is None

    def environment(self) -> dict[str, str]:
        """Return the whole environment of a process that uses only this AWS.

        It has root's keys of the embedded account, its endpoint and its certificate, and none of
        the user's credentials, profiles and settings.
        """
        return {
            **self._bare_environment(),
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_CA_BUNDLE": str(self.ca_bundle),
            "AWS_DEFAULT_REGION": self.region,
        }

    def client(self, service: str) -> Any:
        """Return a boto3 client of a service, with root's rights in the embedded account."""
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.endpoint_url,
            verify=str(self.ca_bundle),
            region_name=self.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    @property
    def _private_key(self) -> Path:
        return self.folder / "private-key.pem"

    def _issue_certificate(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(self._private_key)
        # The functions trust the certificates in this file, so the authority must be in it too.
        for pem in (*certificate.cert_chain_pems, authority.cert_pem):
            pem.write_to_path(self.ca_bundle, append=True)

    def _bare_environment(self) -> dict[str, str]:
        no_settings = self.folder / "no-aws-settings"
        no_settings.touch()
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": str(no_settings),
            "AWS_SHARED_CREDENTIALS_FILE": str(no_settings),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _own_environment(self, port: int) -> dict[str, str]:
        return {
            **self._bare_environment(),
            "AUTH": "true",
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(self.ca_bundle),
            "MINISTACK_SSL_KEY": str(self._private_key),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": self.region,
            "IOT_MTLS_ENABLED": "0",  # otherwise it also uses port 8883
            "SFN_WAIT_SCALE": "0",  # Step Functions' waits end at once
            "FUNCTION_PYTHON": str(self._function_python or ""),
        }

    def _answers_in_time(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until it answers; return False if its port was taken.

        Raises:
            EmbeddedAwsError: It ended for another reason, or didn't answer in time.
        """
        end = time.monotonic() + _START_LIMIT.total_seconds()
        while not self._answers():
            if process.poll() is not None:
                if "Address already in use" in self._log_end():
                    return False
                raise EmbeddedAwsError(f"ministack ended. Its log ends with:\n{self._log_end()}")
            if time.monotonic() > end:
                raise EmbeddedAwsError(
                    f"ministack didn't answer at {self.endpoint_url} within {_START_LIMIT}."
                    f" Its log ends with:\n{self._log_end()}"
                )
            time.sleep(0.05)
        return True

    def _answers(self) -> bool:
        try:
            trust = ssl.create_default_context(cafile=self.ca_bundle)
            health = f"{self.endpoint_url}/_ministack/health"
            with urllib.request.urlopen(health, timeout=5, context=trust) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except (OSError, urllib.error.URLError):
            return False  # not yet

    def _log_end(self) -> str:
        return self.log_file.read_text(errors="replace")[-2000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end_group(leader: subprocess.Popen[Any]) -> None:
    """Kill all remaining processes of a process group."""
    with suppress(ProcessLookupError):  # nothing is left
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
