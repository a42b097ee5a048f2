"""With pseudonyms the saved queries find the same rows."""

from __future__ import annotations

from typing import Any, Final

import pytest

from eventdrain.events import Kind, Pseudonyms
from tests.unit.test_saved_queries_meaning import Archive, Change

PSEUDONYMS: Final = Pseudonyms(b"made-up-key-of-letters-and-digits-0123456789ABCDEF")
ONE, SAME_MODEL, OTHER = "001001001111111", "001001002222222", "001002003333333"
CHANGES: Final = (
    Change("a", previous_imei=ONE, current_imei=OTHER),
    Change("b", previous_imei=OTHER, current_imei=SAME_MODEL),
    Change("c", previous_imei=ONE, current_imei=SAME_MODEL),
    Change("d", previous_imei=None, current_imei=OTHER, imsi=None),
    Change("e", previous_imei=ONE, current_imei=ONE, current_software_version="02"),
    Change("f", previous_imei=ONE, current_imei=OTHER, subscription_id="bert", imsi="other"),
    Change("g", previous_imei=OTHER, current_imei=ONE, subscription_id=None, imsi="other"),
)


def name(kind: Kind, text: str | None) -> str | None:
    """Return the pseudonym of a text."""
    return None if text is None else PSEUDONYMS.of(kind, text)


def renamed(change: Change) -> Change:
    """Return a change with pseudonyms."""
    return change._replace(
        subscription_id=name(Kind.SUBSCRIPTION, change.subscription_id),
        imsi=name(Kind.IMSI, change.imsi),
        previous_imei=name(Kind.IMEI, change.previous_imei),
        current_imei=name(Kind.IMEI, change.current_imei),
    )


NAMES: Final = {
    text: pseudonym
    for change in CHANGES
    for text, pseudonym in zip(change, renamed(change), strict=True)
    if isinstance(text, str)
}
"""The pseudonym of each text; most texts have none."""


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("todays_handset_changes", ()),
        ("model_changes_by_tac", ()),
        ("software_updates", ()),
        ("sims_moved_often", (1,)),
        ("subscriber_history", ("anna",)),
    ],
)
def test_answers_are_the_same(query: str, parameters: tuple[Any, ...]) -> None:
    """Models and handsets are distinguished as before, and a query by pseudonym finds the same."""
    clear, pseudonymised = Archive(), Archive()
    clear.change(*CHANGES)
    pseudonymised.change(*map(renamed, CHANGES))
    asked = tuple(NAMES.get(each, each) for each in parameters)
    rows = clear.answer(query, *parameters)
    assert rows
    assert sorted(map(repr, pseudonymised.answer(query, *asked))) == sorted(
        repr(tuple(NAMES.get(value, value) for value in row)) for row in rows
    )
