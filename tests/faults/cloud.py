"""The embedded AWS behind its fault proxies: started once, used by every scene."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from eventdrain.adapters.boto import aws_clients
from simulator.aws import EmbeddedAws
from tests.faults.http_proxy import HttpProxy

if TYPE_CHECKING:
    from simulator.injection import Faults
    from tests.faults.journal import Journal

_SERVICES: Final = ("s3", "sqs", "secretsmanager")


class Places(NamedTuple):
    """The empty bucket and queue, and the two unfilled secrets, of one scene's engine."""

    bucket: str
    queue_url: str
    credentials_arn: str
    token_arn: str


class Cloud:
    """The AWS that the engine calls through proxies, for the length of a ``with`` block.

    Attributes:
        aws: The embedded AWS, for tests to inspect.
        proxies: The proxies by service.
    """

    def __init__(self) -> None:
        self.aws = EmbeddedAws()
        self.proxies: dict[str, HttpProxy] = {}
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(self.aws)
            for service in _SERVICES:
                proxy = HttpProxy(
                    service=service,
                    upstream=self.aws.endpoint_url,
                    ca_bundle=self.aws.ca_bundle,
                )
                self.proxies[service] = starting.enter_context(proxy)
            starting.callback(aws_clients.cache_clear)  # they have this cloud's addresses
            self.s3 = self.aws.client("s3")
            self.sqs = self.aws.client("sqs")
            self.secrets = self.aws.client("secretsmanager")
            for client in (self.s3, self.sqs, self.secrets):
                starting.callback(client.close)
            self._running = starting.pop_all()
        aws_clients.cache_clear()
        return self

    def __exit__(self, *_error: object) -> None:
        self._running.close()

    def attach(self, faults: Faults, journal: Journal) -> None:
        """Make all proxies use these faults and this journal."""
        for proxy in self.proxies.values():
            proxy.attach(faults, journal)

    def environment(self) -> dict[str, str]:
        """Return the environment of an engine that uses this cloud."""
        return {
            **self.aws.environment(),
            "AWS_ENDPOINT_URL_S3": self.proxies["s3"].endpoint,
            "AWS_ENDPOINT_URL_SQS": self.proxies["sqs"].endpoint,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.proxies["secretsmanager"].endpoint,
        }

    def new_places(self) -> Places:
        """Create a bucket, a standard queue and two secrets, with unique names."""
        name = f"scene-{secrets.token_hex(6)}"
        self.s3.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"}
        )
        return Places(
            bucket=name,
            queue_url=self.sqs.create_queue(QueueName=name)["QueueUrl"],
            credentials_arn=self.secrets.create_secret(Name=f"{name}-credentials")["ARN"],
            token_arn=self.secrets.create_secret(Name=f"{name}-token")["ARN"],
        )
