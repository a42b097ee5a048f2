"""AWS's schemas of resource types, from cfn-lint."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def resource_schema(kind: str) -> dict[str, Any]:
    """Return the schema of a resource type, such as ``AWS::KMS::Key``."""
    # The import takes four seconds in each process.
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # noqa: PLC0415

    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-north-1", kind).schema
    return schema
