"""Execution parameters of Athena: what stands for the ``?`` of a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from simulator.athena.dialect import ATHENA
from simulator.athena.tables import AthenaError

if TYPE_CHECKING:
    from collections.abc import Sequence


def filled_in(sql: str, parameters: Sequence[str]) -> str:
    """Put execution parameters in the places of ``?``.

    Args:
        sql: A statement, in Athena's dialect.
        parameters: One for each ``?``, in order, each as SQL: ``'abc'``, ``3``.

    Raises:
        AthenaError: There are more or fewer than ``?``, or one is no constant.
    """
    try:
        marks = [
            token
            for token in sqlglot.tokenize(sql, read=ATHENA)
            if token.token_type == TokenType.PLACEHOLDER
        ]
    except sqlglot.errors.SqlglotError as error:
        raise AthenaError(f"SYNTAX_ERROR: {error}") from error
    if len(marks) != len(parameters):
        raise AthenaError(
            f"INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected {len(marks)} but"
            f" found {len(parameters)}"
        )
    for mark, parameter in reversed(list(zip(marks, parameters, strict=True))):
        sql = f"{sql[: mark.start]}{_constant(parameter)}{sql[mark.end + 1 :]}"
    return sql


def _constant(parameter: str) -> str:
    try:
        value = sqlglot.parse_one(parameter, read=ATHENA)
    except sqlglot.errors.SqlglotError as error:
        raise AthenaError(f"SYNTAX_ERROR: execution parameter {parameter}: {error}") from error
    if value.find(exp.Column, exp.Query, exp.Placeholder):
        raise AthenaError(
            f"EXPRESSION_NOT_CONSTANT: Constant expression cannot contain column references:"
            f" {parameter}. A text needs single quotes."
        )
    return value.sql(ATHENA)
