"""The whole product on this machine: event server, token server, and the stack in an embedded AWS.

One object starts them on free ports and stops them. Nothing is mocked: the SAM CLI builds and
deploys the template, the schedule fires, the function runs with its role's rights.
"""

from __future__ import annotations

import json
import secrets
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from eventdrain.events import STREAMS
from simulator.aws import EmbeddedAws, SamStack, current_build, sam_build
from simulator.event_server import AuthMode, EventServer, TokenLedger
from simulator.reconciliation import archive_keys, archive_lines, take_messages
from simulator.token_server import TokenServer

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from mypy_boto3_s3 import S3Client

CLIENT_ID: Final = "made-up-client"
_QUICK: Final = {"ScheduleExpression": "rate(1 minute)", "WindowSeconds": "60"}
"""A schedule of one minute instead of five, and a window that ends before the next start."""


class LocalDeployment:
    """Event server (with production's authorization), token server, embedded AWS and stack.

    ``with LocalDeployment() as deployment:`` runs the servers until the block ends; then no
    process, port or file of theirs is left. :meth:`build` and :meth:`deploy` create the stack.

    Attributes:
        event_server: The event API.
        token_server: The token endpoint, with one client, whose secret is random.
        aws: The embedded AWS.
        stack: The stack in it.
    """

    def __init__(
        self,
        *,
        built: Path | None = None,
        architecture: str = "arm64",
        function_python: Path | None = None,
    ) -> None:
        """Create the parts, which the ``with`` block starts.

        Args:
            built: An earlier build, which makes :meth:`build` unnecessary.
            architecture: The stack's, arm64 or x86_64.
            function_python: The Python that runs functions; by default the embedded AWS's own.
        """
        self._built = built
        tokens = TokenLedger()
        self._client_secret = secrets.token_urlsafe(24)
        self._running = ExitStack()
        self.event_server = EventServer(auth=AuthMode.PRODUCTION, tokens=tokens)
        self.token_server = TokenServer(tokens)
        self.allow_scopes(*(stream.scope for stream in STREAMS.values() if stream.scope))
        self.aws = EmbeddedAws(function_python=function_python)
        self.stack = SamStack(self.aws, architecture=architecture)

    def __enter__(self) -> Self:
        """Start the servers.

        Raises:
            EmbeddedAwsError: The embedded AWS can't be started.
        """
        with ExitStack() as starting:
            for server in (self.event_server, self.token_server, self.aws):
                starting.enter_context(server)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.__exit__(kind, error, traceback)

    @property
    def credentials(self) -> dict[str, str]:
        """The content of the credentials secret."""
        return {"client_id": CLIENT_ID, "client_secret": self._client_secret}

    def build(self, project: Path | None = None) -> None:
        """Build function and layers.

        Args:
            project: Where another version's templates are; if not given, this version's build is
                reused as long as no source changes.

        Raises:
            StackError: It failed.
        """
        if project is None:
            self._built = current_build()
        else:
            self._built = self.aws.folder / "build"
            sam_build(self._built, architecture=self.stack.architecture, project=project)

    def deploy(self, **parameters: str) -> None:
        """Deploy the build, connected to these servers.

        Args:
            parameters: Template parameters that differ from their defaults. By default the
                schedule fires every minute.

        Raises:
            StackError: It failed.
            ValueError: Nothing was built.
        """
        if self._built is None:
            raise ValueError("nothing to deploy: call build() first, or pass an earlier build")
        endpoints = {
            "ApiEndpoint": self.event_server.endpoint,
            "TokenEndpoint": self.token_server.endpoint,
        }
        self.stack.deploy(self._built, {**endpoints, **_QUICK, **parameters})

    @cached_property
    def _s3(self) -> S3Client:
        client: S3Client = self.aws.client("s3")
        return client

    def archive_keys(self) -> list[tuple[str, int]]:
        """List the archive: each object's key and its size in bytes."""
        return list(archive_keys(self._s3, self.stack.outputs["ArchiveBucketName"]))

    def archive_lines(self) -> list[dict[str, Any]]:
        """Read every line of the archive."""
        return list(archive_lines(self._s3, self.stack.outputs["ArchiveBucketName"]))

    def take_messages(self) -> list[dict[str, Any]]:
        """Receive and delete every message of all queues for events."""
        return [
            message for messages in self.take_messages_by_queue().values() for message in messages
        ]

    def take_messages_by_queue(self) -> dict[str, list[dict[str, Any]]]:
        """Receive and delete every message, by the name of the queue's output."""
        sqs = self.aws.client("sqs")
        return {name: take_messages(sqs, url) for name, url in self.stack.queue_urls.items()}

    def delete_cached_token(self) -> None:
        """Delete the function's cached token, so that the next run mints another one."""
        self.aws.client("secretsmanager").put_secret_value(
            SecretId=self.stack.outputs["TokenSecretArn"], SecretString="{}"
        )
        self.discard_environments()

    def discard_environments(self) -> None:
        """Make the function's next run a cold start, by a change of its configuration."""
        functions = self.aws.client("lambda")
        name = self.stack.outputs["DrainEventsFunctionName"]
        now = functions.get_function_configuration(FunctionName=name)
        functions.update_function_configuration(FunctionName=name, MemorySize=now["MemorySize"])

    def allow_scopes(self, *scopes: str) -> None:
        """Allow the client only these scopes."""
        self.token_server.register(CLIENT_ID, self._client_secret, scopes)

    def token_expiry(self) -> str | None:
        """Return the expiry of the function's cached token; None before there is one."""
        client = self.aws.client("secretsmanager")
        try:
            content = client.get_secret_value(SecretId=self.stack.outputs["TokenSecretArn"])
        except client.exceptions.ResourceNotFoundException:
            return None
        secret = content.get("SecretString")
        return str(json.loads(secret)["expires_at"]) if secret else None
