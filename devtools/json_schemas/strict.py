"""The strict variant of a schema, for tests: a property that no schema names is an error."""

from __future__ import annotations

from typing import Any, Final

_BY_NAME: Final = frozenset({"properties", "$defs"})
"""The keywords whose keys are names, not keywords."""


def strict(schema: Any) -> Any:
    """Return a schema in which no object may have other properties than those that it names.

    Args:
        schema: A schema, or a part of one.
    """
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    stricter = {key: strict(value) for key, value in schema.items() if key not in _BY_NAME}
    for key in _BY_NAME & schema.keys():
        stricter[key] = {name: strict(value) for name, value in schema[key].items()}
    if "properties" in schema:
        stricter["additionalProperties"] = False
    return stricter
