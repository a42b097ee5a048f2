"""Teaches ministack state machines whose definition is a YAML file: it reads JSON only.

Runs in ministack's own environment; nothing of ours can be imported here.
"""

import json
from typing import Any

import yaml
from ministack.services.cloudformation import provisioners

_definition = provisioners._sfn_definition


def _as_json(props: dict[str, Any]) -> str:
    text: str = _definition(props)
    return json.dumps(yaml.safe_load(text)) if props.get("DefinitionS3Location") else text


def teach() -> None:
    """Convert the definitions."""
    provisioners._sfn_definition = _as_json
