"""Teaches ministack's Step Functions some calls of the AWS SDK, as the reference has them.

- Glue's `UpdatePartition`, which ministack has only as a batch; for every caller.
- S3's `DeleteObjects`, which it doesn't have in state machines.
- S3's `ListObjectsV2` in state machines: numbers are numbers, and one common prefix is a list of
  one structure, not of its text.

Runs in ministack's own environment.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from ministack import app
from ministack.core.responses import error_response_json, json_response
from ministack.services import glue, stepfunctions

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


def teach() -> None:
    """Add and mend the calls."""
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
