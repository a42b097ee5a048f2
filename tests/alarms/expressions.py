"""Metric math, as far as the stack uses it: arithmetic, comparisons, ``IF``, ``SUM``, ``SEARCH``.

Facts are those of "Using math expressions with CloudWatch metrics" and "CloudWatch search
expression syntax" in CloudWatch's user guide. What is not here is refused, not guessed.
"""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.alarms.metrics import Metric

Series = list[float | None]
"""A value for each period; None where there is none."""
Value = float | Series | list[Series]
"""A number, the values of one metric, or those of several."""

_ARITHMETIC: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: Final[dict[type[ast.cmpop], Callable[[float, float], float]]] = {
    ast.GtE: operator.ge,
    ast.Gt: operator.gt,
    ast.LtE: operator.le,
    ast.Lt: operator.lt,
}
_SEARCH: Final = re.compile(
    r"""\{(?P<namespace>[\w/]+)(?P<dimensions>(?:,(?:[A-Za-z0-9]+|"[^"]+"))*)\}"""
    r"""(?P<terms>(?: \w+="[^"]+")*)"""
)


def evaluate(
    expression: str, series: Mapping[str, Series], search: Callable[[str, str], list[Series]]
) -> Value:
    """Compute an expression.

    Args:
        expression: In CloudWatch's syntax, of which the part that is used here is Python's too.
        series: The metrics and expressions that it names, by id.
        search: Gives the series that a search finds, for its text and its statistic.

    Raises:
        NotImplementedError: It has something that this module does not know.
    """
    return _value(ast.parse(expression, mode="eval").body, series, search)


def searched(text: str) -> Callable[[Metric], bool]:
    """Read a search's text: whether it finds a metric.

    Raises:
        NotImplementedError: It is of another form than ``{namespace,dimension,...} name="value"``.
    """
    found = _SEARCH.fullmatch(text)
    if found is None:
        raise NotImplementedError(text)
    names = {name.strip('"') for name in found["dimensions"].split(",")} - {""}
    terms = dict(re.findall(r'(\w+)="([^"]+)"', found["terms"]))
    metric_name = terms.pop("MetricName", None)

    def finds(metric: Metric) -> bool:
        dimensions = dict(metric.dimensions)
        return (
            metric.namespace == found["namespace"]
            and dimensions.keys() == names
            and metric_name in (None, metric.name)
            and all(dimensions.get(name) == value for name, value in terms.items())
        )

    return finds


def _value(
    node: ast.expr, series: Mapping[str, Series], search: Callable[[str, str], list[Series]]
) -> Value:
    def value(of: ast.expr) -> Value:
        return _value(of, series, search)

    result: Value
    match node:
        case ast.Constant(value=int() | float() as number):
            result = float(number)
        case ast.Name(id=name):
            result = series[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            result = _pairwise(_ARITHMETIC[type(op)], value(left), value(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            result = _pairwise(_COMPARISONS[type(op)], value(left), value(right))
        case ast.Call(func=ast.Name(id="IF"), args=[condition, yes, no], keywords=[]):
            result = _chosen(value(condition), value(yes), value(no))
        case ast.Call(func=ast.Name(id="SUM"), args=[of], keywords=[]):
            result = _summed(value(of))
        case ast.Call(
            func=ast.Name(id="SEARCH"),
            args=[ast.Constant(value=str(text)), ast.Constant(value=str(statistic))],
            keywords=[],
        ):
            result = search(text, statistic)
        case _:
            raise NotImplementedError(ast.unparse(node))
    return result


def _pairwise(function: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Compute value by value; there is none where either has none, or by zero is divided."""

    def apply(one: float | None, other: float | None) -> float | None:
        try:
            return None if one is None or other is None else float(function(one, other))
        except ZeroDivisionError:
            return None

    if isinstance(left, float) and isinstance(right, float):
        return float(function(left, right))
    length = len(left) if isinstance(left, list) else len(right)  # type: ignore[arg-type]
    return [apply(*pair) for pair in zip(_long(left, length), _long(right, length), strict=True)]


def _chosen(condition: Value, yes: Value, no: Value) -> Value:
    if not isinstance(condition, list):
        raise NotImplementedError("IF without a metric in its condition")
    length = len(condition)
    triples = zip(_long(condition, length), _long(yes, length), _long(no, length), strict=True)
    return [None if each is None else (one if each else other) for each, one, other in triples]


def _summed(value: Value) -> Series:
    if not isinstance(value, list) or any(not isinstance(each, list) for each in value):
        raise NotImplementedError("SUM of anything but a search")
    columns: Any = zip(*value, strict=True)
    return [
        sum(each for each in column if each is not None)
        if any(each is not None for each in column)
        else None
        for column in columns
    ]


def _long(value: Value, length: int) -> Series:
    if isinstance(value, float):
        return [value] * length
    if any(isinstance(each, list) for each in value):
        raise NotImplementedError("arithmetic with a search that is not summed up")
    return value  # type: ignore[return-value] # one series, as was just seen
