"""Metric math, as far as the stack's alarms use it: arithmetic, comparisons and ``IF``.

It follows "Using math expressions with CloudWatch metrics" in CloudWatch's user guide, and rejects
anything else.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Series = list[float | None]
"""A value for each period; None if there is none."""

_OPERATORS: Final[Mapping[type[ast.AST], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.GtE: operator.ge,
    ast.Gt: operator.gt,
    ast.LtE: operator.le,
    ast.Lt: operator.lt,
}


def evaluate(expression: str, series: Mapping[str, Series]) -> Series:
    """Compute an expression, period by period.

    Args:
        expression: In CloudWatch's syntax; the part used here is also valid Python.
        series: The metrics in it, by id, all with the same number of periods.

    Raises:
        NotImplementedError: It uses something that this module does not implement.
    """
    tree = ast.parse(expression, mode="eval").body
    (length,) = {len(values) for values in series.values()}
    return [
        _value(tree, {name: values[period] for name, values in series.items()})
        for period in range(length)
    ]


def _value(node: ast.expr, values: Mapping[str, float | None]) -> float | None:
    """Compute one period; None if a value is missing or the divisor is zero."""

    def apply(operation: ast.AST, *operands: ast.expr) -> float | None:
        left, right = (_value(operand, values) for operand in operands)
        if left is None or right is None or (isinstance(operation, ast.Div) and right == 0):
            return None
        return float(_OPERATORS[type(operation)](left, right))

    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name]
        case ast.BinOp(left, operation, right) if type(operation) in _OPERATORS:
            return apply(operation, left, right)
        case ast.Compare(left, [comparison], [right]) if type(comparison) in _OPERATORS:
            return apply(comparison, left, right)
        case ast.Call(ast.Name("IF"), [condition, yes, no], []):
            holds: Any = _value(condition, values)
            return None if holds is None else _value(yes if holds else no, values)
    raise NotImplementedError(ast.unparse(node))
