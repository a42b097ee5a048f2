"""Writes the generated blocks of ``stacks/operations.yaml``: streams and dashboard."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devtools.blocks import with_block
from devtools.dashboard.widgets import widgets
from drainctl.plan import prices

if TYPE_CHECKING:
    from collections.abc import Sequence

OPERATIONS: Final = Path(__file__).parents[2] / "stacks" / "operations.yaml"

_ALARMS: Final = "@alarms"
_PARAMETER: Final = """\
  {name}Alarms:
    Type: String
    Description: The ARNs of the alarms of {event_type} in the same form; empty if not drained.
"""
_RESOURCE: Final = """\
  EventsDashboard:
    Type: AWS::CloudWatch::Dashboard
    Condition: HasDashboard
    Properties:
      DashboardName: !Sub ${{ServiceName}}-${{AWS::Region}} # dashboards are global
      DashboardBody: !Sub
        - |
{body}
        - GbSecond: !If [IsArm64, "{arm64:.10f}", "{x86_64:.10f}"]
"""


def operations(template: str, event_types: Sequence[str]) -> str:
    """Return the template with its blocks generated again.

    Args:
        template: The template's text, with a pair of marks for each block.
        event_types: The streams.

    Raises:
        ValueError: A mark is missing.
    """
    names = {event_type: event_type.title().replace("_", "") for event_type in event_types}
    parameters = "".join(
        _PARAMETER.format(name=name, event_type=event_type) for event_type, name in names.items()
    )
    own = re.findall(r"^  (\w+Alarm):$", template, re.MULTILINE)
    arns = ",".join(f'"${{{name}.Arn}}"' for name in own)
    others = "".join(f"${{{name}Alarms}}" for name in (*names.values(), "Compaction"))
    lines = [
        json.dumps(widget).replace(f'"{_ALARMS}"', f"[{arns}{others}]")
        for widget in widgets(_ALARMS)
    ]
    text = '{"periodOverride": "inherit", "widgets": [\n' + ",\n".join(lines) + "\n]}"
    # A parameter that is a number: without quotes.
    text = re.sub(r'"@(\$\{\w+\})"', r"\1", text)
    body = "\n".join(f"          {line}" for line in text.splitlines())
    template = with_block(template, "the alarms of each stream", parameters)
    return with_block(
        template, "the dashboard", _RESOURCE.format(body=body, **prices.LAMBDA_GB_SECOND)
    )
