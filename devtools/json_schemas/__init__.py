"""JSON Schemas of lines and messages, and the AsyncAPI document of the queue: ``schemas``.

Published schemas allow additional properties, so that a consumer that validates survives a new
field. Tests validate what the engine writes with stricter ones: see ``strict``.

================== =================================================================================
``proto_comments`` the comments of ``protos/``
``json_mapping``   the schema of a message type in protobuf's JSON mapping
``values``         the values of an event that are not from its payload
``lines``          the line of each stream, and the record of an original message
``messages``       queue messages and pointers
``asyncapi``       the AsyncAPI document
``strict``         the variant that knows every property
``files``          all of them, by their names
================== =================================================================================

``python -m devtools.json_schemas`` writes, ``--check`` compares.
"""

from __future__ import annotations

from devtools.json_schemas.files import schemas
from devtools.json_schemas.json_mapping import MessageSchemas, Schema
from devtools.json_schemas.strict import strict

__all__ = ["MessageSchemas", "Schema", "schemas", "strict"]
