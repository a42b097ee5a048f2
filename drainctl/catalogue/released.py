"""The columns of compacted tables in deployed stacks, which must not change."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMON: Final = (
    "event_id",
    "copies",
    "event_time",
    "subscription_id",
    "redelivered",
    "received_at",
)
"""The first columns of every table. The files in ``stacks/sql/compaction`` name them too."""
RELEASED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "handset_change": (
            *COMMON,
            "previous_imei",
            "previous_software_version",
            "current_imei",
            "current_software_version",
            "imsi",
            "number",
            "raw",
        ),
        "country_change": (
            *COMMON,
            "previous_code",
            "previous_name",
            "current_code",
            "current_name",
            "number",
            "raw",
        ),
        "first_attachment": (*COMMON, "number", "imsi", "raw"),
        "periodic_country": (*COMMON, "number", "imsi", "country_code", "country_name", "raw"),
        "consent_change": (
            *COMMON,
            "added_scopes",
            "updated_scopes",
            "revoked",
            "number",
            "tenant",
            "raw",
        ),
    }
)
"""The names of each stream's other columns, in order, by event type. Add a new column at the end of
its stream's list. Never move or remove a column. This table is edited by hand, so that no generator
can change the order of columns that are already compacted."""
