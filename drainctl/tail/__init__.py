"""Print a deployed stack's events as they arrive, and its runs; see docs/doctor.md.

=========== ========================================================================================
``command`` the options, and how an event and a run are printed
``feed``    finds what is new in the archive and in the log of runs
=========== ========================================================================================
"""

from __future__ import annotations

from drainctl.tail.command import main

__all__ = ["main"]
