"""Personal data stay in the events: whatever goes wrong, nothing else that is written holds any."""

from __future__ import annotations

import gzip
import json
import sys
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from eventdrain.events import STREAMS, DeliveryReader
from simulator.aws.embedded_aws import PROJECT_FOLDER
from simulator.child_process import run_child
from simulator.event_server import StreamFault, made_up_events
from simulator.event_server.faults import ACK_FAILURE, NOT_PROTOBUF
from simulator.event_server.odd_events import (
    cut_short,
    of_size,
    with_bad_payload,
    with_bad_utf8,
    with_text,
    with_timestamp,
    with_unknown_fields,
    without_payload,
)
from simulator.reconciliation import archive_keys, message_lines
from tests.faults.http_proxy import GetSecretFault, PutObjectFault, SendBatchFault
from tests.faults.personal_values import forms, found, personal_values
from tests.faults.processes import PATH
from tests.integration.replaying import messages, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from simulator.event_server import Event
    from tests.faults.scene import Scene

_SEED: Final = 4711
_SOUND: Final = 20
_BEGINNINGS: Final = ("+999", "00101", "madeup:", "00100100")
"""Of a number with its plus sign, an IMSI, a subscription id, an IMEI."""
_KEY: Final = "made-up-key-of-letters-and-digits-0123456789ABCDEF"
_OVERSIZE: Final = 1_200_000


def _with_long_number(event: Event) -> Event:
    number = next(value for value in personal_values([event]) if value.startswith("+"))
    return with_text(event, number * (_OVERSIZE // len(number)))


_ODD_LINES: Final[dict[str, Callable[[Event], Event]]] = {
    "a number too large for a message": _with_long_number,
    "time out of range": lambda event: with_timestamp(event, Timestamp(seconds=-(2**60))),
}
_WITHHELD: Final[dict[str, Callable[[Event], Event]]] = {
    "unknown fields": with_unknown_fields,
    "a large unknown field": lambda event: of_size(event, _OVERSIZE),
}
_UNREADABLE: Final[dict[str, Callable[[Event], Event]]] = {
    "no UTF-8": with_bad_utf8,
    "bad payload": with_bad_payload,
    "cut short": cut_short,
    "no payload": without_payload,
}


class Known:
    """Publishes events, and knows what they say of anybody.

    Attributes:
        values: What must be found nowhere else.
        lines: How many of them become lines.
        not_in_lines: The events that no line holds whole.
        subscription: Somebody's.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._seed = _SEED
        self.values: frozenset[str] = frozenset()
        self.lines = 1
        self.not_in_lines: list[Event] = []
        first = self._publish_one(lambda event: event)
        delivery = DeliveryReader(STREAMS["handset_change"]).read(
            first.undelivered, datetime.now(UTC)
        )
        self.subscription = delivery.subscription_id

    def publish(self) -> None:
        """Publish some sound events, and one of each odd kind."""
        for _ in range(_SOUND):
            self._publish_one(lambda event: event)
        for change in _ODD_LINES.values():
            self._publish_one(change)
        self.lines += _SOUND + len(_ODD_LINES) + len(_WITHHELD)
        self.not_in_lines += [
            self._publish_one(change) for change in (*_WITHHELD.values(), *_UNREADABLE.values())
        ]

    def _publish_one(self, change: Callable[[Event], Event]) -> Event:
        self._seed += 1
        candidates = made_up_events("handset_change", 50, self._seed)
        # Not every one of them has all.
        event = next(each for each in candidates if _has_all(personal_values([each])))
        self.values |= personal_values([event])
        changed = change(event)
        self._scene.event_server.publish([changed])
        return changed


def _has_all(values: Collection[str]) -> bool:
    return all(any(value.startswith(begin) for value in values) for begin in _BEGINNINGS)


@pytest.fixture
def known(scene: Scene) -> Known:
    """Give who publishes; the first event is there, and is of the subscription."""
    return Known(scene)


def _run_function(scene: Scene, function: str, event: dict[str, Any], **variables: str) -> str:
    """Run a function's handler as Lambda does; give all that it printed, answered or raised."""
    done = run_child(
        [sys.executable, "-m", "tests.faults.handler_process", function, json.dumps(event)],
        folder=PROJECT_FOLDER,
        environment={
            **scene.environment(),
            "PYTHONPATH": PATH,
            "POWERTOOLS_LOG_LEVEL": "DEBUG",
            "IDLE_SECONDS": "1",
            "LINGER_MILLISECONDS": "20",
            **variables,
        },
        seconds=90,
    )
    assert done.returncode == 0, done.stderr
    scene.record_text(done.stdout + done.stderr)
    return done.stdout


def _keep_key(scene: Scene) -> str:
    """Make the secret with the key of pseudonyms; give its ARN."""
    name = f"{scene.places.bucket}-key"
    return scene.cloud.secrets.create_secret(Name=name, SecretString=_KEY)["ARN"]


def _drain_through_faults(scene: Scene, known: Known, **variables: str) -> None:
    """Drain in windows that fail, each in another way, and then in some that don't."""
    windows: list[list[Any]] = [
        [GetSecretFault(status=400, code="AccessDeniedException")],
        [StreamFault(code=grpc.StatusCode.PERMISSION_DENIED)],
        [PutObjectFault(status=403, code="AccessDenied")],
        [SendBatchFault(status=400, code="QueueDoesNotExist")],
        [
            PutObjectFault(is_reset=True),
            SendBatchFault(failed=(0, 3), is_senders_fault=True),
            ACK_FAILURE,
            NOT_PROTOBUF,
            StreamFault(after=5, code=grpc.StatusCode.UNAVAILABLE),
        ],
    ]
    for faults in windows:
        known.publish()
        for fault in faults:
            scene.faults.inject(fault, times=2)
        told = _run_function(scene, "drain_events", {}, **variables)
        assert all(scene.faults.struck(fault) > 0 for fault in faults), told
        scene.faults.clear()
    scene.event_server.tokens.revoke_all()
    _run_function(scene, "drain_events", {"event_type": "none"}, **variables)
    for _ in range(4):
        _run_function(scene, "drain_events", {}, **variables)
        if scene.is_drained:
            return
    raise AssertionError(scene.log[-3000:])


def _replay_every_way(scene: Scene, folder: Path, subscription: str, **variables: str) -> None:
    """Replay by function and by command, with and without faults, and as asked for nonsense."""
    selection = {"subscriptions": [subscription]}
    for event in (
        selection,
        {**selection, "dry_run": False},
        {"subscriptions": subscription},
        {subscription: True},
        {"event_ids": [subscription]},
        {"dry_run": False, "rate": 0},
    ):
        _run_function(scene, "replay_events", event, **variables)
    replay(scene, folder, "--dry-run", "--subscription", subscription)
    replay(scene, folder, "--yes", "--event-id", subscription, status=2)
    refused = SendBatchFault(status=403, code="AccessDeniedException")
    scene.faults.inject(refused, skip=4)
    replay(scene, folder, "--yes", "--rate", "20", status=1)
    scene.faults.clear()
    assert list(folder.iterdir()), "an interrupted replay leaves its checkpoint"


def _beside_the_events(scene: Scene, folder: Path) -> Iterator[str]:
    """Give all that was written of the runs but for the events themselves."""
    yield scene.log
    yield "\n".join(key for key, _ in archive_keys(scene.cloud.s3, scene.places.bucket))
    for message in messages(scene):
        told = {**message, "Body": ""}
        if "pointer" not in message["MessageAttributes"]:
            told["MD5OfBody"] = ""
        yield json.dumps(told, default=str)
    for path in folder.iterdir():
        yield path.name
        yield path.read_text()


def _archived(scene: Scene, prefix: str) -> Iterator[str]:
    """Give the objects below a prefix as text."""
    for key, _ in archive_keys(scene.cloud.s3, scene.places.bucket):
        if key.startswith(prefix):
            body = scene.cloud.s3.get_object(Bucket=scene.places.bucket, Key=key)["Body"].read()
            yield gzip.decompress(body).decode() if key.endswith(".gz") else body.decode()


def test_logs_metrics_errors_and_names_hold_nothing_personal(
    scene: Scene, known: Known, tmp_path: Path
) -> None:
    """At the level DEBUG, through every fault, nothing but the events says whom they are about."""
    _drain_through_faults(scene, known)
    texts = list(_beside_the_events(scene, tmp_path))
    _replay_every_way(scene, tmp_path, known.subscription)

    for text in (*texts, *_beside_the_events(scene, tmp_path)):
        assert found(known.values, text) == []
    lines = "".join(_archived(scene, "events/"))
    assert found([known.subscription], lines), "it is looked for where it is, too"


def test_pseudonyms_leave_nothing_personal_but_in_quarantine(
    scene: Scene, known: Known, tmp_path: Path
) -> None:
    """With pseudonyms on, lines and messages hold nothing personal; nothing is lost for it."""
    variables = {"PSEUDONYM_KEY_SECRET_ARN": _keep_key(scene)}
    _drain_through_faults(scene, known, **variables)
    sent = messages(scene)
    lines = "".join(_archived(scene, "events/"))

    assert found(known.values, lines) == []
    assert found(known.values, json.dumps(sent, default=str)) == []
    for text in _beside_the_events(scene, tmp_path):
        assert found(known.values, text) == []
    assert _KEY not in scene.log
    ids = {json.loads(line)["event_id"] for line in lines.splitlines()}
    assert len(ids) == known.lines
    assert {line["event_id"] for each in sent for line in message_lines(each["Body"])} >= ids


def test_what_has_no_pseudonym_is_kept_as_it_came(scene: Scene, known: Known) -> None:
    """With pseudonyms on, what can't be read or isn't known is whole, in quarantine alone."""
    known.publish()
    report = scene.drain(pseudonym_key_secret_arn=_keep_key(scene))

    assert report.quarantined == len(_UNREADABLE)
    ids = {
        json.loads(line)["event_id"]
        for text in _archived(scene, "events/")
        for line in text.splitlines()
    }
    withheld = [
        json.loads(line)
        for text in _archived(scene, "quarantine/handset_change/withheld/")
        for line in text.splitlines()
    ]
    records = [
        json.loads(line) for text in _archived(scene, "quarantine/") for line in text.splitlines()
    ]
    assert len(withheld) == len(_WITHHELD)
    assert {record["event_id"] for record in withheld} <= ids
    kept = [b64decode(record["raw"]) for record in records]
    for event in known.not_in_lines:
        parts = (event.metadata, event.payload or b"", event.extra)
        assert any(all(part in message for part in parts) for message in kept)


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "there is no key in"), ("short", "too short"), ("gone", "GetSecretValue of")],
)
def test_without_a_key_nothing_is_read(scene: Scene, content: str | None, told: str) -> None:
    """A run without a key fails and names the setting; it mints no token and opens no stream."""
    scene.publish(3)
    arn = scene.places.token_arn  # never filled
    if content == "short":
        arn = scene.cloud.secrets.create_secret(Name=f"{arn[-6:]}-key", SecretString="short")["ARN"]
    if content == "gone":
        scene.faults.inject(GetSecretFault(status=400, code="AccessDeniedException"))

    report = scene.drain(pseudonym_key_secret_arn=arn)

    assert report.error is not None
    assert report.error.startswith("PSEUDONYM_KEY_SECRET_ARN: ")
    assert told in report.error
    assert scene.event_server.ledger().streams == {}
    assert scene.token_server.minted == 0
    scene.check(is_settled=False)


def test_key_is_read_once(scene: Scene) -> None:
    """However many runs an environment has, the key is asked for once."""
    arn = _keep_key(scene)
    asked = []
    for seed, key in enumerate((arn, arn, "")):
        before = len(scene.journal.calls("GetSecretValue"))
        scene.publish(3, seed=seed)
        assert scene.drain(pseudonym_key_secret_arn=key).acked == 3
        asked.append(len(scene.journal.calls("GetSecretValue")) - before)

    assert asked[0] > asked[1] == asked[2], "the others ask for the token alone"


def test_search_finds_every_form() -> None:
    """What is searched for is found wherever it may be within a text, encoded or not."""
    value = "001010000000001"
    for before in ("", "a", "ab", "abc"):
        text = f"{before}{value} and more"
        for written in (text, b64encode(text.encode()).decode(), text.encode().hex()):
            assert found([value], written)
    assert not found([value], "00101000000000")
    assert all(len(form) > 9 for form in forms(value))
