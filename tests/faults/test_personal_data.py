"""Personal data stays in the events: under all faults, nothing else that is written holds any."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from eventdrain.events import STREAMS
from simulator.event_server import (
    ACK_FAILURE,
    NOT_PROTOBUF,
    StreamFault,
    cut_short,
    made_up_events,
    of_size,
    with_bad_payload,
    with_bad_utf8,
    with_text,
    with_timestamp,
    with_unknown_fields,
    without_payload,
)
from simulator.reconciliation import archive_keys, message_lines
from tests.deliveries import EventReader
from tests.faults.http_proxy import GetSecretFault, PutObjectFault, SendBatchFault
from tests.faults.personal_values import forms, found, personal_values
from tests.faults.processes import invoke
from tests.integration.replaying import messages, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from simulator.event_server import Event
    from tests.faults.scene import Scene

_SOUND: Final = 20
_BEGINNINGS: Final = ("+999", "00101", "madeup:", "00100100")
"""The shape of a number with its plus sign, an IMSI, a subscription id, an IMEI."""
_KEY: Final = "made-up-key-of-letters-and-digits-0123456789ABCDEF"
_OVERSIZE: Final = 1_200_000


def _with_long_number(event: Event) -> Event:
    number = next(value for value in personal_values([event]) if value.startswith("+"))
    return with_text(event, number * (_OVERSIZE // len(number)))


_ODD_LINES: Final[Sequence[Callable[[Event], Event]]] = (
    _with_long_number,
    lambda event: with_timestamp(event, Timestamp(seconds=-(2**60))),
)
_STORED_APART: Final[Sequence[Callable[[Event], Event]]] = (
    with_unknown_fields,
    lambda event: of_size(event, _OVERSIZE),
)
_UNREADABLE: Final = (with_bad_utf8, with_bad_payload, cut_short, without_payload)
_PASSING_FAULTS: Final = (
    PutObjectFault(is_reset=True),
    SendBatchFault(failed=(0, 3), is_senders_fault=True),
    ACK_FAILURE,
    NOT_PROTOBUF,
    StreamFault(after=5, code=grpc.StatusCode.UNAVAILABLE),
)
_FATAL_FAULTS: Final = (
    GetSecretFault(status=400, code="AccessDeniedException"),
    StreamFault(code=grpc.StatusCode.PERMISSION_DENIED),
    PutObjectFault(status=403, code="AccessDenied"),
    SendBatchFault(status=400, code="QueueDoesNotExist"),
)


class Known:
    """Publishes events, and records their personal values.

    Attributes:
        values: Values that must not be anywhere else.
        lines: How many of the events become lines.
        not_in_lines: The events that aren't completely in a line.
        subscription: One of their subscription ids.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._seed = 4711
        self.values: frozenset[str] = frozenset()
        self.lines = 1
        self.not_in_lines: list[Event] = []
        first = self._publish_one(lambda event: event)
        delivery = EventReader(STREAMS["handset_change"]).read(first.undelivered, datetime.now(UTC))
        self.subscription = delivery.subscription_id

    def publish(self) -> None:
        """Publish some valid events, and one of each odd kind."""
        for change in (*[lambda event: event] * _SOUND, *_ODD_LINES):
            self._publish_one(change)
        self.lines += _SOUND + len(_ODD_LINES) + len(_STORED_APART)
        self.not_in_lines += map(self._publish_one, (*_STORED_APART, *_UNREADABLE))

    def _publish_one(self, change: Callable[[Event], Event]) -> Event:
        self._seed += 1
        for event in made_up_events("handset_change", 50, self._seed):
            values = personal_values([event])
            # Not every event has a value of each kind.
            if all(any(value.startswith(begin) for value in values) for begin in _BEGINNINGS):
                break
        self.values |= values
        changed = change(event)
        self._scene.event_server.publish([changed])
        return changed


@pytest.fixture
def known(scene: Scene) -> Known:
    """Return the publisher after its first event, which is of its subscription."""
    return Known(scene)


def _store_key(scene: Scene) -> str:
    """Create the secret with the key of pseudonyms, and return its ARN."""
    name = f"{scene.places.bucket}-key"
    return str(scene.cloud.secrets.create_secret(Name=name, SecretString=_KEY)["ARN"])


def _drain(scene: Scene, event: object = None, **variables: str) -> None:
    """Run the drain's function with all logging on."""
    invoke(scene, "drain_events", event, POWERTOOLS_LOG_LEVEL="DEBUG", **variables)


def _drain_through_faults(
    scene: Scene, known: Known, *windows: tuple[object, ...], **variables: str
) -> None:
    """Drain in windows with different faults, and then without faults."""
    for faults in windows:
        known.publish()
        for fault in faults:
            scene.faults.inject(fault, times=2)
        _drain(scene, **variables)
        assert all(scene.faults.struck(fault) > 0 for fault in faults), scene.log[-3000:]
        scene.faults.clear()
    scene.event_server.tokens.revoke_all()
    for _ in range(4):
        _drain(scene, **variables)
        if scene.is_drained:
            return
    raise AssertionError(scene.log[-3000:])


def _replay_every_way(scene: Scene, folder: Path, subscription: str) -> None:
    """Replay by function and by command, with and without faults, and with wrong requests."""
    selection = {"subscriptions": [subscription]}
    for event in (
        {**selection, "dry_run": False},
        {"subscriptions": subscription},
        {subscription: True},
        {"event_ids": [subscription]},
    ):
        invoke(scene, "replay_events", event, POWERTOOLS_LOG_LEVEL="DEBUG")
    replay(scene, folder, "--dry-run", "--subscription", subscription)
    replay(scene, folder, "--yes", "--event-id", subscription, status=2)
    scene.faults.inject(SendBatchFault(status=403, code="AccessDeniedException"), skip=4)
    replay(scene, folder, "--yes", "--rate", "20", status=1)
    scene.faults.clear()
    assert list(folder.iterdir()), "an interrupted replay leaves its checkpoint"


def _beside_the_events(scene: Scene, folder: Path, sent: Sequence[dict[str, Any]]) -> str:
    """Return all that the runs have written, except for the events themselves."""
    texts = [scene.log, *(key for key, _ in archive_keys(scene.cloud.s3, scene.places.bucket))]
    for message in sent:
        attributes = {**message, "Body": ""}
        if "pointer" not in message["MessageAttributes"]:
            attributes["MD5OfBody"] = ""
        texts.append(json.dumps(attributes, default=str))
    for path in folder.iterdir():
        texts += [path.name, path.read_text()]
    return "\n".join(texts)


def _archived(scene: Scene, prefix: str) -> Iterator[dict[str, Any]]:
    """Read the lines and records below a prefix."""
    for key, _ in archive_keys(scene.cloud.s3, scene.places.bucket):
        if key.startswith(prefix):
            body = scene.cloud.s3.get_object(Bucket=scene.places.bucket, Key=key)["Body"].read()
            text = gzip.decompress(body) if key.endswith(".gz") else body
            yield from map(json.loads, text.splitlines())


def test_logs_metrics_errors_and_names_hold_nothing_personal(
    scene: Scene, known: Known, tmp_path: Path
) -> None:
    """With all logging on and every fault, only the events hold personal data."""
    _drain_through_faults(scene, known, *((fault,) for fault in _FATAL_FAULTS), _PASSING_FAULTS)
    _drain(scene, {"event_type": "none"})
    sent = messages(scene)
    _replay_every_way(scene, tmp_path, known.subscription)

    assert found(known.values, _beside_the_events(scene, tmp_path, [*sent, *messages(scene)])) == []
    lines = json.dumps([*_archived(scene, "events/")])
    assert found([known.subscription], lines), "the search works"


def test_pseudonyms_leave_nothing_personal_but_in_quarantine(
    scene: Scene, known: Known, tmp_path: Path
) -> None:
    """With pseudonyms on, lines and messages hold nothing personal, and nothing is lost."""
    variables = {"PSEUDONYM_KEY_SECRET_ARN": _store_key(scene)}
    _drain_through_faults(scene, known, _PASSING_FAULTS, **variables)
    sent = messages(scene)
    lines = [*_archived(scene, "events/")]

    everything = json.dumps([lines, sent], default=str) + _beside_the_events(scene, tmp_path, sent)
    assert found(known.values, everything) == []
    assert _KEY not in scene.log
    ids = {line["event_id"] for line in lines}
    assert len(ids) == known.lines
    assert {line["event_id"] for each in sent for line in message_lines(each["Body"])} >= ids

    records = [*_archived(scene, "quarantine/")]
    apart = [*_archived(scene, "quarantine/handset_change/withheld/")]
    assert {record["event_id"] for record in apart} <= ids
    stored = [b64decode(record["raw"]) for record in records]
    for event in known.not_in_lines:
        parts = (event.metadata, event.payload or b"", event.extra)
        assert any(all(part in message for part in parts) for message in stored)


def test_without_a_key_nothing_is_read(scene: Scene) -> None:
    """A run without a key fails and names the setting; it opens no stream and mints no token."""
    scene.publish(3)

    report = scene.drain(pseudonym_key_secret_arn=scene.places.token_arn)  # never filled

    assert (report.error or "").startswith("PSEUDONYM_KEY_SECRET_ARN: there is no key in")
    assert scene.event_server.ledger().streams == {}
    assert scene.token_server.minted == 0
    scene.check(is_settled=False)


def test_key_is_read_once(scene: Scene) -> None:
    """The key is requested once for all runs of an execution environment."""
    arn = _store_key(scene)
    asked = []
    for seed, key in enumerate((arn, arn, "")):
        before = len(scene.journal.calls("GetSecretValue"))
        scene.publish(3, seed=seed)
        assert scene.drain(pseudonym_key_secret_arn=key).acked == 3
        asked.append(len(scene.journal.calls("GetSecretValue")) - before)

    assert asked[0] > asked[1] == asked[2], "later runs request only the token"


def test_search_finds_every_form() -> None:
    """The search finds a value anywhere within a text, encoded or not."""
    value = "001010000000001"
    for before in ("", "a", "ab", "abc"):
        text = f"{before}{value} and more"
        for written in (text, b64encode(text.encode()).decode(), text.encode().hex()):
            assert found([value], written)
    assert not found([value], "00101000000000")
    assert all(len(form) > 9 for form in forms(value))
