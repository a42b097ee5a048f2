"""Extensions of ministack's Step Functions.

- Distributed Maps in JSONata: ministack doesn't evaluate their expressions, and has no batches. The
  items are read, selected and batched here; ministack's code runs the children.
- Calls of Athena's API, also with ``.sync``; S3's `DeleteObjects`; and for every caller Glue's
  `UpdatePartition`, which ministack has only as a batch.
- S3's `ListObjectsV2` returns numbers as numbers, and a single common prefix as a list.
"""

import json
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from ministack import app
from ministack.core.responses import error_response_json, json_response
from ministack.services import glue, stepfunctions

_POLL_SECONDS: Final = 0.05
_ENDED: Final = {"SUCCEEDED", "FAILED", "CANCELLED"}
_NUMBERS: Final = {"MaxKeys", "KeyCount", "Size"}
_REPEATED: Final = {"Contents", "CommonPrefixes", "Deleted", "Error"}

_glue = app.SERVICE_HANDLERS["glue"]
_dispatch = stepfunctions._dispatch_aws_sdk_rest_xml
_as_lists = stepfunctions._s3_normalize_lists


async def _glue_with_update_partition(
    method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
) -> Any:
    if not headers.get("x-amz-target", "").endswith(".UpdatePartition"):
        return await _glue(method, path, headers, body, query_params)
    request = json.loads(body)
    entry = {name: request.pop(name) for name in ("PartitionValueList", "PartitionInput")}
    answer = glue._batch_update_partition({**request, "Entries": [entry]})
    for error in json.loads(answer[2]).get("Errors", ()):
        detail = error["ErrorDetail"]
        return error_response_json(detail["ErrorCode"], detail["ErrorMessage"], 400)
    return json_response({})


def _dispatch_s3_right(
    service_info: dict[str, Any], service_name: str, action: str, arguments: dict[str, Any]
) -> Any:
    if service_name != "s3":
        return _dispatch(service_info, service_name, action, arguments)
    if action == "deleteObjects":
        delete = arguments["Delete"]
        quiet = str(delete.get("Quiet", False)).lower()
        wire = {"Object": delete["Objects"], "Quiet": quiet}
        result = _dispatch(service_info, service_name, action, {**arguments, "Delete": wire})
        return {{"Error": "Errors"}.get(name, name): value for name, value in result.items()}
    result = _dispatch(service_info, service_name, action, arguments)
    return _with_numbers(result) if action == "listObjectsV2" else result


def _with_numbers(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    if isinstance(value, dict):
        return {
            name: int(item) if name in _NUMBERS else _with_numbers(item)
            for name, item in value.items()
        }
    return value


def _repeated_as_lists(parsed: Any, list_fields: Iterable[str]) -> Any:
    if isinstance(parsed, dict):
        parsed = {
            name: [value] if name in _REPEATED and isinstance(value, dict) else value
            for name, value in parsed.items()
        }
    return _as_lists(parsed, list_fields)


_run = stepfunctions._run_distributed_map

# The fields of a state that define how its children run.
_OF_CHILDREN = frozenset(
    {"Type", "ItemProcessor", "Label", "Next", "End"}
    | {"MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"}
)


def _evaluated(value: Any, given: Any, context: dict[str, Any]) -> Any:
    return stepfunctions._apply_jsonata_template(value, given, context)


def _items(state: dict[str, Any], given: Any, context: dict[str, Any]) -> list[Any]:
    """Return the children's inputs: the items, selected and batched."""
    reader = state.get("ItemReader")
    if reader is None:
        items = _evaluated(state.get("Items", given), given, context)
    else:
        arguments = _evaluated(reader["Arguments"], given, context)
        config = _evaluated(reader.get("ReaderConfig", {}), given, context)
        read = {"Resource": reader["Resource"], "Parameters": arguments, "ReaderConfig": config}
        items = stepfunctions._read_map_items(read, given, context)
    if "ItemSelector" in state:
        items = [
            _evaluated(
                state["ItemSelector"],
                given,
                {**context, "Map": {"Item": {"Index": index, "Value": item}}},
            )
            for index, item in enumerate(items)
        ]
    if "ItemBatcher" not in state:
        return list(items)
    batcher = _evaluated(state["ItemBatcher"], given, context)
    size = int(batcher["MaxItemsPerBatch"])
    common = {"BatchInput": batcher["BatchInput"]} if "BatchInput" in batcher else {}
    return [
        {**common, "Items": items[start : start + size]} for start in range(0, len(items), size)
    ]


def _run_distributed_map(
    state: dict[str, Any],
    given: Any,
    effective: Any,
    processor: dict[str, Any],
    execution: dict[str, Any],
    context: dict[str, Any],
) -> Any:
    if stepfunctions._state_query_language(state, context) != "JSONata":
        return _run(state, given, effective, processor, execution, context)
    children = {name: value for name, value in state.items() if name in _OF_CHILDREN}
    children |= {
        name: _evaluated(value, given, context)
        for name, value in children.items()
        if name != "ItemProcessor"
    }
    items = _items(state, given, context)
    results, following = _run(children, items, items, processor, execution, context)
    output = stepfunctions._apply_jsonata_output(
        state, given, context, result=results, default=results
    )
    stepfunctions._apply_state_assign(state, given, context, result=results)
    return output, following


def _call(action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    service = stepfunctions._AWS_SDK_SERVICE_MAP["athena"]
    answer: dict[str, Any] = stepfunctions._dispatch_aws_sdk_json(
        service, "athena", action, arguments
    )
    return answer


def _start_query_execution(resource: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Start a query as Step Functions does; with ``.sync``, wait for its end."""
    started = _call("startQueryExecution", arguments)
    if not resource.endswith(".sync"):
        return started
    while True:
        described = _call("getQueryExecution", started)
        state = described["QueryExecution"]["Status"]["State"]
        if state in _ENDED:
            break
        time.sleep(_POLL_SECONDS)
    if state != "SUCCEEDED":
        raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(described))
    return described


def _called(action: str, _resource: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call an action as Step Functions does for a resource."""
    return _call(action, arguments)


def apply() -> None:
    """Replace the execution of distributed Maps, and add the calls."""
    app.SERVICE_HANDLERS["glue"] = _glue_with_update_partition
    stepfunctions._dispatch_aws_sdk_rest_xml = _dispatch_s3_right
    stepfunctions._s3_normalize_lists = _repeated_as_lists
    stepfunctions._S3_OP_SPECS["DeleteObjects"] = {
        "method": "POST",
        "path": "/{Bucket}",
        "static_query": (("delete", ""),),
        "body_field": "Delete",
        "body_root": "Delete",
        "result_root": "DeleteResult",
        "list_fields": ("Deleted", "Error"),
    }
    stepfunctions._run_distributed_map = _run_distributed_map
    dispatch = stepfunctions._SERVICE_DISPATCH
    dispatch["arn:aws:states:::athena:startQueryExecution"] = _start_query_execution
    for action in ("getQueryExecution", "getQueryResults", "stopQueryExecution"):
        dispatch[f"arn:aws:states:::athena:{action}"] = partial(_called, action)
