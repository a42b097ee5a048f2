"""The kinds of objects that a bucket has of a subscriber, and below which prefixes they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from drainctl.erase.subject import Subject


@dataclass(frozen=True, slots=True)
class Kind:
    """What lies below a prefix.

    Attributes:
        prefix: What its keys begin with, a slash at the end.
        counted_as: What one of them is counted as.
        is_theirs: Tells whether a line, or a record, is the subject's.
        may_be_theirs: Tells whether it may be, and nobody can tell without a key.
        others: The prefixes below this one that hold something else.
    """

    prefix: str
    counted_as: str
    is_theirs: Callable[[bytes], bool]
    may_be_theirs: Callable[[bytes], bool]
    others: tuple[str, ...]


def kinds(
    subject: Subject,
    *,
    archive_prefixes: Sequence[str],
    quarantine_prefixes: Sequence[str],
    tables_prefix: str,
) -> Sequence[Kind]:
    """Give the kinds.

    Args:
        subject: Who is forgotten.
        archive_prefixes: What the keys of lines begin with, without a slash at the end.
        quarantine_prefixes: Likewise of what is in quarantine.
        tables_prefix: Likewise of the compacted tables' files, which are none of these kinds.
    """
    known = [f"{each}/" for each in (*archive_prefixes, *quarantine_prefixes, tables_prefix)]
    lines = [
        Kind(prefix, "lines", subject.has_line, subject.has_unknown_pseudonym, others)
        for prefix, others in _apart(archive_prefixes, known)
    ]
    records = [
        Kind(prefix, "records", subject.has_record, _never, others)
        for prefix, others in _apart(quarantine_prefixes, known)
    ]
    return (*lines, *records)


def _apart(names: Iterable[str], known: Sequence[str]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Give each prefix, with those of the known ones that lie below it."""
    for name in names:
        prefix = f"{name}/"
        yield prefix, tuple(each for each in known if each != prefix and each.startswith(prefix))


def _never(_record: bytes) -> bool:
    """Say no: what is in quarantine is never pseudonymised."""
    return False
