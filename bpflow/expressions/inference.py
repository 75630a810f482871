"""The static type of an expression, and what is certainly wrong with it, before anything runs.

The law of this file: a mistake is what the evaluation refuses for every value of the types, or a comparison that comes out the same for
all of them. What goes well for some value is none; of what nothing is known, nothing is said. One mistake is told once: its value is
`ANY` from there on.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from bpflow.expressions import operations
from bpflow.expressions.facts import Fact, Facts, assume, holds, path_of
from bpflow.expressions.functions import FUNCTIONS, Function
from bpflow.expressions.judging import Judge, Side, place_of
from bpflow.expressions.kinds import arithmetic, comparable, negative
from bpflow.expressions.known import FieldTypes, Inferred, Known, Mistake
from bpflow.expressions.parse import OPERATORS, Parsed
from bpflow.expressions.signatures import first_present, items_of
from bpflow.expressions.types import ANY, BOOLEAN, DATETIME, INTEGER, NONE, NUMBER, Type, is_secret, list_of, literal_text, one_of_types

__all__ = ["FieldTypes", "Inference", "Inferred", "Known", "Mistake", "infer"]

WRONG = Type("any")
"""What something has gone wrong with: `ANY`, but of it nothing more is said, nor of what is made of it. Told by its identity."""
_EMPTY_LIST = Type("list")


def infer(parsed: Parsed, known: Known) -> Inferred:
    """The type of the expression, and its mistakes."""
    found = known.found.get(parsed.text)
    if found is None:
        found = known.found[parsed.text] = Inference(parsed.text, known).inferred(parsed.tree)
    return found


class Inference:
    """One way through one expression.

    `bound`: the items of the generators that are open, each with how many of the `conditions` stand outside of it · `conditions`: what has
    been asked where the reading stands, and what came out · `proven`: what is certain after each of them, counted from some of them on ·
    `tolerant`: what is read here counts as none where it is not there · `absent`: that may have happened.
    """

    def __init__(self, text: str, known: Known) -> None:
        self.known = known
        self.judge = Judge(text, known)
        self.constants = self.judge.constants
        self.bound: dict[str, tuple[Type, int]] = {}
        self.conditions: list[tuple[ast.expr, bool]] = []
        self.proven: dict[tuple[ast.expr, bool, int], Facts] = {}
        self.tolerant = False
        self.absent = False

    def inferred(self, tree: ast.expr) -> Inferred:
        """The whole expression."""
        return Inferred(self.of(tree), self.judge.in_order())

    def of(self, node: ast.expr) -> Type:
        """What the value of a part may be."""
        return _READ[type(node)](self, node)

    def side(self, node: ast.expr) -> Side:
        """A part of which something is made, with what its value may be; of a secret nothing can be made."""
        return node, self.open(node, self.of(node))

    def open(self, node: ast.expr, type: Type) -> Type:
        """The type, if it is not that of a secret."""
        if not is_secret(type):
            return type
        self.judge.secret(node)
        return WRONG

    def constant(self, node: ast.Constant) -> Type:
        value: Any = node.value
        self.constants.put(node, value)
        if isinstance(value, str):
            return literal_text(value)
        if isinstance(value, Decimal):
            return NUMBER
        return NONE if value is None else BOOLEAN if isinstance(value, bool) else INTEGER

    # names and fields ───────────────────────────────────────────────────────────────────────────────────────────────
    def name(self, node: ast.Name) -> Type:
        bound = self.bound.get(node.id)
        type = bound[0] if bound else self.known.names.get(node.id)
        if type is None:
            return DATETIME if node.id == "now" else ANY
        return self.proved(node, type)

    def attribute(self, node: ast.Attribute) -> Type:
        offset = (node.end_col_offset or 0) - len(node.attr)
        return self.proved(node, self.field(self.side(node.value), node.attr, (offset, len(node.attr))))

    def field(self, owner: Side, name: str, place: tuple[int, int]) -> Type:
        """The field `name`, written at a place, of the value of a part."""
        type = owner[1]
        if type is WRONG:
            return WRONG
        if type.kind == "none" and self.tolerant:
            self.absent = True
            return NONE
        found = self.known.field_of(type, name)
        if found is None:
            self.judge.no_field(owner, name, place)
            return WRONG
        self.reached(owner)
        return found

    def reached(self, owner: Side) -> None:
        """Something is read of the value of a part."""
        if owner[1].optional:
            if self.tolerant:
                self.absent = True
            else:
                self.judge.present(owner)

    def subscript(self, node: ast.Subscript) -> Type:
        owner, index = self.side(node.value), self.side(node.slice)
        if _is_wrong(owner, index):
            return WRONG
        kinds = {one.kind for one in owner[1].each}
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str) and not kinds & {"list", "text"}:
            return self.proved(node, self.field(owner, node.slice.value, place_of(node.slice)))
        found = self.items(owner[1], index)
        if not found:
            self.judge.no_item(node, owner, index)
            return WRONG
        if owner[1].kind == "list":
            self.judge.present(owner)  # an item of none is never allowed for
        else:
            self.reached(owner)
        self.judge.present(index)
        self.absent = True  # a list may be shorter
        return one_of_types(*found) if self.constants.fold(node, _item, node.value, node.slice) else WRONG

    def items(self, owner: Type, index: Side) -> list[Type]:
        """What `owner[index]` may be."""
        kinds = {one.kind for one in index[1].each}
        counts = not kinds.isdisjoint(_NUMBERS) and index[0] not in self.constants.decimals
        found = [one.item or ANY for one in owner.each if one.kind == "list" and counts]
        names = "text" in kinds or "any" in kinds
        return [*found, *(ANY for one in owner.each if one.kind == "any" or (names and one.kind in _WITH_FIELDS))]

    # what has been proved ───────────────────────────────────────────────────────────────────────────────────────────
    def proved(self, node: ast.expr, type: Type) -> Type:
        """The type of what a part reads, after the conditions that have been asked."""
        if not type.optional or not (self.conditions or self.known.facts):
            return type
        names = path_of(node)
        if not names:
            return type
        known = self.facts(names[0])
        if holds(Fact(names, False, None), known):
            return type.present()
        return NONE if Fact(names, True, None) in known else type

    def facts(self, name: str) -> Facts:
        """What is certain here of what the name leads to: of an item, only what was asked since it is there."""
        bound = self.bound.get(name)
        known, start = (frozenset[Fact](), bound[1]) if bound else (self.known.facts, 0)
        for node, truth in self.conditions[start:]:
            found = self.proven.get((node, truth, start))
            if found is None:
                found = self.proven[node, truth, start] = assume(node, truth, known) or known
            known = found
        return known

    def under(self, condition: ast.expr, truth: bool, node: ast.expr) -> Type:
        """The type of a part that is evaluated only where the condition has come out so."""
        self.conditions.append((condition, truth))
        type = self.of(node)
        self.conditions.pop()
        return type

    def lazily(self, node: ast.expr) -> Type:
        """The type of what counts as none where it is not there."""
        before = self.tolerant, self.absent
        self.tolerant, self.absent = True, False
        type = self.of(node)
        found = type.or_none() if self.absent else type
        self.tolerant, self.absent = before
        return found

    # conditions ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def condition(self, node: ast.expr, before: ast.expr | None = None) -> Type:
        """A part that must be true or false; `before` stands before it and an `and` or `or`."""
        side = self.side(node)
        if all(one.kind not in ("boolean", "any") for one in side[1].each):
            self.judge.no_condition(side, before)
        else:
            self.judge.present(side)
        return BOOLEAN

    def several(self, node: ast.BoolOp) -> Type:
        outside, truth = len(self.conditions), isinstance(node.op, ast.And)
        before: ast.expr | None = None
        for value in node.values:
            self.condition(value, before)
            self.conditions.append((value, truth))
            before = value
        del self.conditions[outside:]
        return BOOLEAN

    def choice(self, node: ast.IfExp) -> Type:
        self.condition(node.test)
        return _either(self.under(node.test, True, node.body), self.under(node.test, False, node.orelse))

    # operators ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def unary(self, node: ast.UnaryOp) -> Type:
        if isinstance(node.op, ast.Not):
            return self.condition(node.operand)
        side = self.side(node.operand)
        if _is_wrong(side):
            return WRONG
        made = negative(side[1])
        if made is None:
            self.judge.no_negative(node, side)
            return WRONG
        self.judge.present(side)
        if isinstance(node.operand, ast.Constant):
            self.constants.put(node, -node.operand.value)  # type: ignore[operator]  # it is a number
            return made
        return made if self.constants.fold(node, operations.negative, node.operand) else WRONG

    def binary(self, node: ast.BinOp) -> Type:
        sign, left, right = OPERATORS[type(node.op)], self.side(node.left), self.side(node.right)
        if _is_wrong(left, right):
            return WRONG
        made = arithmetic(sign, left[1], right[1])
        if made is None or (sign == "*" and made.kind == "duration" and self.constants.decimals & {node.left, node.right}):
            self.judge.arithmetic(node, sign, left, right)
            return WRONG
        self.judge.present(left)
        self.judge.present(right)
        for one, other in ((left, right), (right, left)):
            if one[1].kind == "date" and other[1].kind == "duration" and self.constants.has_clock(other[0]):
                self.judge.no_clock(node, other[0])
                return WRONG
        return made if self.constants.operation(node, sign, left[0], right[0]) else WRONG

    def comparison(self, node: ast.Compare) -> Type:
        signs = [OPERATORS[type(op)] for op in node.ops]
        nodes = [node.left, *node.comparators]
        single = len(signs) == 1 and signs[0] in ("==", "!=")
        if single and any(isinstance(one, ast.Constant) and one.value is None for one in nodes):
            for one in nodes:
                self.lazily(one) if isinstance(one, ast.Name | ast.Attribute | ast.Subscript) else self.of(one)
            return BOOLEAN
        sides = [(one, self.open(one, self.outcome(one) if single else self.of(one))) for one in nodes]
        for sign, (left, right) in zip(signs, pairwise(sides), strict=True):
            if not _is_wrong(left, right):
                self.link(node, sign, left, right)
        return BOOLEAN

    def outcome(self, node: ast.expr) -> Type:
        """A side of `==`: `x.outcome` may be compared before `x` has run."""
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr="outcome") if name not in self.bound:
                return self.lazily(node)
        return self.of(node)

    def link(self, node: ast.Compare, sign: str, left: Side, right: Side) -> None:
        """One comparison."""
        if sign in ("==", "!="):
            self.judge.equality(node, left, right)
        elif sign in ("in", "not in"):
            self.judge.contained(node, sign, left, right)
        elif not comparable(left[1], right[1]):
            self.judge.order(node, sign, left, right)
        else:
            self.judge.present(left)
            self.judge.present(right)
            self.constants.ordered(node, sign, left[0], right[0])

    # lists and calls ────────────────────────────────────────────────────────────────────────────────────────────────
    def row(self, node: ast.List) -> Type:
        types = [self.of(item) for item in node.elts]
        self.constants.gather(node)
        self.judge.rows[node] = types
        return list_of(one_of_types(*types)) if types else _EMPTY_LIST

    def generator(self, node: ast.GeneratorExp) -> Type:
        part = node.generators[0]
        given = self.side(part.iter)
        items = items_of(given[1])
        if items is None:
            self.judge.no_list(given)
        else:
            self.judge.present(given)
        name, outside = str(getattr(part.target, "id", "")), len(self.conditions)
        self.bound[name] = (WRONG if items is None or _is_wrong(given) else items, outside)
        for test in part.ifs:
            self.condition(test)
            self.conditions.append((test, True))
        made = self.of(node.elt)
        del self.bound[name], self.conditions[outside:]
        return list_of(made)

    def call(self, node: ast.Call) -> Type:
        function = FUNCTIONS[str(getattr(node.func, "id", ""))]
        if function.name == "coalesce":
            return _either(*map(self.lazily, node.args), put=first_present)
        sides = [self.side(argument) for argument in node.args]
        wanted = [function.takes[min(number, len(function.takes) - 1)] for number in range(len(sides))]
        taken = [self.judge.argument(function, side, one) for side, one in zip(sides, wanted, strict=True)]
        if not all(taken):
            return WRONG
        if _is_wrong(*sides) and not isinstance(function.gives, Type):
            return WRONG
        made = _result(function, sides, wanted)
        if made is None:
            self.judge.no_result(function, node, sides)
            return WRONG
        return made if self.constants.call(node, function) else WRONG


def _is_wrong(*sides: Side) -> bool:
    return any(type is WRONG for _, type in sides)


def _either(*types: Type, put: Callable[..., Type] = one_of_types) -> Type:
    """What is one of several."""
    return WRONG if any(type is WRONG for type in types) else put(*types)


def _result(function: Function, sides: list[Side], wanted: list[Type]) -> Type | None:
    if isinstance(function.gives, Type):
        return function.gives
    return function.gives(*(given if one.optional else given.present() for (_, given), one in zip(sides, wanted, strict=True)))


def _item(value: Any, index: Any) -> Any:
    return operations.item(None, value, index)  # type: ignore[arg-type]  # a constant is no document


_NUMBERS = frozenset(("integer", "number", "any"))
_WITH_FIELDS = frozenset(("record", "document", "user", "department", "file"))

_READ: Mapping[type[ast.expr], Callable[[Inference, Any], Type]] = {
    ast.Constant: Inference.constant,
    ast.Name: Inference.name,
    ast.Attribute: Inference.attribute,
    ast.Subscript: Inference.subscript,
    ast.BoolOp: Inference.several,
    ast.IfExp: Inference.choice,
    ast.UnaryOp: Inference.unary,
    ast.BinOp: Inference.binary,
    ast.Compare: Inference.comparison,
    ast.List: Inference.row,
    ast.GeneratorExp: Inference.generator,
    ast.Call: Inference.call,
}
