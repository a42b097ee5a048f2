"""Classification of message fields: which fields hold personal data.

Fields are listed by their full names in the vendor's interface. Booleans, enumerations, timestamps
and durations need no entry. Every other field must be in one of the two tables: a test compares the
tables with the streams' descriptors, and a stream with an unclassified field cannot be drained with
pseudonyms.

A field is personal if it singles out one subscriber or one handset. A subscription id is personal
because the operator can resolve it to a phone number. A country or a handset's software version
describes a person but does not identify them.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """The kind of an identifier. Equal texts of different kinds have different pseudonyms."""

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
"""The fields that hold personal data, and the kind of identifier in each."""

NOT_PERSONAL: Final[frozenset[str]] = frozenset(
    {
        "wgtwo.common.v1.Country.code",
        "wgtwo.common.v1.Country.name",
        "wgtwo.common.v1.ImeiSv.software_version",
        "wgtwo.consents.v1.ConsentAdded.scopes",
        "wgtwo.consents.v1.ConsentUpdated.scopes",
        # Identifies a company.
        "wgtwo.consents.v1.ConsentChangeEvent.tenant",
        # The server's handle for one delivery. It is sent back unchanged and is not archived.
        "wgtwo.events.v1.AckInfo.value",
    }
)
"""The fields that do not hold personal data."""
