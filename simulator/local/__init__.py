"""A local stack that stays: `make up`, `make status` and `make down`.

- ``folder``: the lock, the state and the log of a local stack, and what a crashed one left.
- ``processes``: processes, told apart by their id and start time.
- ``supervisor``: the detached process that runs the stack, and its command line.
- ``observation``: what the supervisor sees of the stack each second.
- ``shell_variables``: the variables to source.
- ``options``: what the commands have in common.
- ``up``, ``down``, ``status``: the commands.
"""

from simulator.local.folder import LocalFolder, State
from simulator.local.processes import ProcessRecord, kill

__all__ = ["LocalFolder", "ProcessRecord", "State", "kill"]
