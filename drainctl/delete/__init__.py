"""Delete a stack, and list what CloudFormation keeps; see docs/operations.md.

============ =======================================================================================
``command``  the options, and the deletion
``kept``     what outlives the stack, with the commands that delete it
============ =======================================================================================
"""

from __future__ import annotations

from drainctl.delete.command import main

__all__ = ["main"]
