"""The examples in `examples/typescript` and `examples/java`: each reads the deployed stack's queue.

They are built in a temporary folder as their README says, with packages from npm's registry and
from Maven Central. A test is skipped where Node.js or a JDK is missing, or a registry isn't
reached.
"""

from __future__ import annotations

import gzip
import json
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from simulator.aws import PROJECT_FOLDER
from simulator.child_process import ChildProcess, run_child
from simulator.deployment import LocalDeployment
from simulator.event_server import made_up_events, of_size, with_bad_payload
from tests.faults.processes import PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from simulator.aws import EmbeddedAws

pytestmark = [pytest.mark.release, pytest.mark.timeout(900)]

STREAM: Final = "handset_change"
EVENTS: Final = 10
BUILD_SECONDS: Final = 240
"""Of each command that builds. The first time, packages are downloaded."""
WAIT_SECONDS: Final = 60
STOP_SECONDS: Final = 10
"""Less than the 20 seconds of a long poll."""
MAX_RECEIVE_COUNT: Final = 3
VISIBILITY_SECONDS: Final = 4
NO_REGISTRY: Final = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|Could not transfer"
)
MISSING: Final = "NoSuchKey|AccessDenied|S3Exception"
"""The failure of a pointer without an object."""
PASSWORD: Final = "made-up-password"


@dataclass(frozen=True)
class Example:
    """An example in its folder: how it is built and started.

    Attributes:
        name: Its folder below `examples`.
        tools: The programs that it needs, each with its lowest major version.
        build: Builds it in a copy of its folder.
        command: Returns the command that starts it there.
        status: Its exit status after SIGTERM.
    """

    name: str
    tools: Mapping[str, int]
    build: Callable[[Path], None]
    command: Callable[[Path, EmbeddedAws], Sequence[str]]
    status: int


def build_typescript(folder: Path) -> None:
    """Install the locked packages, check the generated types, and compile."""
    types = folder / "src" / "message.d.ts"
    committed = types.read_text()
    for arguments in (["ci", "--fetch-retries=1"], ["run", "types"], ["run", "build"]):
        run_tool(["npm", *arguments], folder)
    assert types.read_text() == committed, "To fix this, run `npm run types`."


def start_typescript(folder: Path, aws: EmbeddedAws) -> Sequence[str]:
    """Return the command; Node.js reads the certificate from a variable."""
    return [
        "env",
        f"NODE_EXTRA_CA_CERTS={aws.ca_bundle}",
        "node",
        str(folder / "build/consumer.js"),
    ]


def build_java(folder: Path) -> None:
    """Compile, and copy the dependencies beside the JAR."""
    run_tool(["mvn", "--batch-mode", "--quiet", "package"], folder)


def start_java(folder: Path, aws: EmbeddedAws) -> Sequence[str]:
    """Make a trust store of the certificate, and return the command, which uses it."""
    store = str(folder / "build" / "trust.p12")
    certificate = ["-file", str(aws.ca_bundle), "-keystore", store, "-storepass", PASSWORD]
    run_tool(["keytool", "-importcert", "-noprompt", "-alias", "local", *certificate], folder)
    trust = {"trustStore": store, "trustStorePassword": PASSWORD}
    options = [f"-Djavax.net.ssl.{name}={value}" for name, value in trust.items()]
    return ["java", *options, "-jar", str(folder / "build" / "consumer.jar")]


EXAMPLES: Final = (
    Example("typescript", {"node": 20, "npm": 0}, build_typescript, start_typescript, 0),
    # A JVM that SIGTERM ends has this status, as a process that has no handler.
    Example("java", {"javac": 17, "mvn": 0}, build_java, start_java, 128 + 15),
)


def run_tool(command: Sequence[str], folder: Path) -> str:
    """Run a command of a build; skip the test if it doesn't reach its registry."""
    try:
        done = run_child(command, folder=folder, seconds=BUILD_SECONDS, is_merged=True)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]} {command[1]} hasn't ended after {BUILD_SECONDS} s")
    if done.returncode and (found := NO_REGISTRY.search(done.stdout)):
        pytest.skip(f"{command[0]} doesn't reach its registry: {found[0]}")
    assert done.returncode == 0, done.stdout
    return done.stdout


def need(tool: str, lowest: int) -> None:
    """Skip the test unless a program is there, in a sufficient version."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is missing")
    version = run_tool([tool, "--version"], PROJECT_FOLDER)
    found = re.search(r"\d+", version)
    if found is None or int(found[0]) < lowest:
        pytest.skip(f"{tool} is older than {lowest}: {version.strip()}")


@pytest.fixture(scope="module")
def deployment(built: Path) -> Iterator[LocalDeployment]:
    """Deploy the stack, with a queue that soon delivers a message again."""
    with LocalDeployment(built=built) as local:
        local.deploy(
            EventTypes=STREAM,
            ScheduleState="DISABLED",
            IdleSeconds="1",
            MaxReceiveCount=str(MAX_RECEIVE_COUNT),
            VisibilityTimeoutSeconds=str(VISIBILITY_SECONDS),
        )
        local.stack.put_credentials(local.credentials)
        yield local


def consumer_keys(deployment: LocalDeployment) -> dict[str, str]:
    """Return a user's keys, who has the rights that the README names."""
    outputs = deployment.stack.outputs
    allowed = {
        outputs["OutboxQueueArn"]: ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
        f"arn:aws:s3:::{outputs['ArchiveBucketName']}/*": ["s3:GetObject"],
        outputs["KeyArn"]: ["kms:Decrypt"],
    }
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": resource}
        for resource, actions in allowed.items()
    ]
    iam = deployment.aws.client("iam")
    user = f"consumer-{secrets.token_hex(4)}"
    iam.create_user(UserName=user)
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=user, PolicyName="consume", PolicyDocument=policy)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


class Consumer:
    """A running example, and what it has printed."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def output(self) -> str:
        """All that it has printed."""
        return self._output.read_text()

    def count(self, word: str) -> Counter[str]:
        """Count the lines that begin with this word, by the event's id."""
        return Counter(re.findall(rf"^{word} \S+ (\S+)", self.output, re.MULTILINE))

    def wait(self, what: Callable[[], bool]) -> None:
        """Wait until something holds, while the example runs."""
        end = time.monotonic() + WAIT_SECONDS
        while not what():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < end, self.output
            time.sleep(0.2)


@contextmanager
def running(example: Example, deployment: LocalDeployment, folder: Path) -> Iterator[Consumer]:
    """Build an example in a folder, start it, and kill it if the block leaves it running."""
    shutil.copytree(PROJECT_FOLDER / "schemas" / "json", folder / "schemas" / "json")
    copy = folder / "examples" / example.name
    shutil.copytree(
        PROJECT_FOLDER / "examples" / example.name,
        copy,
        ignore=shutil.ignore_patterns("build", "node_modules"),
    )
    example.build(copy)
    command = example.command(copy, deployment.aws)
    output = folder / "output"
    with (
        output.open("wb") as file,
        ChildProcess(
            command,
            cwd=copy,
            env={
                **deployment.aws.environment(),
                **consumer_keys(deployment),
                "AWS_REGION": deployment.aws.region,
                "QUEUE_URL": deployment.stack.outputs["OutboxQueueUrl"],
            },
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield Consumer(process, output)
        finally:
            process.kill()


def drain(deployment: LocalDeployment) -> None:
    """Run the drain over the stream."""
    invocation = deployment.stack.invoke({"event_type": STREAM})
    assert invocation.error is None, invocation.payload


def replay(deployment: LocalDeployment, folder: Path) -> None:
    """Send the whole archive again, with several events per message."""
    command = [sys.executable, "-m", "drainctl", "replay", "--stack-name", deployment.stack.name]
    options = ["--events-per-message", "4", "--name", "made-up-replay", "--rate", "0", "--yes"]
    done = run_child(
        [*command, *options, "--checkpoint", str(folder / "replay.checkpoint.json")],
        folder=PROJECT_FOLDER,
        environment={**deployment.aws.environment(), "PYTHONPATH": PATH},
        seconds=WAIT_SECONDS,
        is_merged=True,
    )
    assert done.returncode == 0, done.stdout


def messages_in(deployment: LocalDeployment, queue: str) -> int:
    """Return the number of messages in a queue, by the name of its output."""
    names: Final = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = deployment.aws.client("sqs").get_queue_attributes(
        QueueUrl=deployment.stack.outputs[queue], AttributeNames=names
    )["Attributes"]
    return sum(int(attributes[name]) for name in names)


def lose_messages(deployment: LocalDeployment) -> None:
    """Empty the queue. An ended consumer's long poll may still receive messages for a while."""
    while messages_in(deployment, "OutboxQueueUrl"):
        deployment.take_messages()
        time.sleep(0.2)


def send(deployment: LocalDeployment, body: str, **attributes: str) -> None:
    """Send a message to the queue, as the drain would."""
    deployment.aws.client("sqs").send_message(
        QueueUrl=deployment.stack.outputs["OutboxQueueUrl"],
        MessageBody=body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value}
            for name, value in {"event_type": STREAM, **attributes}.items()
        },
    )


def strings(value: Any) -> Iterator[str]:
    """Yield all strings in a JSON value that are long enough to be recognised."""
    if isinstance(value, str):
        if len(value) > 5:
            yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_example_handles_each_event_once(
    deployment: LocalDeployment, tmp_path: Path, example: Example
) -> None:
    """Each event is handled once, in whatever message and however often it is sent.

    A message that fails stays in the queue until it succeeds, or goes to the dead-letter queue.
    SIGTERM ends the consumer at once.
    """
    for tool, lowest in example.tools.items():
        need(tool, lowest)
    seed = EXAMPLES.index(example) * 3
    lost, plain = (list(made_up_events(STREAM, EVENTS, seed=seed + each)) for each in (0, 1))
    large, bad = made_up_events(STREAM, 2, seed=seed + 2)
    deployment.event_server.publish(lost)
    drain(deployment)
    lose_messages(deployment)  # a replay must bring them
    deployment.event_server.publish([*plain, of_size(large, 2**20), with_bad_payload(bad)])
    drain(deployment)
    deployment.event_server.publish(plain[:5])  # again: duplicates
    drain(deployment)
    dead = messages_in(deployment, "OutboxDeadLetterQueueUrl")
    lines = deployment.archive_lines()
    ids = {line["event_id"] for line in lines}

    with running(example, deployment, tmp_path) as consumer:
        consumer.wait(lambda: len(consumer.count("handled")) == EVENTS + 1)
        replay(deployment, tmp_path)
        consumer.wait(lambda: len(consumer.count("handled")) == len(ids))

        # A message with a part that fails, and a pointer whose object comes later.
        before, after, late = (dict(lines[0], event_id=digit * 32) for digit in "abc")
        send(deployment, "\n".join([json.dumps(before), "made up", json.dumps(after)]), events="3")
        place = {
            "bucket": deployment.stack.outputs["ArchiveBucketName"],
            "key": "late.ndjson.gz",
        }
        pointer = {key: value for key, value in late.items() if key != "event"} | {"s3": place}
        send(deployment, json.dumps(pointer), event_id=late["event_id"], pointer="oversize")
        consumer.wait(lambda: re.search(MISSING, consumer.output) is not None)
        body = gzip.compress("".join(json.dumps(each) + "\n" for each in (before, late)).encode())
        s3 = deployment.aws.client("s3")
        s3.put_object(Bucket=place["bucket"], Key=place["key"], Body=body)
        consumer.wait(lambda: late["event_id"] in consumer.count("handled"))
        s3.delete_object(Bucket=place["bucket"], Key=place["key"])
        consumer.wait(lambda: messages_in(deployment, "OutboxQueueUrl") == 0)

        consumer.process.terminate()
        status = consumer.process.wait(STOP_SECONDS)

    made_up = {each["event_id"] for each in (before, after, late)}
    assert status == example.status, consumer.output
    assert consumer.count("handled") == dict.fromkeys(ids | made_up, 1)
    assert consumer.count("quarantined").total() == 1
    assert consumer.output.count("made-up-replay") == len(ids) - EVENTS - 1
    assert made_up - {late["event_id"]} <= consumer.count("duplicate").keys()
    assert consumer.output.count("failed") == MAX_RECEIVE_COUNT + 1
    assert messages_in(deployment, "OutboxDeadLetterQueueUrl") == dead + 1
    personal = {
        text for line in lines for text in strings([line["event"], line["subscription_id"]])
    }
    assert personal
    assert not [text for text in personal if text in consumer.output]
