"""Put the event API's credentials into a stack's secret, so that no shell or process list has them.

============ =======================================================================================
``command``  the options
``put``      asks for the credentials, checks them, and stores them
============ =======================================================================================
"""

from __future__ import annotations

from drainctl.credentials.command import main
from drainctl.credentials.put import are_missing, put_credentials

__all__ = ["are_missing", "main", "put_credentials"]
