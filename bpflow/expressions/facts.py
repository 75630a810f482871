"""What is certainly so when a condition has turned out true, or false.

The law of this file: a fact is certain or it is not stated. It speaks of the moment of the evaluation, which gave a value: so what was read
on the way was there to be read. How long a fact lasts is for its reader to know. What is not there (yet) counts as none.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeAlias

from msgspec import Struct

from bpflow.expressions import operations
from bpflow.expressions.errors import EvaluationError
from bpflow.expressions.functions import FUNCTIONS
from bpflow.expressions.parse import OPERATORS, written_out

Constant: TypeAlias = bool | int | Decimal | str | None
"""What a fact compares with: a value that stands in the text of the condition."""

MOST_CASES = 64
"""Alternatives that are looked through for what they have in common; of more, nothing is told."""


class Fact(Struct, frozen=True, eq=False):
    """The value at the path `names` equals a constant (`equal`), or does not. `Fact(("ask", "at"), False, None)`: it is there, and not none."""

    names: tuple[str, ...]
    equal: bool
    value: Constant

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Fact) and self.names == other.names and self.equal is other.equal
        return same and operations.equal(self.value, other.value)  # type: ignore[attr-defined]  # true is not 1, as Python has it

    def __hash__(self) -> int:
        return hash((self.names, self.equal, self.value))

    @property
    def contrary(self) -> Fact:
        """What is so if this is not."""
        return Fact(self.names, not self.equal, self.value)


Facts: TypeAlias = frozenset[Fact]
Both: TypeAlias = "tuple[Facts | None, Facts | None]"
"""What is so if a condition is true, and if it is false; None: it never is."""


def facts(node: ast.expr, truth: bool) -> Facts:
    """What is certainly so once the condition has been evaluated, and to `truth`. Nothing if it never can be.

    Names are those that the condition takes from outside: what is so of an item inside a generator is not told.
    """
    return assume(node, truth) or frozenset()


def assume(node: ast.expr, truth: bool, known: Facts = frozenset()) -> Facts | None:
    """The facts `known`, and what is certain besides if the condition is evaluated to `truth`. None: with those facts it never is."""
    return consequences(node, known)[0 if truth else 1]


def consequences(node: ast.expr, known: Facts = frozenset()) -> Both:
    """Both at once: what `assume` tells of true, and of false."""
    return _both(node, known)


def decided(node: ast.expr, known: Facts) -> bool | None:
    """What the condition comes to as far as facts tell: always true, always false, or (None) either, or no value at all."""
    true, false = consequences(node, known)
    if (true is None) is (false is None):
        return None
    return true is not None


def path_of(node: ast.expr) -> tuple[str, ...]:
    """The name, and the fields after it, that an expression reads if it does nothing else; empty otherwise."""
    match node:
        case ast.Name(id=name) if name != "now":
            return (name,)
        case ast.Attribute(value=value, attr=field) | ast.Subscript(value=value, slice=ast.Constant(value=str() as field)):
            root = path_of(value)
            return (*root, field) if root else ()
    return ()


# ── facts together ──────────────────────────────────────────────────────────────────────────────────────────────────
def holds(fact: Fact, known: Collection[Fact]) -> bool:
    """Whether the fact follows from others: it is one of them, or something else is equal to what it denies."""
    if fact in known:
        return True
    return not fact.equal and any(one.equal and one.names == fact.names and not operations.equal(one.value, fact.value) for one in known)


def together(known: Facts, more: Iterable[Fact]) -> Facts | None:
    """All of these facts. None if they contradict each other."""
    whole = set(known)
    for fact in more:
        if holds(fact.contrary, whole):
            return None
        whole.add(fact)
    return frozenset(whole)


def either(cases: Collection[Facts]) -> Facts:
    """What is so in each of the cases, of which there is at least one."""
    first, *others = cases
    if not others:
        return first
    said = frozenset[Fact]().union(*cases)
    weaker = (Fact(fact.names, False, None) for fact in said if fact.equal and fact.value is not None)
    return frozenset(fact for fact in {*said, *weaker} if all(holds(fact, case) for case in cases))


def _possible(cases: Iterable[Facts | None], known: Facts) -> Facts | None:
    """What is so in each of the cases that there can be, each of which has the facts `known`."""
    found = [case for case in cases if case is not None]
    if len(found) > MOST_CASES:
        return known
    return either(found) if found else None


# ── conditions ──────────────────────────────────────────────────────────────────────────────────────────────────────
def _both(node: ast.expr, known: Facts) -> Both:
    match node:
        case ast.Constant(value=value):
            return known if value is True else None, known if value is False else None
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            true, false = _both(operand, known)
            return false, true
        case ast.BoolOp(op=op, values=values):
            return _series(values, isinstance(op, ast.Or), known)
        case ast.IfExp(test=test, body=body, orelse=other):
            sides = [_both(value, case) for case, value in zip(_both(test, known), (body, other), strict=True) if case is not None]
            return _possible((side[0] for side in sides), known), _possible((side[1] for side in sides), known)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _link(left, OPERATORS[type(op)], right, known)
        case ast.Compare():
            return _chain(node, known)
    return _link(node, "==", ast.Constant(True), known)[0], _link(node, "==", ast.Constant(False), known)[0]


def _series(values: list[ast.expr], decisive: bool, known: Facts) -> Both:
    """`and`, `or`: a value is read only if those before it have not decided, as one that is `decisive` does."""
    decided: list[Facts | None] = []
    so_far: Facts | None = known
    for value in values:
        if so_far is not None:
            true, false = _both(value, so_far)
            decided.append(true if decisive else false)
            so_far = false if decisive else true
    early = _possible(decided, known)
    return (early, so_far) if decisive else (so_far, early)


def _chain(node: ast.Compare, known: Facts) -> Both:
    """`a < b < c`: each value is read once, and none after the first comparison that fails."""
    failed: list[Facts | None] = []
    so_far: Facts | None = known
    for op, (left, right) in zip(node.ops, pairwise((node.left, *node.comparators)), strict=True):
        if so_far is not None:
            read = together(so_far, (*_read(left), *_read(right)))
            so_far, false = (None, None) if read is None else _link(left, OPERATORS[type(op)], right, read)
            failed.append(false)
    return so_far, _possible(failed, known)


# ── comparisons ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _link(left: ast.expr, sign: str, right: ast.expr, known: Facts) -> Both:
    for one, other, turned in ((left, right, False), (right, left, True)):
        match one:
            case ast.Call(func=ast.Name(id="coalesce"), args=[first, *rest]):
                return _coalesced(one, first, rest, (sign, other, turned), known)
    match sign:
        case "==" | "!=":
            return _turned(_equal(left, right, known), sign == "!=")
        case "in" | "not in":
            return _turned(_contained(left, right, known), sign == "not in")
    return _ordered(left, sign, right, known)


def _turned(both: Both, turned: bool) -> Both:
    return (both[1], both[0]) if turned else both


def _coalesced(call: ast.Call, first: ast.expr, rest: list[ast.expr], link: tuple[str, ast.expr, bool], known: Facts) -> Both:
    """A comparison in which `coalesce` stands: for the first of its values if that is there, else for what the rest gives."""
    sign, other, turned = link
    names = path_of(first)
    there = together(known, _present(first))
    missing = together(known, [Fact(names, True, None)] if names else [])
    match rest:
        case []:
            instead: ast.expr = ast.Constant(None)
        case [ast.Constant() as last]:
            instead = last
        case _:
            instead = ast.Call(call.func, rest, [])
    cases = [(there, first), (missing, instead)]
    found = [_link(other, sign, one, case) if turned else _link(one, sign, other, case) for case, one in cases if case is not None]
    return _possible((true for true, _ in found), known), _possible((false for _, false in found), known)


def _equal(left: ast.expr, right: ast.expr, known: Facts) -> Both:
    read = together(known, (*_side(left, right), *_side(right, left)))
    true = false = read
    for one, other in ((left, right), (right, left)):
        value = _constant(other, known)
        if value is not None:
            true = None if true is None else _equals(one, value.value, True, true)
            false = None if false is None else _equals(one, value.value, False, false)
        elif true is not None and _never_none(other):
            true = together(true, _present(one))
    return true, false


def _side(node: ast.expr, other: ast.expr) -> Iterator[Fact]:
    """What a side of `==` proves by being read. `x == none` and `x.outcome == …` may be asked of what is not there."""
    match node, other:
        case (ast.Name() | ast.Attribute() | ast.Subscript(), ast.Constant(value=None)) | (ast.Attribute(value=ast.Name(), attr="outcome"), _):
            return
    yield from _read(node)


def _equals(node: ast.expr, value: Any, equal: bool, known: Facts) -> Facts | None:
    """The node has that value, or (not `equal`) has not."""
    own = _constant(node, known)
    if own is not None and operations.equal(own.value, value) is not equal:
        return None
    names = path_of(node)
    stated = [Fact(names, equal, value)] if names else []
    return together(known, (*stated, *_present(node)) if equal is (value is not None) else stated)


def _contained(left: ast.expr, right: ast.expr, known: Facts) -> Both:
    """`left in right`."""
    if not isinstance(right, ast.List):
        text = isinstance(right, ast.Constant)
        both = together(known, (*(_present(left) if text else _read(left)), *_present(right)))
        return both, both
    items = [_constant(item, known) for item in right.elts]
    read = together(known, (*_read(left), *_read(right)))
    if read is None or len(items) > MOST_CASES:
        return read, read
    outside: Facts | None = read
    for item in items:
        if outside is not None and item is not None:
            outside = _equals(left, item.value, False, outside)
    return read if None in items else _possible((_equals(left, item.value, True, read) for item in items if item), known), outside


def _ordered(left: ast.expr, sign: str, right: ast.expr, known: Facts) -> Both:
    """`<` and its like: impossible for none."""
    read = together(known, (*_present(left), *_present(right)))
    a, b = _constant(left, known), _constant(right, known)
    if read is None or a is None or b is None:
        return read, read
    try:
        compared = _ORDER[sign](a.value, b.value)
    except EvaluationError:
        return None, None
    return (read, None) if compared else (None, read)


_ORDER = {"<": operations.less, "<=": operations.less_or_equal, ">": operations.greater, ">=": operations.greater_or_equal}


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _constant(node: ast.expr, known: Facts) -> ast.Constant | None:
    """The constant that a node is, or is known to be equal to."""
    value = written_out(node)
    if value is not ...:
        return node if isinstance(node, ast.Constant) else ast.Constant(value)
    names = path_of(node)
    equal = next((fact for fact in known if fact.equal and fact.names == names), None) if names else None
    return None if equal is None else ast.Constant(equal.value)  # type: ignore[arg-type]  # a Decimal stands there as any other constant does


def _never_none(node: ast.expr) -> bool:
    match node:
        case ast.List() | ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.BoolOp():
            return True
        case ast.Call(func=ast.Name(id=name), args=arguments):
            function = FUNCTIONS[name]
            values = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
            return function.takes_list or bool(function.literal and len(values) == len(arguments) and function.literal(*values) is not None)
    return False


def _present(node: ast.expr) -> Iterator[Fact]:
    """What is so once the node has been evaluated, and was not none."""
    yield from _read(node)
    names = path_of(node)
    if names:
        yield Fact(names, False, None)


def _read(node: ast.expr) -> Iterator[Fact]:
    """What is so once the node has been evaluated, whatever it gave. Of conditions inside of values nothing is told."""
    match node:
        case ast.Attribute(value=value):
            yield from _present(value)
        case ast.Subscript(value=value, slice=index):
            yield from _present(value)
            yield from _read(index)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield from _present(operand)
        case ast.BinOp(left=left, right=right):
            yield from _present(left)
            yield from _present(right)
        case ast.List(elts=items):
            for item in items:
                yield from _read(item)
        case ast.GeneratorExp(generators=[part]):
            yield from _present(part.iter)
        case ast.Call(func=ast.Name(id=name), args=arguments) if name != "coalesce":
            for number, argument in enumerate(arguments):
                yield from _present(argument) if FUNCTIONS[name].takes_list and number == 0 else _read(argument)
