"""Erase the data that a stack stores about a subscriber; see docs/personal-data.md.

====================== =============================================================================
``command``            the options
``locations``          where a stack stores events, by its outputs and parameters
``subject``            the subscriber: how to recognise them in lines, messages and tables
``erasure``            one run: all passes in order, and the receipt
``objects``            the pass over lines and quarantine
``table``              the pass over the compacted tables
``unregistered_files`` files of the tables that no registered day reads
``registered_days``    the days of a table, as registered in Glue
``bucket``             the bucket, version by version
``findings``           counts of what was found and deleted
``receipt``            the file that records an erasure
====================== =============================================================================
"""

from __future__ import annotations

from drainctl.erase.command import main

__all__ = ["main"]
