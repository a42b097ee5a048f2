"""Personal data in the messages: for every field that could name a person, whether it does.

The one place that says so. Fields are those of the vendor's interface, by their full names. What
carries no text and no number of the vendor's own (booleans, enumerations, timestamps, durations)
needs no entry. A field that is in neither table can't be pseudonymised: a test holds the tables to
the streams' descriptors, and the engine refuses such a stream while pseudonyms are on.

Personal is what singles out one subscriber or one handset. A subscription id does, although it is
only the operator's own name for somebody: whoever can ask the operator gets the number for it.
Where somebody is and what the handset's software is says something about a person, and doesn't say
who it is.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """What identifies: equal texts of two kinds have different pseudonyms."""

    IMSI = "imsi"
    IMEI = "imei"
    NUMBER = "number"
    SUBSCRIPTION = "subscription"


PERSONAL: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "wgtwo.common.v1.Imsi.value": Kind.IMSI,
        "wgtwo.common.v1.ImeiSv.imei": Kind.IMEI,
        "wgtwo.common.v1.E164.e164": Kind.NUMBER,
        "wgtwo.common.v1.SubscriptionIdentifier.wg2rn": Kind.SUBSCRIPTION,
        "wgtwo.common.v1.SubscriptionIdentifier.value": Kind.SUBSCRIPTION,
    }
)
"""The fields that identify, and what."""

NOT_PERSONAL: Final[frozenset[str]] = frozenset(
    {
        "wgtwo.common.v1.Country.code",
        "wgtwo.common.v1.Country.name",
        "wgtwo.common.v1.ImeiSv.software_version",
        "wgtwo.consents.v1.ConsentAdded.scopes",
        "wgtwo.consents.v1.ConsentUpdated.scopes",
        # A company's.
        "wgtwo.consents.v1.ConsentChangeEvent.tenant",
        # One delivery's, made by the server, and sent back to it unchanged. It is not archived.
        "wgtwo.events.v1.AckInfo.value",
    }
)
"""The fields that identify nobody."""
