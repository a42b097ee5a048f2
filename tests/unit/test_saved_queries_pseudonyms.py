"""The saved queries find with pseudonyms what they find without, under other names."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Final

import pytest
from google.protobuf.json_format import ParseDict

from eventdrain.events import STREAMS, Kind, Pseudonyms
from tests.archive import ArchivePlan, made_up_objects
from tests.deliveries import RECEIVED_AT, EventReader
from tests.unit.test_saved_queries_meaning import Archive, Change
from wgtwo.subscription.v1.subscription_events_pb2 import StreamHandsetChangeEventsResponse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PSEUDONYMS: Final = Pseudonyms(b"made-up-key-of-letters-and-digits-0123456789ABCDEF")
PLAN: Final = ArchivePlan(
    last_day=date(2026, 11, 24), events=1_500, days=3, streams=("handset_change",)
)


def messages() -> list[bytes]:
    """Give the messages that an archive of made-up events would have come from."""
    found = {}
    for made_up in made_up_objects(PLAN):
        for delivery in made_up.deliveries:
            line = json.loads(delivery.line)
            response = StreamHandsetChangeEventsResponse()
            ParseDict(line["event"], response.handset_change_event)
            identifier = response.metadata.identifier
            identifier.subscription_identifier.wg2rn = line["subscription_id"] or ""
            found[delivery.event_id] = response.SerializeToString()
    return list(found.values())


def filled(sent: Sequence[bytes], pseudonyms: Pseudonyms | None) -> Archive:
    """Make an archive of messages as the engine would write them."""
    reader = EventReader(STREAMS["handset_change"], pseudonyms)
    archive = Archive()
    for index, message in enumerate(sent):
        line = json.loads(reader.read(message, RECEIVED_AT).line)
        before, after = (
            line["event"].get(part, {}).get("imei_sv", {}) for part in ("previous", "current")
        )
        archive.change(
            Change(
                event_id=f"{index:05}",
                subscription_id=line["subscription_id"],
                imsi=line["event"].get("imsi", {}).get("value"),
                previous_imei=before.get("imei"),
                previous_software_version=before.get("software_version"),
                current_imei=after.get("imei"),
                current_software_version=after.get("software_version"),
            )
        )
    return archive


@pytest.fixture(scope="module")
def archives() -> Iterator[tuple[Archive, Archive]]:
    """The events in the clear, and with pseudonyms."""
    sent = messages()
    both = filled(sent, None), filled(sent, PSEUDONYMS)
    yield both
    for archive in both:
        archive.close()


def name(kind: Kind, text: str | None) -> str | None:
    """Give what a text is called in the second archive."""
    return None if text is None else PSEUDONYMS.of(kind, text)


def test_model_changes(archives: tuple[Archive, Archive]) -> None:
    """Models are told by the part of an IMEI that stays clear: the answers are the same."""
    clear, pseudonymised = (each.answer("model_changes_by_tac") for each in archives)
    assert len(clear) > 1
    assert pseudonymised == clear


def test_software_updates(archives: tuple[Archive, Archive]) -> None:
    """A handset that stayed the same has the same pseudonym before and after."""
    clear, pseudonymised = (each.answer("software_updates") for each in archives)
    assert len(clear) > 1
    assert pseudonymised == [
        (time, name(Kind.SUBSCRIPTION, subscription), name(Kind.IMEI, imei), *versions)
        for time, subscription, imei, *versions in clear
    ]


def test_sims_moved_often(archives: tuple[Archive, Archive]) -> None:
    """SIMs and the handsets that they went to are counted as before."""
    clear, pseudonymised = (each.answer("sims_moved_often", 1) for each in archives)
    assert len(clear) > 1
    assert sorted(pseudonymised) == sorted(
        (day, name(Kind.IMSI, imsi), *counts) for day, imsi, *counts in clear
    )
