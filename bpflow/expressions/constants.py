"""The parts of an expression that nothing from outside goes into: computed beforehand, by the operators that would compute them later.

The law of this file: what cannot be computed without asking is no constant.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, NoReturn

from bpflow.expressions import operations
from bpflow.expressions.data import Duration
from bpflow.expressions.errors import EvaluationError
from bpflow.expressions.functions import Function


class _Asked(Exception):
    """Something is needed that only the outside knows."""


class _Nobody:
    """A Scope that knows nothing."""

    names: ClassVar[dict[str, Any]] = {}
    now = datetime(2000, 1, 1, tzinfo=UTC)
    zone = "UTC"

    def ask(self, question: object) -> NoReturn:
        raise _Asked


_SIGNS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: operations.add(_Nobody(), a, b),
    "-": lambda a, b: operations.subtract(_Nobody(), a, b),
    "*": operations.multiply,
    "/": operations.divide,
    "//": operations.floor_divide,
    "%": operations.remainder,
    "<": operations.less,
    "<=": operations.less_or_equal,
    ">": operations.greater,
    ">=": operations.greater_or_equal,
}
_DIVISIONS = frozenset(("/", "//", "%"))
_OF_THE_CLOCK = frozenset(("minutes", "hours", "working_hours"))


class Constants:
    """The values of constant parts. `decimals` are parts of which only that is known: that they are no integers. `fault` is told of those
    that have no value."""

    def __init__(self, fault: Callable[[ast.expr, EvaluationError], None]) -> None:
        self.values: dict[ast.expr, Any] = {}
        self.decimals: set[ast.expr] = set()
        self.fault = fault

    def put(self, node: ast.expr, value: Any) -> None:
        """The part has that value."""
        self.values[node] = value
        if isinstance(value, Decimal):
            self.decimals.add(node)

    def fold(self, node: ast.expr, run: Callable[..., Any], *parts: ast.expr) -> bool:
        """Computes a part out of others, if all those are constant. False if it has no value."""
        values = self.values
        if not all(part in values for part in parts):
            return True
        try:
            self.put(node, run(*(values[part] for part in parts)))
        except _Asked:
            return True
        except EvaluationError as error:
            self.fault(node, error)
            return False
        return True

    def operation(self, node: ast.expr, sign: str, left: ast.expr, right: ast.expr) -> bool:
        """`+` and its like, of kinds that go together. False if it has no value."""
        if sign == "/" or left in self.decimals or right in self.decimals:
            self.decimals.add(node)
        if right not in self.values:
            return True
        if left in self.values:
            return self.fold(node, _SIGNS[sign], left, right)
        return sign not in _DIVISIONS or self.allowed(node, lambda divisor: operations.divide(1, divisor), right)

    def allowed(self, node: ast.expr, bound: Callable[[Any], object], part: ast.expr) -> bool:
        """Whether a constant part is within bounds. False if it is not, which is said of the node."""
        try:
            bound(self.values[part])
        except EvaluationError as error:
            self.fault(node, error)
            return False
        return True

    def ordered(self, node: ast.expr, sign: str, left: ast.expr, right: ast.expr) -> None:
        """`<` and its like, of kinds that go together: of a month and 30 days only a calendar could tell which is longer."""
        self.fold(node, _SIGNS[sign], left, right)

    def gather(self, node: ast.List) -> None:
        """A list of constants is one."""
        if all(item in self.values for item in node.elts):
            self.values[node] = [self.values[item] for item in node.elts]

    def call(self, node: ast.Call, function: Function) -> bool:
        """A call of a function, with what it takes. False if it has no value."""
        for number, bound in function.bounds.items():
            for argument in node.args[number : number + 1]:
                if argument in self.values and not self.allowed(argument, bound, argument):
                    return False
        run = function.literal or (None if function.asks else function.run)
        if run is None:
            return True
        fine = self.fold(node, run, *node.args)
        if self.values.get(node, node) is None:
            del self.values[node]  # only the outside knows
        return fine

    def has_clock(self, node: ast.expr) -> bool:
        """Whether a duration has hours or minutes, which a date has no place for."""
        value = self.values.get(node)
        if isinstance(value, Duration):
            return bool(value.seconds or value.working_seconds)
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _OF_THE_CLOCK
