"""Check a deployed catalogue: run every saved query on Athena, and check that the views are whole.

=============== ====================================================================================
``command``     the options, and what the operator sees
``checks``      which queries run with which parameters, and whether they succeeded
``consistency`` what the answer of a consistency check means
``athena``      runs one query and waits for its answer
``output``      tables, and the JSON document
=============== ====================================================================================
"""

from __future__ import annotations

from drainctl.verify.athena import Answer, Athena, QueryError
from drainctl.verify.command import main

__all__ = ["Answer", "Athena", "QueryError", "main"]
