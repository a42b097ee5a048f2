"""Build the stack and deploy it into an AWS account, with the answers to five questions.

============ =======================================================================================
``command``  the options
``answers``  the questions, and the file that holds their answers
``sam``      the SAM CLI
============ =======================================================================================
"""

from __future__ import annotations

from drainctl.deploy.command import main

__all__ = ["main"]
