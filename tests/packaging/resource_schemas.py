"""AWS's own data on its resources, as cfn-lint brings them."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def resource_schema(kind: str) -> dict[str, Any]:
    """Give the schema of a resource type, such as ``AWS::KMS::Key``."""
    # Four seconds, in each process of a parallel run.
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # noqa: PLC0415

    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-north-1", kind).schema
    return schema
