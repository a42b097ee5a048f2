"""A made-up archive, and what the saved queries must answer about it.

``made_up`` makes the objects and the facts of their lines. ``expected`` computes the answers from
the facts in plain Python.
"""

from tests.archive.made_up import (
    ArchiveObject,
    ArchivePlan,
    MadeUpEvent,
    MadeUpLine,
    made_up_objects,
    write_archive,
)

__all__ = [
    "ArchiveObject",
    "ArchivePlan",
    "MadeUpEvent",
    "MadeUpLine",
    "made_up_objects",
    "write_archive",
]
