"""Inference against the evaluation: random expressions with random values of the types, and each keeps what the other says."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bpflow.diagnostics import say
from bpflow.expressions import Code, EvaluationError, ExpressionError, compile_code, parse
from bpflow.expressions.inference import Inference, Known, Mistake
from bpflow.expressions.judging import place_of
from bpflow.expressions.parse import OPERATORS
from bpflow.expressions.types import Type
from tests.expressions.typed_world import GRAMMAR, NAMES, OF_VALUES, NoField, TypedWorld, Writer, is_of, known, value_of

OF_INTEGERS = ('"{name}" needs an integer', '"{operator}" is not possible', "there is no item")
"""How those begin that a decimal earns where a number may be an integer."""

COUNTED: Counter[str] = Counter()


@dataclass(frozen=True)
class Found:
    """A mistake, with the operation that is refused, and what was known there."""

    mistake: Mistake
    node: ast.expr
    bound: Mapping[str, Type]
    conditions: tuple[tuple[ast.expr, bool], ...]


class Recording(Inference):
    """Notes the types of all parts, and the surroundings of each mistake."""

    def __init__(self, text: str, known: Known) -> None:
        super().__init__(text, known)
        self.seen: list[Type] = []
        self.found: list[Found] = []
        self.inside: list[ast.expr] = []
        self.judge.mistakes = _Noted(self)

    def of(self, node: ast.expr) -> Type:
        self.inside.append(node)
        type = super().of(node)
        self.inside.pop()
        self.seen.append(type)
        return type

    def note(self, mistake: Mistake) -> None:
        bound = {name: type for name, (type, _) in self.bound.items()}
        self.found.append(Found(mistake, self.inside[-1], bound, tuple(self.conditions)))

    @property
    def is_certain(self) -> bool:
        """Whether the type of every part is one, and known: then no kind of value can come as a surprise."""
        return all(map(_is_certain, self.seen))


class _Noted(list[Mistake]):
    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.recording = recording

    def append(self, mistake: Mistake) -> None:
        super().append(mistake)
        self.recording.note(mistake)


def _is_certain(type: Type) -> bool:
    if type.kind == "list":
        return type.item is None or _is_certain(type.item)
    return type.kind not in ("any", "one-of") and all(_is_certain(one) for _, one in type.fields)


def about_values(error: EvaluationError, recording: Recording) -> bool:
    """Whether other values of the same types would have done."""
    message = error.message
    if message.template == '"{name}" of none' or say("none") in message.values.values():
        return any(mistake.rule == "maybe-none" for mistake in recording.judge.mistakes)
    if message.template.startswith(OF_INTEGERS) and any(type.kind == "number" for type in recording.seen):
        return message.values.get("operator", "*") == "*"
    return message.template.startswith(OF_VALUES)


def world(chance: Random, bound: Mapping[str, Type] = {}, *, full: bool = False, present: bool = False) -> TypedWorld:
    """A world with random values."""
    return TypedWorld(
        {name: value_of(type, chance, full=full, present=present) for name, type in {**NAMES, **bound}.items()}, chance=chance, full=full, present=present
    )


def inferred(text: str, around: Known) -> tuple[Recording, Type]:
    recording = Recording(text, around)
    return recording, recording.of(parse(text).tree)


# ── no mistake: the evaluation agrees ───────────────────────────────────────────────────────────────────────────────
def agrees(text: str, around: Known, chance: Random) -> str:
    """What came of an expression, which must be what inference has foreseen."""
    recording, type = inferred(text, around)
    rules = {mistake.rule for mistake in recording.judge.mistakes}
    if rules - {"maybe-none"}:
        return "refused"
    for _ in range(4):
        COUNTED[_once(text, recording, type, world(chance))] += 1
    return "certain" if recording.is_certain else "not certain"


def _once(text: str, recording: Recording, type: Type, around: TypedWorld) -> str:
    try:
        value = compile_code(text)(around)
    except EvaluationError as error:
        refused = error
    except NoField:
        refused = None
    else:
        assert is_of(value, type) or (value is None and not recording.is_certain), (text, value, type)  # of what is not known a field may be absent
        return "value of the type"
    allowed = about_values(refused, recording) if refused else "other" in text
    assert allowed or not recording.is_certain, (text, refused)
    return "no value"


# ── a mistake: the evaluation refuses, or the comparison never changes ──────────────────────────────────────────────
def written(text: str, node: ast.expr) -> str:
    return text[node.col_offset : node.end_col_offset]


def refused_parts(text: str, found: Found) -> list[str]:
    """The expressions of which at least one is refused whatever the values are."""
    node, place = found.node, (found.mistake.offset, found.mistake.length)
    match node:
        case ast.BoolOp(values=asked) | ast.GeneratorExp(generators=[ast.comprehension(ifs=asked)]) if place in map(place_of, asked):
            return [f"not ({text[place[0] : sum(place)]})"]
        case ast.Compare(ops=[ast.In() | ast.NotIn()], left=left, comparators=[ast.List(elts=items)]) if place in map(place_of, items):
            return [f"({written(text, left)}) == ({text[place[0] : sum(place)]})"]
        case ast.Compare(ops=ops) if len(ops) > 1:
            sides = [written(text, side) for side in (node.left, *node.comparators)]
            return [f"({a}) {OPERATORS[type(op)]} ({b})" for op, (a, b) in zip(ops, pairwise(sides), strict=True)]
        case ast.GeneratorExp():
            return [f"list({written(text, node)})"]
    return [written(text, node)]


def outcomes(text: str, part: str, found: Found, chance: Random, *, present: bool) -> list[object]:
    """What the part came to in many worlds: its value, or "refused". Those are left out where it is not reached, or a list is empty."""
    run, asked = compile_code(part), [(compile_code(f"true and ({written(text, node)})"), truth) for node, truth in found.conditions]
    tree = parse(part).tree
    lists = [compile_code(f"len({written(part, node)})") for node in ast.walk(tree) if isinstance(node, ast.GeneratorExp)]
    if isinstance(tree, ast.Call) and len(tree.args) == 1 and not lists:
        lists = [compile_code(f"len({written(part, tree.args[0])})")]
    came: list[object] = []
    for _ in range(60):
        around = world(chance, found.bound, full=True, present=present)
        try:
            if any(condition(around) is not truth for condition, truth in asked):
                continue
        except (EvaluationError, NoField):
            continue
        if any(_length(one, around) == 0 for one in lists):
            continue
        try:
            came.append(run(around))
        except (EvaluationError, NoField):
            came.append("refused")
    return came


def _length(code: Code, around: TypedWorld) -> Any:
    try:
        return code(around)
    except (EvaluationError, NoField):
        return None


def is_refused(text: str, found: Found, chance: Random) -> bool:
    """Whether the mistake is true: no value comes of it, or always the same one of a comparison."""
    for part, present in product(refused_parts(text, found), (False, True)):
        try:
            came = outcomes(text, part, found, chance, present=present)
        except ExpressionError:
            continue  # a constant that is refused when it is compiled
        compares = isinstance(parse(part).tree, ast.Compare)
        values = [one for one in came if one != "refused"]
        if not values or (compares and not present and all(one is values[0] for one in values)):
            return True
    return False


@given(st.integers(0, 2**64 - 1))
def both_ways(seed: int) -> None:
    """Draws expressions, and holds inference and evaluation against each other."""
    chance = Random(seed)
    for _ in range(40):
        writer = Writer(chance, slips=chance.choice((0.0, 0.05, 0.3)))
        text = writer.expression(chance.choice(tuple(GRAMMAR)), chance.choice((1, 1, 2, 2, 3)))
        try:
            parse(text)
        except ExpressionError:
            COUNTED["no expression"] += 1
            continue
        around = known(NAMES if chance.random() < 0.8 else {name: type for name, type in NAMES.items() if chance.random() < 0.5})
        COUNTED[agrees(text, around, chance)] += 1
        for found in inferred(text, around)[0].found:
            COUNTED[found.mistake.rule] += 1
            if found.mistake.rule != "maybe-none":
                assert is_refused(text, found, chance), (text, written(text, found.node), found.mistake)


def test_what_inference_says_is_what_evaluation_does() -> None:
    COUNTED.clear()
    both_ways()
    print(dict(COUNTED))  # shown by -s
    for what, least in (("certain", 800), ("value of the type", 2500), ("wrong-type", 100), ("wrong-value", 5), ("maybe-none", 200), ("unknown-field", 10)):
        assert COUNTED[what] >= least, COUNTED
