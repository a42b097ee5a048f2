"""The made-up subscriptions that things happen to.

Numbers are of the country code 999 that no country has, IMSIs of the test network 001-01. A few are
as odd as real ones are: a number without its plus sign or none at all, a scrambled IMSI, only the
deprecated identifier.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from tests.archive.plan import ArchivePlan

DEPRECATED: Final = "ce78"
"""What an identifier begins with that came in the deprecated field."""
_ODDNESS: Final = 0.01
_EVENTS_EACH: Final = 10
_FEWEST: Final = 20


class Subscriber(NamedTuple):
    """A made-up subscription."""

    subscription_id: str
    imsi: str
    number: str | None


def subscribers(plan: ArchivePlan, event_type: str) -> list[Subscriber]:
    """Give the subscriptions of an archive: the same to each stream, but for a number left out."""
    chance = random.Random(f"{plan.seed} subscribers")  # noqa: S311 - test data, not secrets
    knows_numbers = event_type not in plan.without_number
    made_up = []
    for serial in range(max(_FEWEST, plan.events // _EVENTS_EACH)):
        odd = chance.random() / _ODDNESS  # below 4: odd in one of four ways
        name = f"{serial:010d}"
        number = None if int(odd) == 0 else f"{'' if int(odd) == 1 else '+'}999{name}"
        made_up.append(
            Subscriber(
                subscription_id=f"{DEPRECATED}{name}" if int(odd) == 2 else f"madeup:eu:{name}",
                imsi=f"Rn{name}" if int(odd) == 3 else f"00101{name}",
                number=number if knows_numbers else None,
            )
        )
    return made_up
