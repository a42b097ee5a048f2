"""Erase what a stack stores about a subscriber; see docs/personal-data.md.

====================== =============================================================================
``command``            the options
``locations``          where a stack stores events, from its outputs and parameters
``subject``            the subscriber: how to recognise them in lines, messages and tables
``erasure``            one run: the passes in their order, and the receipt
``objects``            the pass over lines and quarantine
``table``              the pass over the compacted tables
``unregistered_files`` files of the tables that no registered day reads
``registered_days``    the days of a table, as registered in Glue
``bucket``             the bucket, version by version
``findings``           what was found and deleted, as counts
``receipt``            the file that records an erasure
====================== =============================================================================
"""

from __future__ import annotations

from drainctl.erase.command import main

__all__ = ["main"]
