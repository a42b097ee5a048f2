"""Asks all that is asked of a stack, side by side, within a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from drainctl.doctor import ask_api, ask_functions, ask_runs, ask_services, ask_stack, ask_token
from drainctl.doctor.answers import NoAnswer, Unanswered
from drainctl.doctor.facts import Facts
from drainctl.doctor.questions import Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    import boto3
    from botocore.config import Config

    from drainctl.doctor.answers import Answer
    from drainctl.doctor.facts_of_access import Reached
    from drainctl.doctor.facts_of_stack import Stack

LIMIT_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Examination:
    """What is asked with, and what not to ask.

    Attributes:
        session: Of the operator.
        config: Of its clients, whose calls must be bounded in time.
        version: That of this checkout.
        skips_api: Whether neither the event API nor the token endpoint is called.
    """

    session: boto3.Session
    config: Config
    version: str
    skips_api: bool

    def examine(self, stack_name: str) -> Facts:
        """Ask.

        Raises:
            StackUnusable: There is no such stack, or AWS can't be asked.
        """
        end = time.monotonic() + LIMIT_SECONDS
        stack = ask_stack.find_stack(self.session, stack_name, self.config)
        now = datetime.now(UTC)
        asked = self._ask(stack, now)
        found: dict[str, Any] = {name: question.answer(end) for name, question in asked.items()}
        found["streams"] = _by_stream(stack, found["streams"])
        return Facts(now=now, version=self.version, stack=stack, **found)

    def _ask(self, stack: Stack, now: datetime) -> dict[str, Question[Any]]:
        """Begin to ask; gives the questions by the names of their facts."""
        # All of them before the first thread: a session makes clients in one thread only.
        cloudformation, scheduler, functions, secrets, alarms, logs, queues, bucket, states = (
            self._client(name)
            for name in (
                "cloudformation",
                "scheduler",
                "lambda",
                "secretsmanager",
                "cloudwatch",
                "logs",
                "sqs",
                "s3",
                "stepfunctions",
            )
        )
        topics, keys = self._client("sns"), self._client("kms")
        resources = Question(
            lambda: ask_stack.find_resources(cloudformation, stack),
            lacking="what the stack is made of is not known",
        )
        credentials = Question(
            lambda: ask_token.find_credentials(secrets, stack),
            lacking="the credentials secret is of no use",
        )
        token = Question(
            lambda known: ask_token.find_token(
                secrets, stack, known, now=now, may_mint=not self.skips_api
            ),
            credentials,
            lacking="there is no token",
        )
        reached = Question(lambda: self._reach(stack), lacking="the event API is not reached")
        return {
            "credentials": credentials,
            "token": token,
            "reached": reached,
            "streams": Question(
                lambda known, _: ask_api.open_streams(stack, known), token, reached
            ),
            "schedules": Question(
                lambda known: ask_functions.find_schedules(scheduler, stack, known), resources
            ),
            "alarms": Question(lambda known: ask_services.find_alarms(alarms, known), resources),
            "functions": Question(lambda: ask_functions.find_functions(functions, stack)),
            "key": Question(lambda: ask_services.find_key(keys, stack)),
            "topic": Question(lambda: ask_services.find_topic(topics, stack)),
            "runs": Question(lambda: ask_runs.find_runs(logs, stack, now)),
            "dead_letters": Question(lambda: ask_services.find_dead_letters(queues, stack)),
            "quarantine": Question(lambda: ask_services.find_quarantine(bucket, stack, now)),
            "executions": Question(lambda: ask_services.find_executions(states, stack)),
        }

    def _reach(self, stack: Stack) -> Reached:
        if self.skips_api:
            raise Unanswered("not called, by --skip-stream", is_skipped=True)
        return ask_api.find_endpoint(stack)

    def _client(self, service: Any) -> Any:
        return self.session.client(service, config=self.config)


def _by_stream(
    stack: Stack, answer: Answer[Mapping[str, Answer[None]]]
) -> Mapping[str, Answer[None]]:
    if isinstance(answer, NoAnswer):
        return dict.fromkeys(stack.event_types, answer)
    return answer
