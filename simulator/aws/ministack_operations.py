"""Teaches ministack the saved queries of a log, and alarms on metric math: it refuses both.

The queries are kept and nothing else: it has no Logs Insights. An alarm on an expression is kept
and described as any other, and stays in its first state, as nothing here computes expressions. As
at CloudWatch, exactly one of its metrics must be what it looks at.
Runs in ministack's own environment; nothing of ours can be imported here.
"""

import uuid
from typing import Any

from ministack.services.cloudformation import provisioners

_Resource = tuple[str, dict[str, str]]

_record = provisioners._cw_metric_alarm_record
_OF_ONE_METRIC = (
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Period",
    "Dimensions",
)


def _record_of_any(name: str, props: dict[str, Any]) -> dict[str, Any]:
    metrics = props.get("Metrics")
    if not metrics:
        plain: dict[str, Any] = _record(name, props)
        return plain
    returned = [each for each in metrics if str(each.get("ReturnData", True)).lower() == "true"]
    if len(returned) != 1:
        raise ValueError(f"exactly one of an alarm's Metrics must return data, not {len(returned)}")
    alarm: dict[str, Any] = _record(
        name,
        {**props, "Metrics": None, "MetricName": "Expression", "Namespace": "Expression"},
    )
    kept = {key: value for key, value in alarm.items() if key not in _OF_ONE_METRIC}
    return {**kept, "Metrics": metrics}


def _create_query(_logical_id: str, props: dict[str, Any], _stack_name: str) -> _Resource:
    missing = [key for key in ("Name", "QueryString") if not props.get(key)]
    if missing:
        raise ValueError(f"a QueryDefinition needs {' and '.join(missing)}")
    query_id = str(uuid.uuid4())
    return query_id, {"QueryDefinitionId": query_id}


def _update_query(
    physical_id: str, _old_props: dict[str, Any], _new_props: dict[str, Any], _stack_name: str
) -> _Resource:
    """Keep its id: no property of it says "Update requires: Replacement" in the reference."""
    return physical_id, {"QueryDefinitionId": physical_id}


def _delete_query(_physical_id: str, _props: dict[str, Any]) -> None:
    """Forget it: there is nothing but its id."""


def teach() -> None:
    """Add the resource type, and let alarms be on expressions."""
    provisioners._cw_metric_alarm_record = _record_of_any
    provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = {
        "create": _create_query,
        "update": _update_query,
        "delete": _delete_query,
    }
