"""Check a deployed catalog: run all saved queries on Athena, and check the views' consistency.

=============== ====================================================================================
``command``     the options
``checks``      the queries with their parameters, and their outcomes
``consistency`` the evaluation of a consistency check
``athena``      runs one query and waits for its answer
``output``      tables, and the JSON document
=============== ====================================================================================
"""

from __future__ import annotations

from drainctl.verify.athena import Answer, Athena, QueryError
from drainctl.verify.command import main

__all__ = ["Answer", "Athena", "QueryError", "main"]
