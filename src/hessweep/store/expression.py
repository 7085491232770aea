"""Conditions on the point table, such as `activation == 'erf' and N_i == N_h`, read safely.

Python's own parser reads the text; of its tree only column names, constants, comparisons,
arithmetic, `in` with a list, and `and`, `or`, `not` are evaluated, by numpy. Nothing else can be
written: no call, no attribute, no index.
"""

import ast
import operator
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy import ndarray

from hessweep.errors import QueryError, did_you_mean

Column = Callable[[str], Any]
"""A column's values by its name."""

MAX_LENGTH = 10_000

_BITS = 64
_LARGEST = 2.0**63
"""Integers are below that."""

_HELP = (
    "write a condition on columns, such as \"activation == 'erf' and N_i == N_h\"; it may hold "
    "column names, numbers, quoted text, comparisons, + - * / // % **, `in [...]`, and, or, not"
)

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True)
class Expression:
    """A condition that has been read and whose names are all columns."""

    text: str
    names: frozenset[str]
    """The columns that it needs."""
    tree: ast.expr

    @cached_property
    def texts(self) -> frozenset[str]:
        """The quoted texts in it."""
        constants = (node for node in ast.walk(self.tree) if isinstance(node, ast.Constant))
        return frozenset(node.value for node in constants if isinstance(node.value, str))

    def __call__(self, column: Column) -> ndarray:
        """Return where the condition holds.

        Args:
            column: Gives the values of a column by its name: arrays of one length, or a scalar
                where they are all the same. It is not asked for columns that do not matter, as
                `N_i` in `activation == 'erf' and N_i > 5` where the activation is another.

        Returns:
            Booleans, of the arrays' length, or a single one where all columns are scalars.

        Raises:
            QueryError: If text is compared with numbers, or the result is not a condition.
        """
        try:
            with np.errstate(all="ignore"):
                return _condition(_evaluate(self.tree, column))
        except QueryError as error:
            raise QueryError(f"{self.text!r}: {error}") from error
        except RecursionError as error:
            raise QueryError(f"condition nested too deeply; {_HELP}") from error


def parse(text: str, columns: Collection[str]) -> Expression:
    """Read a condition on these columns.

    Raises:
        QueryError: If it can not be read, holds more than a condition may, or names what is
            not a column.
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(f"condition: expected at most {MAX_LENGTH} characters, got {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        _check(tree)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        if isinstance(error, QueryError):
            raise QueryError(f"{text!r}: {error}") from error
        why = error.msg if isinstance(error, SyntaxError) else str(error)
        if re.search(r"(?<![=!<>])=(?!=)", text):
            why += "; values are compared with =="
        raise QueryError(f"{text!r} can not be read ({why}); {_HELP}") from error
    if unknown := sorted(names - set(columns)):
        raise QueryError(f"{text!r}: {no_column(unknown, columns)}")
    return Expression(text, frozenset(names), tree)


def no_column(names: Iterable[str], columns: Collection[str]) -> str:
    """Return the message for names that are no columns."""
    wrong = ", ".join(f"{name}{did_you_mean(name, columns)}" for name in names)
    return f"no column {wrong}; columns are {', '.join(columns)}"


def _check(node: ast.expr) -> None:
    """Raise unless the tree holds only what may be evaluated."""
    match node:
        case ast.Name():
            return
        case ast.Constant(value=bool() | int() | float() | str() as value):
            _check_constant(value)
            return
        case ast.BoolOp(values=operands) | ast.List(elts=operands) | ast.Tuple(elts=operands):
            pass
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
            operands = [operand]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            operands = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            operands = [left, *comparators]
            _check_lists(ops, comparators)
        case _:
            raise QueryError(f"`{ast.unparse(node)}` is not allowed; {_HELP}")
    for operand in operands:
        _check(operand)


def _check_constant(value: float | str) -> None:
    if isinstance(value, int) and value.bit_length() > _BITS:
        raise QueryError(f"expected numbers that fit {_BITS} bits")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise QueryError(f"{value!r}: expected text, got half a character") from error


def _check_lists(ops: list[ast.cmpop], comparators: list[ast.expr]) -> None:
    for op, right in zip(ops, comparators, strict=True):
        is_list = isinstance(right, ast.List | ast.Tuple)
        if isinstance(op, ast.In | ast.NotIn) != is_list or isinstance(op, ast.Is | ast.IsNot):
            raise QueryError(f"`in` takes a list and nothing else does; {_HELP}")


def _evaluate(node: ast.expr, column: Column) -> ndarray:
    match node:
        case ast.Name(id=name):
            return _array(column(name))
        case ast.Constant(value=value):
            return _array(value)
        case ast.BoolOp(op=op, values=values):
            return _combine(isinstance(op, ast.And), values, column)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.logical_not(_condition(_evaluate(operand, column)))
        case ast.UnaryOp(op=op, operand=operand):
            number = _number(_evaluate(operand, column))
            return -number if isinstance(op, ast.USub) else number
        case ast.BinOp(left=left, op=op, right=right):
            return _calculate(op, _evaluate(left, column), _evaluate(right, column))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return _compare(left, ops, comparators, column)
    raise QueryError("a list stands only after `in`")


def _combine(all_of: bool, nodes: list[ast.expr], column: Column) -> ndarray:
    result: ndarray = np.array(all_of)
    for node in nodes:
        if result.ndim == 0 and bool(result) != all_of:
            break
        mask = _condition(_evaluate(node, column))
        result = result & mask if all_of else result | mask
    return result


def _compare(
    left: ast.expr, ops: list[ast.cmpop], comparators: list[ast.expr], column: Column
) -> ndarray:
    result: ndarray = np.array(True)
    value = _evaluate(left, column)
    for op, node in zip(ops, comparators, strict=True):
        if isinstance(node, ast.List | ast.Tuple):
            mask = np.zeros(value.shape, bool)
            for item in node.elts:
                mask = mask | _compare_two(operator.eq, value, _evaluate(item, column))
            result = result & (mask if isinstance(op, ast.In) else ~mask)
            continue
        following = _evaluate(node, column)
        result = result & _compare_two(_COMPARISONS[type(op)], value, following)
        value = following
    return result


def _compare_two(compare: Callable[[Any, Any], Any], left: ndarray, right: ndarray) -> ndarray:
    if (left.dtype.kind == "T") != (right.dtype.kind == "T"):
        raise QueryError(
            "text compared with a number; quote text that is meant as text, and only that"
        )
    return np.asarray(compare(left, right))


def _calculate(op: ast.operator, left: ndarray, right: ndarray) -> ndarray:
    left, right = _number(left), _number(right)
    if isinstance(op, ast.Pow):
        # Integers would wrap around where floats become infinite.
        left = left.astype(float)
    if isinstance(op, ast.FloorDiv | ast.Mod) and not np.all(right):
        # Integers have no infinity: divided by zero they would silently give 0.
        right = right.astype(float)
    calculate = _ARITHMETIC[type(op)]
    if left.dtype.kind == right.dtype.kind == "i":
        rounded = np.asarray(calculate(left.astype(float), right.astype(float)))
        # Integers that do not fit would wrap around without a word.
        if (np.abs(rounded) >= _LARGEST).any():
            return rounded
    return np.asarray(calculate(left, right))


def _array(value: Any) -> ndarray:
    if isinstance(value, str):
        return np.array(value, dtype=np.dtypes.StringDType())
    array = np.asarray(value)
    if array.dtype.kind not in "biufT":
        raise QueryError(f"{value!r}: expected a number that fits 64 bits, or text")
    return array


def _number(value: ndarray) -> ndarray:
    if value.dtype.kind not in "iuf":
        raise QueryError("arithmetic with what is not a number")
    # Unsigned integers are constants above the largest signed one; negative, they would wrap.
    return value.astype(float) if value.dtype.kind == "u" else value


def _condition(value: ndarray) -> ndarray:
    if value.dtype != bool:
        raise QueryError("expected a condition, such as N_i == N_h, got a number or text")
    return value
