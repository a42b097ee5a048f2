"""The state machine of the compaction, by Step Functions' rules that an emulator doesn't check.

Sources, of the Step Functions developer guide: "Passing data between states with variables"
(scopes), "Transforming data with JSONata" (functions), "Handling errors" (which retrier counts),
"Quotas".
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from drainctl.catalogue import STATEMENTS
from simulator.aws import PROJECT_FOLDER
from tests.packaging.expanded_template import ExpandedTemplate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAMES: Final = """
abs append assert average base64decode base64encode boolean ceil contains count decodeUrl
decodeUrlComponent distinct each encodeUrl encodeUrlComponent error exists filter floor formatBase
formatInteger formatNumber fromMillis hash join keys length lookup lowercase map match max merge
millis min not now number pad parse parseInteger partition power random range reduce replace
reverse round shuffle sift single sort split spread sqrt string substring substringAfter
substringBefore sum toMillis trim type uppercase uuid zip
"""
_FUNCTIONS: Final = frozenset(_NAMES.split())
"""Functions of JSONata, and those that Step Functions adds."""
_EXPRESSION: Final = re.compile(r"^\{% (.*) %\}$", re.DOTALL)
_LAMBDA: Final = re.compile(r"function\(([^)]*)\)")
_DEFINITION_BYTES: Final = 1024 * 1024

DEFINITION: Final = PROJECT_FOLDER / "stacks" / "compaction.asl.yaml"


class Scope(NamedTuple):
    """States that share their variables.

    Attributes:
        states: The states by name.
        outer: The outer scopes, whose variables they can also read.
    """

    states: Mapping[str, Any]
    outer: tuple[Mapping[str, Any], ...]


@cache
def definition() -> dict[str, Any]:
    """Return the definition, with its placeholders."""
    written: dict[str, Any] = yaml.safe_load(DEFINITION.read_text())
    return written


def scopes(states: Mapping[str, Any], outer: tuple[Mapping[str, Any], ...] = ()) -> Iterator[Scope]:
    """Yield the scopes of the machine and of each Map; a distributed Map sees no outer scope."""
    yield Scope(states, outer)
    for state in states.values():
        if "ItemProcessor" in state:
            processor = state["ItemProcessor"]
            is_inline = processor["ProcessorConfig"]["Mode"] == "INLINE"
            yield from scopes(processor["States"], (*outer, states) if is_inline else ())


def all_scopes() -> list[Scope]:
    """Return all scopes of the machine."""
    return list(scopes(definition()["States"]))


def assigned(states: Mapping[str, Any]) -> set[str]:
    """Return the variables that states assign, also in catchers and choice rules."""
    assigning = [
        each
        for state in states.values()
        for each in (state, *state.get("Catch", ()), *state.get("Choices", ()))
    ]
    return {name for each in assigning for name in each.get("Assign", {})}


def texts(value: Any) -> Iterator[str]:
    """Yield all strings in a state, except in states within it."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name != "ItemProcessor":
                yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def substitutions() -> dict[str, Any]:
    """Return the values that CloudFormation substitutes for the placeholders."""
    properties = ExpandedTemplate().nested["Compaction"].properties("Compaction")
    assert properties["DefinitionS3Location"] == DEFINITION.name
    values: dict[str, Any] = properties["DefinitionSubstitutions"]
    return values


def test_every_placeholder_has_a_value() -> None:
    """Each placeholder has a value, and each value a placeholder."""
    placeholders = re.findall(r"\$\{([^}]*)\}", DEFINITION.read_text())
    assert set(placeholders) == substitutions().keys()


def test_sql_needs_no_escaping() -> None:
    """CloudFormation doesn't escape substituted text, which is safe in base64."""
    encoded = {name for name, value in substitutions().items() if "Fn::Base64" in str(value)}
    text = DEFINITION.read_text()
    assert len(encoded) == len(STATEMENTS) + 1
    assert {it for it in encoded if f"$base64decode('${{{it}}}')" in text} == encoded
    for value in substitutions().values():
        assert str(value).isascii(), "$base64decode() gives one character for each byte"


def test_no_variable_hides_a_function() -> None:
    """No variable has the name of a function, such as `$partition`, which would be ambiguous."""
    names = {name for scope in all_scopes() for name in assigned(scope.states)}
    assert len(names) > 20
    assert names.isdisjoint(_FUNCTIONS | {"states"})


def test_no_variable_hides_an_outer_one() -> None:
    """No inner scope assigns a variable of an outer one, which Step Functions rejects."""
    for scope in all_scopes():
        for outer in scope.outer:
            assert assigned(scope.states).isdisjoint(assigned(outer))


def test_variables_are_assigned_where_they_are_read() -> None:
    """An expression uses only functions and variables of its scope and outer ones."""
    read = 0
    for scope in all_scopes():
        known = assigned(scope.states).union(*map(assigned, scope.outer))
        for text in texts(scope.states):
            expression = _EXPRESSION.match(text)
            if expression is None:
                assert "{%" not in text, f"no expression: {text}"
                continue
            own = {it.strip(" $") for found in _LAMBDA.findall(text) for it in found.split(",")}
            names = set(re.findall(r"\$(\w+)", re.sub(r"\$\{\w+\}", "", expression[1])))
            assert names <= known | own | _FUNCTIONS | {"states"}, text
            read += len(names & known)
    assert read > 50


def test_names_of_states_are_unique() -> None:
    """Names are unique over all scopes, and each transition stays in its scope."""
    names = Counter(name for scope in all_scopes() for name in scope.states)
    assert names.most_common(1)[0][1] == 1
    for scope in all_scopes():
        for state in scope.states.values():
            ways = [state, *state.get("Catch", ()), *state.get("Choices", ())]
            following = {way["Next"] for way in ways if "Next" in way}
            following |= {state["Default"]} if "Default" in state else set()
            assert following <= scope.states.keys()


def test_calls_are_tried_again() -> None:
    """A call to an overloaded service is retried; one with an expected error is not.

    The first matching retrier decides, before any catcher.
    """
    calls = [
        state
        for scope in all_scopes()
        for state in scope.states.values()
        if state["Type"] == "Task"
    ]
    assert len(calls) > 15
    for call in calls:
        assert max(each["MaxAttempts"] for each in call["Retry"]) >= 4
        if ":athena:startQueryExecution" in json.dumps(call["Resource"]):
            continue
        expected = [name for each in call.get("Catch", ()) for name in each["ErrorEquals"]]
        first = call["Retry"][0]
        assert not expected or (first["ErrorEquals"], first["MaxAttempts"]) == (expected, 0)


def test_days_of_a_run_fit_its_history() -> None:
    """The history of a run with the maximum of days and retries is below 25,000 events."""
    states = definition()["States"]
    taken = states["LimitDays"]["Assign"]
    limit = re.search(r"\$place < (\d+)", taken["days"])
    assert limit is not None
    # The first day that is not compacted, from which on the view reads lines.
    assert f"$chosen[{limit[1]}]" in taken["openFrom"]
    # Events of a state: entered, exited; of a call: scheduled, started, submitted, ended.
    of_a_day = sum(
        6 if state["Type"] == "Task" else 2
        for state in states["CompactDays"]["ItemProcessor"]["States"].values()
    )
    assert int(limit[1]) * of_a_day * 3 < 25_000 - 1_000
    assert len(json.dumps(definition())) < _DEFINITION_BYTES
