"""Check a deployed stack from the operator's machine, without changing anything.

The ``ask`` modules gather facts by read-only calls. The ``assess`` modules, which are pure code,
then turn the facts into findings. docs/doctor.md lists the checks and the rights that they need.

================== =================================================================================
``command``        the options
``examination``    asks all questions at once, within a time limit
``questions``      one question in a thread, and why it has no answer
``ask_aws``        the services of AWS
``ask_runs``       the function's log: the last runs of each stream
``ask_token``      the credentials and an access token
``ask_api``        the event API: its endpoint, and whether each stream can be opened
``facts``          the answers, as values
``assess_stack``   how the stack was deployed
``assess_access``  whether the stack may read the streams
``assess_running`` how the stack runs
``schedule_gap``   the longest time between two starts of a schedule
``findings``       the result, as lines and as JSON
================== =================================================================================
"""

from __future__ import annotations

from drainctl.doctor.command import main

__all__ = ["main"]
