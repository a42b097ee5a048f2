"""Teaches ministack's Step Functions distributed Maps whose state is written in JSONata.

Its own take a JSONata expression for a text there, and know no batches. Here the items are read,
selected and batched first; the children are run by ministack's own. Runs in ministack's own
environment.
"""

from typing import Any

from ministack.services import stepfunctions

_run = stepfunctions._run_distributed_map

# What is left of a state when its items are made: how its children are run.
_OF_CHILDREN = frozenset(
    {"Type", "ItemProcessor", "Label", "Next", "End"}
    | {"MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"}
)


def _evaluated(value: Any, given: Any, context: dict[str, Any]) -> Any:
    return stepfunctions._apply_jsonata_template(value, given, context)


def _items(state: dict[str, Any], given: Any, context: dict[str, Any]) -> list[Any]:
    """Give what the children get: the items, selected and batched."""
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


def teach() -> None:
    """Replace how distributed Maps are run."""
    stepfunctions._run_distributed_map = _run_distributed_map
