"""A condition as a formula: tests of what it reads, joined by `and`, `or`, `not` and `if`.

The law of this file: what is understood is taken apart, and what is not (an arithmetic, most calls, a generator) is something that is
read, whole, and of which nothing is known. The same words are the same reading, in all conditions that are read at one moment; but what
reads a clock or asks the outside is a reading of its own each time.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

from bpflow.expressions.data import Duration
from bpflow.expressions.errors import EvaluationError
from bpflow.expressions.facts import path_of
from bpflow.expressions.functions import FUNCTIONS
from bpflow.expressions.parse import OPERATORS, written_out

ORDERS = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""The orders, each with what it is when its sides change places."""
_MEASURES = frozenset({"len"})
"""Functions whose value is an integer that is never negative."""


class Reading(Struct):
    """Something that conditions read: by `names` if it is a name with its fields. `constants` are what it is compared with.

    `kind`: a `value` of the process · `size`, which is a number not below zero · `pair`: how two values lie to each other.
    """

    key: str
    names: tuple[str, ...] = ()
    kind: Literal["value", "size", "pair"] = "value"
    constants: list[Any] = field(default_factory=list)
    ordered: bool = False
    as_condition: bool = False


class Constant(Struct, frozen=True):
    """A value that is written out."""

    value: Any


class Test(Struct, frozen=True):
    """A reading held against a constant; `sign` is an operator, or empty where the reading itself is the condition."""

    reading: Reading
    sign: str = ""
    constant: Any = None


class Not(Struct, frozen=True):
    """The contrary."""

    of: Formula


class All(Struct, frozen=True):
    """True if all are; those after the first that is not are not read."""

    of: tuple[Formula, ...]


class Any_(Struct, frozen=True):
    """True if any is; those after the first that is are not read."""

    of: tuple[Formula, ...]


class If(Struct, frozen=True):
    """One or the other, by a condition."""

    test: Formula
    then: Formula
    other: Formula


Formula: TypeAlias = Constant | Test | Not | All | Any_ | If


class Reader:
    """Takes conditions that are read at one moment apart, and gathers what they read."""

    def __init__(self) -> None:
        self.readings: dict[str, Reading] = {}

    def formula(self, node: ast.expr) -> Formula:
        """The formula of a condition."""
        match node:
            case ast.Constant(value=value):
                return Constant(value)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self.formula(operand))
            case ast.BoolOp(op=op, values=values):
                parts = tuple(map(self.formula, values))
                return All(parts) if isinstance(op, ast.And) else Any_(parts)
            case ast.IfExp(test=test, body=body, orelse=other):
                return If(self.formula(test), self.formula(body), self.formula(other))
            case ast.Compare():
                return self._chain(node)
        return self._itself(self._reading(node))

    def _chain(self, node: ast.Compare) -> Formula:
        """`a < b < c` is both comparisons."""
        sides = pairwise((node.left, *node.comparators))
        links = [self._comparison(OPERATORS[type(sign)], *both) for sign, both in zip(node.ops, sides, strict=True)]
        return links[0] if len(links) == 1 else All(tuple(links))

    def _itself(self, reading: Reading) -> Formula:
        reading.as_condition = True
        return Test(reading)

    def _comparison(self, sign: str, left: ast.expr, right: ast.expr) -> Formula:
        if sign == "!=":
            return Not(self._comparison("==", left, right))
        if sign == "not in":
            return Not(self._comparison("in", left, right))
        if sign == "in":
            if isinstance(right, ast.List):
                return Any_(tuple(self._comparison("==", left, one) for one in right.elts))
            return self._itself(self._named(f"{_key(left)} in {_key(right)}", left, right))
        mine, theirs = constant_of(left), constant_of(right)
        if mine and theirs:
            return self._itself(self._named(f"{_key(left)} {sign} {_key(right)}"))
        if mine:
            return self._comparison(ORDERS.get(sign, sign), right, left)
        if theirs and not isinstance(theirs.value, Duration | list):
            return self._against(self._reading(left), sign, theirs.value)
        return self._pair(sign, left, right)

    def _against(self, reading: Reading, sign: str, constant: Any) -> Formula:
        reading.constants.append(constant)
        reading.ordered = reading.ordered or sign in ORDERS
        return Test(reading, sign, constant)

    def _pair(self, sign: str, left: ast.expr, right: ast.expr) -> Formula:
        """How two values lie to each other, the same whichever of them is written first: less, equal, greater are -1, 0, 1."""
        one, other = _key(left), _key(right)
        if one > other:
            one, other, sign, left, right = other, one, ORDERS.get(sign, sign), right, left
        pair = self._named(f"{one} ? {other}", left, right)
        pair.kind = "pair"
        if one == other and not _is_fleeting(left):
            return Constant(sign in ("==", "<=", ">="))
        return self._against(pair, sign, 0)

    def _reading(self, node: ast.expr) -> Reading:
        reading = self._named(_key(node), node)
        reading.names = path_of(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MEASURES:
            reading.kind = "size"
        return reading

    def _named(self, key: str, *nodes: ast.expr) -> Reading:
        if any(map(_is_fleeting, nodes)):
            key = f"{key} #{len(self.readings)}"
        return self.readings.setdefault(key, Reading(key))


def constant_of(node: ast.expr) -> Constant | None:
    """What a literal stands for: a number, a text, `none`, `date("2026-03-31")`; None for anything else."""
    value = written_out(node)
    if value is not ...:
        return Constant(value)
    match node:
        case ast.Call(func=ast.Name(id=name), args=arguments):
            literal = FUNCTIONS[name].literal
            values = [made.value for argument in arguments if (made := constant_of(argument)) is not None]
            return _made(literal, values) if literal and len(values) == len(arguments) else None
    return None


def _made(literal: Callable[..., Any], values: list[Any]) -> Constant | None:
    try:
        made = literal(*values)
    except EvaluationError:
        return None
    return None if made is None else Constant(made)


def _key(node: ast.expr) -> str:
    return ".".join(path_of(node)) or ast.dump(node, annotate_fields=False)


def _is_fleeting(node: ast.expr) -> bool:
    """Whether it reads a clock or asks the outside, so that it may be another value the next time."""
    return any(map(_asks, ast.walk(node)))


def _asks(node: ast.AST) -> bool:
    match node:
        case ast.Name(id="now"):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return FUNCTIONS[name].asks
    return False
