"""What is said of the parts of an expression: whether values of their types go together, and if not, why, and what to write instead.

The law of this file: a mistake stands at the characters that have to be changed, as far as one can know, and names values as they are
written there.
"""

from __future__ import annotations

import ast
from itertools import combinations
from typing import TypeAlias

from bpflow.diagnostics import Message, did_you_mean, each_quoted, say
from bpflow.expressions import remedies
from bpflow.expressions.constants import Constants
from bpflow.expressions.errors import EvaluationError, brief, describe
from bpflow.expressions.facts import path_of
from bpflow.expressions.functions import Function
from bpflow.expressions.kinds import comparable, equal_kinds, equal_values, takes
from bpflow.expressions.known import Known, Mistake
from bpflow.expressions.letters import foreign_letter
from bpflow.expressions.signatures import needed
from bpflow.expressions.types import Type, named

SECRET_LEAKS = "secret-leaks"
"""The rule of secrets."""

Side: TypeAlias = tuple[ast.expr, Type]
"""A part of an expression, and what its value may be."""


def place_of(node: ast.expr) -> tuple[int, int]:
    """Where a part stands: its offset and its length."""
    return node.col_offset, (node.end_col_offset or 0) - node.col_offset


class Judge:
    """The mistakes of one expression."""

    def __init__(self, text: str, known: Known) -> None:
        self.text = text
        self.known = known
        self.mistakes: list[Mistake] = []
        self.constants = Constants(self.no_value)
        self.doubted: set[str] = set()
        self.rows: dict[ast.expr, list[Type]] = {}

    def in_order(self) -> tuple[Mistake, ...]:
        """All that has been found."""
        return tuple(sorted(self.mistakes, key=lambda mistake: mistake.offset))

    def add(self, node: ast.expr, rule: str, message: Message, hint: Message | None = None) -> None:
        """A mistake of a whole part."""
        self.mistakes.append(Mistake(*place_of(node), rule, message, hint))

    def written(self, node: ast.expr) -> str:
        """The part as it is written, on one line."""
        return brief(self.text[node.col_offset : node.end_col_offset])

    def said(self, side: Side) -> Message:
        """A value as a message names it: itself if it is written out, else its kind."""
        node, type = side
        if isinstance(node, ast.Constant) and node.value is not None:
            return describe(node.value)
        return say("a value that is true or false") if type.kind == "boolean" else named(type)

    def no_value(self, node: ast.expr, error: EvaluationError) -> None:
        """A constant part that can never be computed."""
        self.add(node, "wrong-value", error.message, error.hint)

    def secret(self, node: ast.expr) -> None:
        """Something is made of a secret."""
        hint = say('it can be passed on as it is, and asked: "{what} != none"', what=self.written(node))
        self.add(node, SECRET_LEAKS, say('"{what}" is a secret: nothing can be made of it', what=self.written(node)), hint)

    def present(self, side: Side) -> None:
        """A part stands where none is refused."""
        if side[1].optional and self.written(side[0]) not in self.doubted:
            self._doubt(*side)

    def _doubt(self, node: ast.expr, type: Type) -> None:
        what = self.written(node)
        self.doubted.add(what)
        if type.kind == "list":
            hint = say('"coalesce({what}, [])" makes an empty list of none', what=what)
        elif type.kind == "boolean":
            hint = say('write "{what} == true"', what=what)
        else:
            asked = say('ask first: "{what} != none"; or "coalesce({what}, …)" gives a value in place of it', what=what)
            hint = asked if path_of(node) else say('"coalesce({what}, …)" gives a value in place of it', what=what)
        self.add(node, "maybe-none", say('"{what}" may be none here', what=what), hint)

    # operators ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def impossible(self, node: ast.expr, sign: str, left: Side, right: Side, hint: Message | None) -> None:
        """An operator that such values do not go with."""
        message = say('"{operator}" is not possible for {a} and {b}', operator=sign, a=self.said(left), b=self.said(right))
        self.add(node, "wrong-type", message, hint)

    def arithmetic(self, node: ast.expr, sign: str, left: Side, right: Side) -> None:
        """`+` and its like, of kinds that do not go together."""
        constant = self.constants.values.get(right[0])
        self.impossible(node, sign, left, right, remedies.arithmetic(sign, left[1], right[1], constant))

    def order(self, node: ast.expr, sign: str, left: Side, right: Side) -> None:
        """`<` and its like, of kinds that do not go together."""
        text, other = self._literal(left, right)
        hint = self._instead(text, other) or self._field_of_either(left, right)
        constant = self.constants.values.get(right[0])
        self.impossible(text or node, sign, left, right, hint or remedies.order(left[1], right[1], constant))

    def _instead(self, text: ast.Constant | None, other: Side) -> Message | None:
        return remedies.instead_of_text(str(text.value), other[1]) if text else None

    def _field_of_either(self, left: Side, right: Side) -> Message | None:
        return self._field_of(left, right[1]) or self._field_of(right, left[1])

    def _field_of(self, side: Side, wanted: Type) -> Message | None:
        """A hint with the fields of a record or a document that would fit in its place."""
        node, type = side
        fields = self.known.fields_of(type) if type.kind in ("record", "document") and path_of(node) else None
        fitting = [name for each in fields or () for name, one in each if equal_values(one.present(), wanted.present())]
        named = [f"{self.written(node)}.{name}" for name in dict.fromkeys(fitting)]
        return say("perhaps one of its fields is meant: {names}", names=each_quoted(named)) if 0 < len(named) <= 4 else None

    def no_negative(self, node: ast.expr, side: Side) -> None:
        """A minus before something that has no contrary."""
        self.add(node, "wrong-type", say('"-" is not possible for {a}', a=self.said(side)))

    def no_clock(self, node: ast.expr, duration: ast.expr) -> None:
        """Hours are added to a date."""
        message = say('"{duration}" cannot be added to a date, which has no time of day', duration=self.written(duration))
        self.add(node, "wrong-type", message, say('give it one: at_time(date, "09:00")'))

    def equality(self, node: ast.expr, left: Side, right: Side) -> None:
        """`==` and `!=`: values that can never be equal."""
        text, other = self._literal(left, right)
        if not equal_kinds(left[1], right[1]):
            hint = self._instead(text, other) or self._field_of_either(left, right)
            message = say("{a} and {b} are never equal", a=self.said(left), b=self.said(right))
            self.add(text or node, "wrong-type", message, hint or remedies.equality(left[1], right[1]))
        elif not equal_values(left[1], right[1]):
            self._no_value_of(node, text, left, right, other)

    def _no_value_of(self, node: ast.expr, text: ast.Constant | None, left: Side, right: Side, other: Side) -> None:
        if text is not None:
            message = say('"{path}" can never be "{value}"', path=self.written(other[0]), value=str(text.value))
            choices = next((one for one in other[1].each if one.kind == "text"), other[1])
            self.add(text, "wrong-value", message, remedies.choice(str(text.value), choices))
            return
        message = say('"{a}" and "{b}" have no value in common', a=self.written(left[0]), b=self.written(right[0]))
        self.add(node, "wrong-type" if "document" in (left[1].kind, right[1].kind) else "wrong-value", message)

    def _literal(self, left: Side, right: Side) -> tuple[ast.Constant | None, Side]:
        """The text that is written out on one of two sides, and the other side."""
        for one, other in ((right, left), (left, right)):
            text = self._text(one)
            if text is not None:
                return text, other
        return None, left

    def _text(self, side: Side) -> ast.Constant | None:
        return side[0] if isinstance(side[0], ast.Constant) and isinstance(side[0].value, str) else None

    def contained(self, node: ast.expr, sign: str, left: Side, right: Side) -> None:
        """`in` and `not in`."""
        if isinstance(right[0], ast.List) and self._text(left) is None:
            for item in zip(right[0].elts, self.rows[right[0]], strict=True):
                self.equality(item[0], left, item)
            return
        kinds = {one.kind for one in right[1].each}
        in_text = "text" in kinds and any(one.kind in ("text", "any") for one in left[1].each)
        if not kinds & {"list", "any"} and not in_text:
            self.impossible(node, sign, left, right, remedies.container(right[1]))
            return
        self.present(right)
        if not kinds & {"list", "any"}:
            self.present(left)
        elif "any" not in kinds and not in_text:
            self._among(node, left, right)

    def _among(self, node: ast.expr, left: Side, right: Side) -> None:
        items = [one.item for one in right[1].each if one.item is not None]
        if not items or any(equal_values(left[1], item) for item in items):
            return
        text = self._text(left)
        if any(equal_kinds(left[1], item) for item in items):
            message = say("{a} is never one of these", a=self.said(left))
            self.add(text or node, "wrong-value", message, remedies.choice(str(text.value), items[0]) if text else None)
            return
        hint = remedies.instead_of_text(str(text.value), items[0]) if text else None
        self.add(text or node, "wrong-type", say("{a} is never in {b}", a=self.said(left), b=self.said(right)), hint)

    # conditions, lists, fields ──────────────────────────────────────────────────────────────────────────────────────
    def no_condition(self, side: Side, before: ast.expr | None) -> None:
        """A part that stands where true or false is asked for; `before` stands before it and an `or`."""
        node = side[0]
        match before:
            case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as op]) if isinstance(node, ast.Constant):
                sign = "==" if isinstance(op, ast.Eq) else "!="
                hint = say('write "{name}"', name=f"{self.written(left)} {sign} {self.written(node)}")
            case _:
                hint = say('compare it: "x != none", "x > 0", "len(x) > 0"')
        self.add(node, "wrong-type", say("a condition is true or false, not {value}", value=self.said(side)), hint)

    def no_list(self, side: Side) -> None:
        """A generator goes through something else."""
        hint = say('"coalesce(x, [])" makes an empty list of none') if side[1].kind == "none" else remedies.container(side[1])
        self.add(side[0], "wrong-type", say("a generator goes through a list, not {value}", value=self.said(side)), hint)

    def no_item(self, node: ast.expr, owner: Side, index: Side) -> None:
        """An index that such a value has not."""
        self.add(node, "wrong-type", say("there is no item {index} in {value}", index=self.said(index), value=self.said(owner)))

    def no_field(self, owner: Side, name: str, place: tuple[int, int]) -> None:
        """A field, written at a place, that such a value has not."""
        fields = [known for one in owner[1].each for each in self.known.fields_of(one) or () for known, _ in each]
        if not fields:
            hint = say('of each item: "list(x.{name} for x in …)"', name=name) if owner[1].kind == "list" else None
            self.mistakes.append(Mistake(*place, "wrong-type", say('"{name}" of {value}', name=name, value=named(owner[1])), hint))
            return
        foreign = foreign_letter(name, fields)
        if foreign:
            self.mistakes.append(Mistake(place[0] + foreign.offset, 1, "lookalike", foreign.message, foreign.hint))
            return
        message = say('"{whole}" has no field "{name}"', whole=self.written(owner[0]), name=name)
        listed = say("it has: {names}", names=each_quoted(fields)) if len(fields) <= 16 else None
        self.mistakes.append(Mistake(*place, "unknown-field", message, did_you_mean(name, fields) or listed))

    # calls ──────────────────────────────────────────────────────────────────────────────────────────────────────────
    def argument(self, function: Function, side: Side, wanted: Type) -> bool:
        """Whether a function takes that argument."""
        node, given = side
        if wanted.kind == "any":
            return True
        items = next((one.item for one in wanted.each if one.item is not None), None)
        if isinstance(node, ast.GeneratorExp) and items is not None and given.item is not None:
            return self.argument(function, (node.elt, given.item), items)
        if not takes(wanted, given) or (wanted.kind == "integer" and node in self.constants.decimals):
            self._not_taken(function, side, wanted)
            return False
        if not wanted.optional:
            self.present(side)
        if items is not None and not items.optional and items.kind != "any" and given.item is not None and given.item.optional:
            self._maybe_none_within(node)
        return True

    def _maybe_none_within(self, node: ast.expr) -> None:
        hint = say('leave those out: "list(x for x in {what} if x != none)"', what=self.written(node))
        self.add(node, "maybe-none", say('an item of "{what}" may be none here', what=self.written(node)), hint)

    def _not_taken(self, function: Function, side: Side, wanted: Type) -> None:
        node, given = side
        if wanted.kind == "boolean" or (wanted.item is not None and wanted.item.kind == "boolean" and given.kind == "list"):
            self.no_condition(side, None)
            return
        text = self._text(side)
        hint = remedies.instead_of_text(str(text.value), wanted) if text else self._field_of(side, wanted) or remedies.taken(given, wanted)
        value = self.said(side)
        if wanted.kind == "integer" and given.kind == "number":
            hint = say('"round(x)" makes an integer of it')
            value = say("a number with decimals") if value == named(given) else value
        message = say('"{name}" needs {what}, not {value}', name=function.name, what=needed(wanted), value=value)
        self.add(node, "wrong-type", message, hint)

    def _no_time_to_show(self, node: ast.expr, pattern: str) -> None:
        message = say('the pattern "{pattern}" shows the time of day, which a date has not', pattern=pattern)
        self.add(node, "wrong-value", message, remedies.pattern_of_day(pattern))

    def no_result(self, function: Function, node: ast.Call, sides: list[Side]) -> None:
        """Arguments that do not go together: of different kinds, or only one where a list is needed."""
        if function.name == "format":
            self._no_time_to_show(node.args[1], (sides[1][1].values or ("",))[0])
            return
        if len(sides) > 1:
            apart = (pair for pair in combinations(sides, 2) if not comparable(pair[0][1], pair[1][1]))
            first, other = next(apart, (sides[0], sides[1]))
            self.impossible(node, function.name, first, other, remedies.order(first[1], other[1]))
            return
        message = say('"{name}" needs {what}, not {value}', name=function.name, what=say("a list, or several values"), value=self.said(sides[0]))
        self.add(node.args[0], "wrong-type", message)
