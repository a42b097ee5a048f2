"""Erasure of a subscriber from a deployed stack's archive, quarantine and tables.

The tests of this module share one deployment and depend on their order.
"""

from __future__ import annotations

import gzip
import json
import os
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from drainctl.catalogue import saved_queries
from drainctl.erase import table, unregistered_files
from drainctl.erase.bucket import Bucket
from drainctl.group import drainctl
from drainctl.pseudonyms import KEY_OUTPUT
from eventdrain.events import Kind, Pseudonyms
from simulator.catalogue import LocalCatalogue
from simulator.deployment import LocalDeployment
from simulator.event_server import Event
from tests.archive import ArchivePlan, made_up_objects
from tests.deliveries import delivery_of, message, poison_message
from tests.faults.personal_values import found
from wgtwo.subscription.v1.subscription_events_pb2 import StreamHandsetChangeEventsResponse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from drainctl.erase.bucket import Version

STREAM: Final = "handset_change"
PLAN: Final = ArchivePlan(
    last_day=datetime.now(UTC).date(), events=900, days=5, streams=(STREAM,), slice_minutes=1440
)
STRANGER: Final = "madeup:eu:nobody"
NUMBER: Final = "+9990000000000"


class CutOffError(Exception):
    """Simulates a process that is killed."""


@dataclass
class Stack:
    """The deployed stack and its events.

    Attributes:
        subject: The id of the subscriber who is erased.
        pseudonym: The subscriber's pseudonym in newer lines.
        others: The events of all others by day and id.
        theirs: The events of the subscriber by day and id.
    """

    deployment: LocalDeployment
    subject: str = ""
    pseudonym: str = ""
    others: Counter[tuple[str, str]] = field(default_factory=Counter)
    theirs: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.catalogue = LocalCatalogue(self.deployment)
        self.s3: S3Client = self.deployment.aws.client("s3")
        self.bucket = self.deployment.stack.outputs["ArchiveBucketName"]

    def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def drain(self, *subscriptions: str) -> None:
        """Drain an event of each subscription, with pseudonyms; the first is the subject's."""
        responses = [StreamHandsetChangeEventsResponse() for _ in subscriptions]
        for response, subscription in zip(responses, subscriptions, strict=True):
            response.metadata.timestamp.GetCurrentTime()
            response.metadata.identifier.subscription_identifier.wg2rn = subscription
            response.handset_change_event.number.e164 = NUMBER
        before = self.line_ids()
        self.deployment.event_server.publish(Event.of(STREAM, each) for each in responses)
        invocation = self.deployment.stack.invoke()
        assert invocation.payload.get("acked") == len(subscriptions), invocation.payload
        arn = self.deployment.stack.outputs[KEY_OUTPUT]
        key = self.deployment.aws.client("secretsmanager").get_secret_value(SecretId=arn)
        pseudonyms = Pseudonyms(key["SecretString"].encode())
        self.pseudonym = pseudonyms.of(Kind.SUBSCRIPTION, subscriptions[0])
        written = [body for body in self.versions().values() if self.pseudonym.encode() in body]
        [line] = [line for line in written[0].splitlines() if self.pseudonym.encode() in line]
        theirs = json.loads(line)["event_id"]
        for day, event_id in self.line_ids() - before:
            (self.theirs if event_id == theirs else self.others)[day, event_id] = 1

    def versions(self) -> dict[tuple[str, str], bytes]:
        """Return the uncompressed content of each version of each object."""
        held = {}
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket):
            for each in page.get("Versions", ()):
                name = (each["Key"], each["VersionId"])
                body = self.s3.get_object(Bucket=self.bucket, Key=name[0], VersionId=name[1])
                held[name] = body["Body"].read()
                if name[0].endswith(".gz"):
                    held[name] = gzip.decompress(held[name])
        return held

    def view(self) -> Counter[tuple[str, str]]:
        """Count the rows of the view by day and event id."""
        rows = self.catalogue.rows(f"SELECT dt, event_id FROM {STREAM}")
        return Counter((str(day), str(event_id)) for day, event_id in rows)

    def line_ids(self) -> set[tuple[str, str]]:
        """Return day and event id of each line in the archive."""
        return {
            (name[0].split("/")[2].removeprefix("dt="), json.loads(line)["event_id"])
            for name, body in self.versions().items()
            if name[0].startswith("events/")
            for line in body.splitlines()
        }

    def erase(self, folder: Path, *options: str, subject: str = "", status: int = 0) -> str:
        """Run the command and return its output."""
        arguments = [
            *("erase", "--stack-name", self.deployment.stack.name),
            *("--subscription", subject or self.subject),
            *("--receipt", str(folder / "receipt.json")),
            *options,
        ]
        environment = {**self.deployment.aws.environment(), "COLUMNS": "200"}
        with patch.dict(os.environ, environment):
            done = CliRunner().invoke(drainctl, arguments)
        if isinstance(done.exception, CutOffError):
            return done.output
        assert done.exit_code == status, (done.output, done.exception)
        return done.output


def record(event_id: str, raw: bytes) -> bytes:
    """Return a record for the quarantine."""
    content = {"event_id": event_id, "raw": b64encode(raw).decode(), "reason": "made up"}
    return json.dumps(content).encode() + b"\n"


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[Stack]:
    """Return a stack with an archive of some days, of which the closed ones are compacted."""
    with LocalDeployment(built=built) as local:
        local.deploy(
            EventTypes=STREAM,
            ScheduleState="DISABLED",
            CompactionState="DISABLED",
            Pseudonymise="true",
        )
        local.stack.put_credentials(local.credentials)
        stack = Stack(local)
        lines = []
        for made_up in made_up_objects(PLAN):
            stack.put(made_up.key, made_up.body())
            lines += [(line.dt, json.loads(text)) for line, text in texts(made_up)]
        days = Counter(content["subscription_id"] for _, content in lines)
        days.pop(None, None)
        stack.subject = days.most_common(1)[0][0]
        for day, content in lines:
            is_theirs = content["subscription_id"] == stack.subject
            (stack.theirs if is_theirs else stack.others)[day, content["event_id"]] = 1
        stack.drain(stack.subject, STRANGER)
        stack.put("quarantine/handset_change/theirs.json", record("1" * 32, theirs(stack.subject)))
        stack.put("quarantine/handset_change/others.json", record("2" * 32, poison_message(1)))
        stack.put(
            "quarantine/handset_change/withheld/20260301T120000Z-0.ndjson.gz",
            gzip.compress(record("3" * 32, theirs(stack.subject)) + record("4" * 32, message(2))),
        )
        assert stack.catalogue.compact(STREAM)["status"] == "SUCCEEDED"
        # Leftovers of a failed compaction, and a deleted object.
        (folder, *_) = sorted(stack.catalogue.closed_days(STREAM).values())
        left = folder.removeprefix(f"s3://{stack.bucket}/").rsplit("/", 2)[0]
        stack.put(f"{left}/failed-1/part-0", stack.subject.encode())
        old = "events/handset_change/dt=2026-01-01/20260101T000000Z-0.ndjson.gz"
        stack.put(old, gzip.compress(line_of(stack.subject) + line_of(STRANGER)))
        stack.s3.delete_object(Bucket=stack.bucket, Key=old)
        yield stack


def texts(made_up: Any) -> list[tuple[Any, str]]:
    """Return the lines of an object, with their facts."""
    written = gzip.decompress(made_up.body()).decode().splitlines()
    return list(zip(made_up.lines, written, strict=True))


def theirs(subject: str) -> bytes:
    """Return a message of the subject that doesn't parse."""
    return poison_message(1).replace(b"\x12\x0bmadeup:eu:1", _field(subject)) + _field(subject)


def _field(subject: str) -> bytes:
    return b"\x12" + bytes([len(subject)]) + subject.encode()


def line_of(subscription_id: str) -> bytes:
    """Return a line of a subscription."""
    event = delivery_of(1)
    line = event.line.replace("madeup:eu:1", subscription_id).replace(event.event_id, "5" * 32)
    return line.encode() + b"\n"


@pytest.fixture(autouse=True)
def no_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat objects that were just written as older than the run."""
    monkeypatch.setattr(unregistered_files, "_CLOCK_SKEW", -timedelta(hours=1))
    monkeypatch.setattr(unregistered_files, "_LONGEST_REWRITE", timedelta())


def test_drained_events_have_pseudonyms(stack: Stack) -> None:
    """The deployed function, with its role's permissions, writes and sends only pseudonyms."""
    bodies = [body for body in stack.versions().values() if stack.pseudonym.encode() in body]
    assert len(bodies) == 1
    assert found([NUMBER, stack.subject, STRANGER], bodies[0].decode()) == []
    sent = json.dumps(stack.deployment.take_messages(), default=str)
    assert stack.pseudonym in sent
    assert found([NUMBER, stack.subject, STRANGER], sent) == []


def test_dry_run_counts_and_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    """Without --delete it counts, names nobody, and changes nothing."""
    before = stack.versions()
    output = stack.erase(tmp_path)
    rows = {line.strip("│ \n").split("│")[0].strip(): line for line in output.splitlines()}
    assert stack.versions() == before
    assert list(tmp_path.iterdir()) == []
    assert found([stack.subject, stack.pseudonym], output) == []
    closed = stack.catalogue.closed_days(STREAM)
    count = sum(day in closed for day, _ in stack.theirs)
    assert f" {count} " in rows["rows of the subscriber in the tables"]
    assert " 2 " in rows["records of the subscriber in quarantine"]
    assert " 1 " in rows["old versions that held the subscriber's events"]


@pytest.mark.parametrize("deletions", [0, 1, 2])
def test_cut_off_it_loses_nothing(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deletions: int
) -> None:
    """After an interruption before any deletion, the view has others' events exactly once."""
    delete, left = Bucket.delete, [None] * deletions

    def die(bucket: Bucket, versions: Sequence[Version], **options: bool) -> None:
        if not left:
            raise CutOffError
        left.pop()
        delete(bucket, versions, **options)

    with monkeypatch.context() as patching:
        patching.setattr(Bucket, "delete", die)
        stack.erase(tmp_path, "--delete", "--yes")

    assert stack.view() & stack.others == stack.others
    assert max(stack.view().values()) == 1
    assert stack.line_ids() >= set(stack.others)


def test_what_comes_meanwhile_is_deleted(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines written while the command processes the archive are deleted in the same run."""
    place = "events/handset_change/dt=2026-01-01/20260101T000000Z-1.ndjson.gz"
    erase = table.TablePass.erase

    def put_and_erase(tables: table.TablePass, stream: Any) -> None:
        stack.put(place, gzip.compress(line_of("madeup:eu:000")))
        erase(tables, stream)

    monkeypatch.setattr(table.TablePass, "erase", put_and_erase)
    stack.erase(tmp_path, "--delete", "--yes", subject="madeup:eu:000")
    assert place not in {name for name, _ in stack.versions()}


def test_options_name_earlier_prefix_and_key(stack: Stack, tmp_path: Path) -> None:
    """Below a prefix of before, under a key of before, it deletes once it is output of both."""
    secrets = stack.deployment.aws.client("secretsmanager")
    key = "made-up-key-of-letters-and-digits-0123456789ABCDEF"
    arn = secrets.create_secret(Name="key-of-before", SecretString=key)["ARN"]
    pseudonym = Pseudonyms(key.encode()).of(Kind.SUBSCRIPTION, "madeup:eu:000")
    place = "before/handset_change/dt=2026-01-01/20260101T000000Z-0.ndjson.gz"
    stack.put(place, gzip.compress(line_of(pseudonym)))
    output = stack.erase(tmp_path, subject="madeup:eu:000", status=1)
    assert "not checked: before/: it is outside the stack's prefixes" in output

    more = ("--archive-prefix", "before", "--pseudonym-key")
    output = stack.erase(tmp_path, *more, f"{arn}0", subject="madeup:eu:000", status=1)
    assert "reading the secret of --pseudonym-key failed" in output
    stack.erase(tmp_path, *more, arn, "--delete", "--yes", subject="madeup:eu:000")
    assert place not in {name for name, _ in stack.versions()}


def test_it_is_deleted_everywhere(stack: Stack, tmp_path: Path) -> None:
    """No version has the subscriber's data, others' events are there once; a receipt is written."""
    output = stack.erase(tmp_path, "--delete", "--yes")

    for name in (stack.subject, stack.pseudonym):
        assert [key for key, body in stack.versions().items() if name.encode() in body] == []
    rows = stack.catalogue.rows(
        f"SELECT count(*) FROM {STREAM} WHERE subscription_id = '{stack.subject}'"
    )
    assert rows == (("0",),)
    folders = tuple(stack.catalogue.closed_days(STREAM).values())
    for key, _ in stack.versions():
        assert not key.startswith("tables/") or f"s3://{stack.bucket}/{key}".startswith(folders)
    assert stack.view() == stack.others
    assert stack.line_ids() >= set(stack.others)
    (check,) = [each for each in saved_queries() if each.name == f"seam_check.{STREAM}"]
    assert stack.catalogue.rows(check.sql) == ()
    assert found([stack.subject], output) == []
    assert f"Receipt: {tmp_path / 'receipt.json'}" in output
    text = (tmp_path / "receipt.json").read_text()
    receipt = json.loads(text)
    assert found([stack.subject], text) == []
    assert receipt["is_complete"]
    closed = stack.catalogue.closed_days(STREAM)
    assert {day for day, _ in stack.theirs if day in closed} <= set(receipt["days"][STREAM])
    assert receipt["counts"]["rows"] > 0


def test_again_there_is_nothing(stack: Stack, tmp_path: Path) -> None:
    """A second run finds nothing and changes nothing."""
    before = stack.versions()
    output = stack.erase(tmp_path, "--delete", "--yes")
    assert stack.versions() == before
    assert json.loads((tmp_path / "receipt.json").read_text())["days"] == {}, output


def test_compaction_brings_nothing_back(stack: Stack) -> None:
    """After another compaction of all days, the view has others' events exactly once."""
    assert stack.catalogue.compact(STREAM, since="2025-01-01")["status"] == "SUCCEEDED"
    assert stack.view() == stack.others
