"""What a bucket has that no pass looks at, such as what lies below a prefix of before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drainctl.erase.store import Store


def elsewhere(store: Store, known: Sequence[str]) -> Iterator[str]:
    """Give the folders and objects of a bucket that lie below none of some prefixes.

    Args:
        store: The bucket.
        known: The prefixes, without a slash at the end.

    Raises:
        ErasureFailed: They can't be listed.
    """
    yield from _within(store, "", tuple(f"{prefix}/" for prefix in known))


def _within(store: Store, folder: str, known: tuple[str, ...]) -> Iterator[str]:
    for place in dict.fromkeys(store.places(folder)):
        if place.startswith(known):
            continue
        if place.endswith("/") and any(prefix.startswith(place) for prefix in known):
            yield from _within(store, place, known)
        else:
            yield place
