"""Rewriting objects without a subscriber's lines: locks are kept, and nothing is lost."""

from __future__ import annotations

import gzip
import json
import secrets
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from drainctl.erase.bucket import Bucket
from drainctl.erase.findings import ErasureError, Findings, Run
from drainctl.erase.objects import ObjectsPass, folders
from drainctl.erase.subject import Subject
from eventdrain.events import ArchiveKey, Kind, Pseudonyms
from tests.deliveries import delivery_of, message, poison_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.contract.conftest import Aws

KEY: Final = "events/handset_change/dt=2026-03-01/20260301T120000Z-0.ndjson.gz"
LATER: Final = datetime(2099, 1, 1, tzinfo=UTC)
PSEUDONYMS: Final = Pseudonyms(b"made-up-key-of-letters-and-digits-0123456789ABCDEF")


class MadeUpBucket:
    """A new bucket, with versions, optionally with object lock."""

    def __init__(self, aws: Aws, *, has_lock: bool = False) -> None:
        self.s3 = aws.s3
        self.name = f"erase-{secrets.token_hex(6)}"
        self.s3.create_bucket(
            Bucket=self.name,
            CreateBucketConfiguration={"LocationConstraint": "eu-north-1"},
            ObjectLockEnabledForBucket=has_lock,
        )
        self.s3.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )

    def put(self, key: str, lines: Sequence[str], **more: Any) -> None:
        """Write an object of lines."""
        body = "".join(f"{line}\n" for line in lines).encode()
        if key.endswith(".gz"):
            body = gzip.compress(body)
        self.s3.put_object(Bucket=self.name, Key=key, Body=body, ContentType="made/up", **more)

    def erase(
        self,
        subject: Subject,
        *,
        is_dry_run: bool = False,
        bypasses_lock: bool = False,
        since: datetime | None = None,
    ) -> Findings:
        """Erase the subject from all objects."""
        bucket = Bucket(self.s3, self.name, bypasses_lock=bypasses_lock)
        run = Run(bucket, Findings(), is_dry_run, datetime.now(UTC))
        for folder in folders(
            subject,
            archive_prefixes=["events", "earlier"],
            quarantine_prefixes=["quarantine"],
            tables_prefix="events/tables",
        ):
            ObjectsPass(run).erase(folder, since=since)
        return run.findings

    def current(self) -> dict[str, list[str]]:
        """Return the lines of each object."""
        keys = [
            each["Key"] for each in self.s3.list_objects_v2(Bucket=self.name).get("Contents", ())
        ]
        bodies = {key: self.s3.get_object(Bucket=self.name, Key=key)["Body"].read() for key in keys}
        return {
            key: (gzip.decompress(body) if key.endswith(".gz") else body).decode().splitlines()
            for key, body in bodies.items()
        }

    def versions(self) -> list[str]:
        """Return the key of each version."""
        listed = self.s3.list_object_versions(Bucket=self.name)
        return [each["Key"] for each in listed.get("Versions", ())]


def subject(index: int, *pseudonyms: Pseudonyms) -> Subject:
    """Return the subscriber of an event of ``delivery_of``."""
    return Subject([f"madeup:eu:{index}"], pseudonyms)


def lines(*indexes: int) -> list[str]:
    """Return the lines of events."""
    return [delivery_of(index).line for index in indexes]


def left_key(*indexes: int) -> str:
    """Return the key of the object that keeps these events of ``KEY``."""
    return part_key(KEY, [delivery_of(index).event_id for index in indexes])


def part_key(key: str, ids: Sequence[str]) -> str:
    """Return the key of the object that keeps a part of another's events."""
    parsed = ArchiveKey.parse(key)
    assert parsed is not None
    return parsed.for_events(ids).format()


def with_pseudonym(index: int) -> str:
    """Return a line whose subscription has a pseudonym."""
    known = delivery_of(index)
    name = PSEUDONYMS.of(Kind.SUBSCRIPTION, f"madeup:eu:{index}")
    return known.line.replace(f"madeup:eu:{index}", name).replace(known.event_id, "a" * 32)


@pytest.mark.parametrize(
    ("versions", "current", "kept", "counts"),
    [
        ([lines(1, 11, 2)], {left_key(11, 2): lines(11, 2)}, [], {"objects_rewritten": 1}),
        ([lines(1)], {}, [], {"objects_deleted": 1}),
        ([[*lines(1), with_pseudonym(1), *lines(2)]], {left_key(2): lines(2)}, [], {"lines": 2}),
        (
            [lines(1, 3), lines(4), lines(1, 2)],
            {left_key(2): lines(2)},
            [KEY],
            {"old_versions": 1, "others_in_old_versions": 1, "lines": 2},
        ),
        ([lines(1, 2), lines(2)], {KEY: lines(2)}, [], {"old_versions": 1}),
    ],
    ids=["others", "nobody else", "pseudonyms", "old versions stay old", "put right by hand"],
)
def test_versions_with_their_lines_go(
    aws: Aws,
    versions: list[list[str]],
    current: dict[str, list[str]],
    kept: list[str],
    counts: dict[str, int],
) -> None:
    """Every version with a line of the subscriber is deleted; others' current lines stay.

    A dry run before counts the same and changes nothing; a second run finds nothing.
    """
    bucket = MadeUpBucket(aws)
    for each in versions:
        bucket.put(KEY, each)
    before = bucket.current()
    is_theirs = subject(1, PSEUDONYMS)
    counted = bucket.erase(is_theirs, is_dry_run=True)
    assert bucket.current() == before
    findings = bucket.erase(is_theirs)
    assert (findings.counts, findings.days) == (counted.counts, counted.days)
    assert findings.counts | counts == findings.counts
    assert findings.days == {"handset_change": {"2026-03-01"}}
    assert bucket.current() == current
    assert sorted(bucket.versions()) == sorted([*current, *kept])
    for key in current:
        head = bucket.s3.head_object(Bucket=bucket.name, Key=key)
        assert head["ContentType"] == "made/up"
    assert bucket.erase(is_theirs).is_empty


@pytest.mark.parametrize("there", [2, 3])
def test_new_object_that_is_there_already(aws: Aws, there: int) -> None:
    """An object of an interrupted run is used; if another one is there, nothing is deleted."""
    bucket = MadeUpBucket(aws)
    bucket.put(KEY, lines(1, 2))
    bucket.put(left_key(2), lines(there))
    if there == 2:
        bucket.erase(subject(1))
        assert bucket.current() == {left_key(2): lines(2)}
    else:
        with pytest.raises(ErasureError, match="with other content, so nothing was deleted"):
            bucket.erase(subject(1))
        assert bucket.current()[KEY] == lines(1, 2)


def test_cut_off_between_versions_nothing_comes_back(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The current version is deleted last, so that no older one with the lines becomes current."""
    bucket = MadeUpBucket(aws)
    bucket.put(KEY, lines(1, 3))
    bucket.put(KEY, lines(1, 2))
    is_read = bucket.s3.head_object(Bucket=bucket.name, Key=KEY)["VersionId"]
    deleted = []
    delete = bucket.s3.delete_object

    def note(**request: Any) -> Any:
        deleted.append(request.get("VersionId"))
        return delete(**request)

    monkeypatch.setattr(bucket.s3, "delete_object", note)
    bucket.erase(subject(1))
    assert len(deleted) == 2
    assert deleted[-1] == is_read
    assert bucket.current() == {left_key(2): lines(2)}


def test_quarantine(aws: Aws) -> None:
    """A record is deleted if its message contains the whole id; one with a longer id stays."""
    bucket = MadeUpBucket(aws)
    records = {
        index: json.dumps({"event_id": f"{index:032d}", "raw": b64encode(body).decode()})
        for index, body in enumerate([poison_message(1), poison_message(11), message(1), b"\xff"])
    }
    originals = "quarantine/handset_change/withheld/20260301T120000Z-0.ndjson.gz"
    for index in (0, 1):
        bucket.put(f"quarantine/handset_change/{index}.json", [records[index]])
    bucket.put(originals, [records[2], records[3]])
    assert bucket.erase(subject(1)).counts["records"] == 2
    assert bucket.current() == {
        "quarantine/handset_change/1.json": [records[1]],
        part_key(originals, [f"{3:032d}"]): [records[3]],
    }


def test_locked_object_is_reported(aws: Aws) -> None:
    """A locked object stays, and so do others' lines; the error names the end of the lock."""
    bucket = MadeUpBucket(aws, has_lock=True)
    locked: Any = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": LATER}
    bucket.put(KEY, lines(1, 2), **locked)
    with pytest.raises(ErasureError, match=r"object lock until 2099-01-01.*--bypass-lock"):
        bucket.erase(subject(1))
    assert bucket.current()[KEY] == lines(1, 2)

    bucket.erase(subject(1), bypasses_lock=True)
    assert bucket.current() == {left_key(2): lines(2)}
    head = bucket.s3.head_object(Bucket=bucket.name, Key=left_key(2))
    assert head["ObjectLockMode"] == "GOVERNANCE"
    assert abs(head["ObjectLockRetainUntilDate"] - LATER) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no gzip", "it is not a complete gzip file"),
        (
            gzip.compress(b'{"subscription_id":"madeup:eu:1"')[:-4],
            "it is not a complete gzip file",
        ),
        (gzip.compress(b'{"subscription_id":"madeup:eu:1"'), "its content is malformed"),
        (
            gzip.compress(b'{"subscription_id":"madeup:eu:1"}\n{}\n'),
            "beside the subscriber's events it has a line without an event id",
        ),
    ],
    ids=["no gzip", "cut short", "no JSON", "no event id"],
)
def test_unreadable_object_stays_and_is_reported(aws: Aws, body: bytes, reason: str) -> None:
    """An object that can't be read is unchanged and reported; others are processed."""
    bucket = MadeUpBucket(aws)
    bucket.s3.put_object(Bucket=bucket.name, Key=KEY, Body=body)
    other = KEY.replace("12000", "12001")
    bucket.put(other, lines(1))
    findings = bucket.erase(subject(1))
    assert findings.unchecked == {KEY: reason}
    assert bucket.versions() == [KEY]


def test_which_objects_are_read(aws: Aws) -> None:
    """Lines below an earlier prefix are read; files of the table and older objects are not."""
    bucket = MadeUpBucket(aws)
    file = "events/tables/handset_change/dt=2026-03-01/run/part-0"
    bucket.put(KEY.replace("events/", "earlier/"), lines(1))
    bucket.put(file, ["made up"])
    assert bucket.erase(subject(1), since=LATER).counts["objects_read"] == 0
    findings = bucket.erase(subject(1), since=datetime(2020, 1, 1, tzinfo=UTC))
    assert bucket.versions() == [file]
    assert findings.unchecked == {}


def test_what_lies_elsewhere_is_named(aws: Aws) -> None:
    """Objects below no known prefix are named, deleted ones too; others are not."""
    bucket = MadeUpBucket(aws)
    for key in ("a/b/1", "a/c/2", "a/c/3", "a/b2/4", "other/5", "6", "known/7"):
        bucket.put(key, [])
        bucket.s3.delete_object(Bucket=bucket.name, Key=key)
    outside = Bucket(bucket.s3, bucket.name, bypasses_lock=False).outside(["a/b", "known"])
    assert sorted(outside) == ["6", "a/b2/", "a/c/", "other/"]


def test_pseudonyms_without_a_key_are_reported(aws: Aws) -> None:
    """Lines with pseudonyms are reported as not checked if there is no key."""
    bucket = MadeUpBucket(aws)
    name = PSEUDONYMS.of(Kind.SUBSCRIPTION, "madeup:eu:1")
    bucket.put(KEY, [delivery_of(1).line.replace("madeup:eu:1", name), *lines(2)])
    assert "with --pseudonym-key" in bucket.erase(subject(1)).unchecked["events/"]
    others = Pseudonyms(b"another-key-of-letters-and-digits-0123456789ABCDEF")
    assert bucket.erase(subject(1, others, PSEUDONYMS)).unchecked == {}
    assert bucket.current() == {left_key(2): lines(2)}
