"""A local stack that stays: `make up`, `make status` and `make down`.

- ``folder``: the lock, the state and the log of a local stack, and the leftovers of a crashed one.
- ``processes``: processes, identified by id and start time.
- ``supervisor``: the detached process that runs the stack, and its command line.
- ``observation``: what the supervisor observes of the stack each second.
- ``shell_variables``: the variables to source.
- ``options``: the commands' common options.
- ``up``, ``down``, ``status``: the commands.
"""

from simulator.local.folder import LocalFolder, State
from simulator.local.processes import ProcessRecord, kill

__all__ = ["LocalFolder", "ProcessRecord", "State", "kill"]
