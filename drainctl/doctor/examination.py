"""Asks all questions about a stack concurrently, within a time limit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from drainctl.doctor import ask_api, ask_aws, ask_runs, ask_token
from drainctl.doctor.facts import Facts
from drainctl.doctor.questions import NoAnswer, Question
from drainctl.stack import StackError

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

    from drainctl.stack import Stack

LIMIT_SECONDS: Final = 15.0
_OURS: Final = ("EventTypes", "ApiEndpoint", "TokenEndpoint")
"""Parameters that identify a stack of template.yaml. The questions need their values."""
_SERVICES: Final = (
    *("cloudformation", "cloudwatch", "kms", "lambda", "logs", "s3", "scheduler"),
    *("secretsmanager", "sns", "sqs", "stepfunctions"),
)


@dataclass(frozen=True, slots=True)
class Examination:
    """Gathers the facts about a stack.

    Attributes:
        session: The operator's AWS session.
        config: The configuration of the AWS clients. It must limit the time of calls.
        version: The version of this checkout.
        skips_api: Whether to call neither the event API nor the token endpoint.
    """

    session: boto3.Session
    config: Config
    version: str
    skips_api: bool

    def examine(self, stack: Stack) -> Facts:
        """Ask all questions and return the facts.

        Raises:
            StackError: The stack is not an event drain.
        """
        if missing := [each for each in _OURS if each not in stack.parameters]:
            raise StackError(
                f"checking the stack {stack.name} failed: it is not an event drain, because it has"
                f" no parameter {missing[0]}",
                "specify the name of the stack itself, not of one nested in it",
            )
        end, now = time.monotonic() + LIMIT_SECONDS, datetime.now(UTC)
        asked = self._ask(stack, now)
        found: dict[str, Any] = {name: question.answer(end) for name, question in asked.items()}
        if isinstance(found["streams"], NoAnswer):
            found["streams"] = dict.fromkeys(stack.event_types, found["streams"])
        return Facts(now=now, version=self.version, stack=stack, **found)

    def _ask(self, stack: Stack, now: datetime) -> dict[str, Question[Any]]:
        """Start all questions; return them by the names of their facts."""
        # Create all clients before the first thread starts: sessions are not thread-safe.
        clients = {name: self._client(name) for name in _SERVICES}
        secrets = clients["secretsmanager"]
        resources = Question(
            lambda: ask_aws.find_resources(clients["cloudformation"], stack),
            missing="the stack's resources are unknown",
        )
        credentials = Question(
            lambda: ask_token.find_credentials(secrets, stack),
            missing="the credentials secret can't be used",
        )
        token = Question(
            lambda known: ask_token.find_token(
                secrets, stack, known, now=now, may_mint=not self.skips_api
            ),
            credentials,
            missing="there is no token",
        )
        reached: Question[Any] = Question(
            lambda: (
                NoAnswer("--skip-stream was given", is_skipped=True)
                if self.skips_api
                else ask_api.find_endpoint(stack)
            ),
            missing="the event API can't be reached",
        )
        return {
            "credentials": credentials,
            "token": token,
            "reached": reached,
            "streams": Question(
                lambda known, _: ask_api.open_streams(stack, known), token, reached
            ),
            "schedules": Question(
                lambda known: ask_aws.find_schedules(clients["scheduler"], stack, known), resources
            ),
            "alarms": Question(
                lambda known: ask_aws.find_alarms(clients["cloudwatch"], known), resources
            ),
            "functions": Question(lambda: ask_aws.find_functions(clients["lambda"], stack)),
            "key": Question(lambda: ask_aws.find_key(clients["kms"], stack)),
            "topic": Question(lambda: ask_aws.find_topic(clients["sns"], stack)),
            "runs": Question(lambda: ask_runs.find_runs(clients["logs"], stack, now)),
            "dead_letters": Question(lambda: ask_aws.find_dead_letters(clients["sqs"], stack)),
            "quarantine": Question(lambda: ask_aws.find_quarantine(clients["s3"], stack, now)),
            "executions": Question(
                lambda: ask_aws.find_executions(clients["stepfunctions"], stack)
            ),
        }

    def _client(self, service: Any) -> Any:
        return self.session.client(service, config=self.config)
