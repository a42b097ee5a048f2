"""Check a deployed stack from the operator's machine, without changing anything.

First the ``ask`` modules gather facts, by calls that only read; then pure code, the ``assess``
modules, turns the facts into findings. docs/doctor.md lists what is asked and the rights it needs.

================== =================================================================================
``command``        the options
``examination``    asks everything at once, within a time limit
``questions``      one question in a thread, and answers that could not be had
``ask_aws``        the services of AWS
``ask_runs``       the function's log: the last runs of each stream
``ask_token``      the credentials, and a token: the cached one, or a new one
``ask_api``        the event API: its address, and each stream, opened for a moment
``facts``          what was asked, as values
``assess_stack``   how the stack was deployed
``assess_access``  whether it may read the streams
``assess_running`` how it runs
``schedule_gap``   the longest time between two starts of a schedule
``findings``       the result, as lines and as JSON
================== =================================================================================
"""

from __future__ import annotations

from drainctl.doctor.command import main

__all__ = ["main"]
