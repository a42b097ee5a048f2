"""Send archived events to a queue again, from an operator's machine; see docs/replay.md.

=================== ================================================================================
``command``         the options
``options``         checks of single options
``job``             the job, from the options and the stack
``session``         counts, asks, sends, and returns the exit status
``passes``          one pass over the archive, with a progress bar
``output``          tables
``checkpoint_file`` the file that stores the progress
=================== ================================================================================
"""

from __future__ import annotations

from drainctl.replay.command import main

__all__ = ["main"]
