"""The tables of kinds against the operators themselves, pair by pair; and the signatures against the functions, argument by argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from random import Random
from typing import Any

import pytest

from bpflow.expressions import FUNCTIONS, Document, EvaluationError, Function, compile_code, operations, parse
from bpflow.expressions.inference import infer
from bpflow.expressions.kinds import arithmetic, comparable, equal_kinds, equal_values, negative
from bpflow.expressions.types import BOOLEAN, DATE, DATETIME, DEPARTMENT, DURATION, INTEGER, NONE, ROLE, TEXT, USER, Type, list_of, literal_text
from tests.expressions.typed_world import NAMES, OF_VALUES, TypedWorld, is_of, known, value_of

OTHERS = {"nothing": NONE, "word_a": literal_text("a"), "empty": Type("list")}
LEFT_OUT = {"unclear", "mixes", "other", "days_off", "prices", "holes", "deals"}
TYPES = {name: type for name, type in {**NAMES, **OTHERS}.items() if name == "maybe_count" or not (name in LEFT_OUT or name.startswith("maybe"))}
PAIRS = list(product(TYPES.values(), repeat=2))
SCOPE = TypedWorld()
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: operations.add(SCOPE, a, b),
    "-": lambda a, b: operations.subtract(SCOPE, a, b),
    "*": operations.multiply,
    "/": operations.divide,
    "//": operations.floor_divide,
    "%": operations.remainder,
}


def values(*types: Type, count: int) -> Iterator[tuple[Any, ...]]:
    """Random values of the types, together."""
    chance = Random(7)
    return (tuple(value_of(type, chance) for type in types) for _ in range(count))


def given(run: Callable[..., Any], *types: Type) -> list[Any]:
    """What the operator gives for some random values, where it does not refuse them."""
    found: list[Any] = []
    for arguments in values(*types, count=40):
        with suppress(EvaluationError):
            found.append(run(*arguments))
        if len(found) == 6:
            break
    return found


@pytest.mark.parametrize("sign", ARITHMETIC)
def test_arithmetic_is_possible_for_the_kinds_that_it_takes(sign: str) -> None:
    for a, b in PAIRS:
        found, type = given(ARITHMETIC[sign], a, b), arithmetic(sign, a, b)
        assert bool(found) is (type is not None), (a, b, type)
        assert type is None or all(is_of(value, type) for value in found), (a, b, type)


def test_a_minus_is_possible_for_the_kinds_that_it_takes() -> None:
    for a in TYPES.values():
        found, type = given(operations.negative, a), negative(a)
        assert bool(found) is (type is not None), a
        assert type is None or all(is_of(value, type) for value in found), a


def test_what_can_be_ordered_is_so() -> None:
    for a, b in PAIRS:
        assert bool(given(operations.less, a, b)) is comparable(a, b), (a, b)


def test_what_is_never_equal_never_is() -> None:
    for a, b in PAIRS:
        if not equal_values(a, b):
            assert not any(operations.equal(*pair) for pair in values(a, b, count=60)), (a, b)
        elif not {"record", "list", "none"} & {one.kind for type in (a, b) for one in type.each}:
            assert any(operations.equal(*pair) for pair in values(a, b, count=1000)), (a, b)
        assert equal_kinds(a, b) or not equal_values(a, b)


def test_documents_of_different_types_are_never_equal() -> None:
    deal, company = Type("document", of=("deal",)), Type("document", of=("company",))
    assert equal_kinds(deal, company)
    assert not equal_values(deal, company)
    assert not operations.equal(Document("deal", 1), Document("company", 1))


# ── functions ───────────────────────────────────────────────────────────────────────────────────────────────────────
FITTING = {"text": "word", "integer": "count", "number": "price", "boolean": "flag", "list": "people"}
OWN = {"at_time": ("day", '"09:00"'), "number": ("price",), "date": ("instant",), "datetime": ("instant",), "format": ("day", '"d MMMM"', '"en"')}
OWN |= {"duration": ("length",), "any": ("flags",), "all": ("flags",), "sum": ("prices",), "min": ("prices",), "max": ("prices",), "round": ("price", "count")}
OWN |= {"split": ("word", '"a"'), "replace": ("word", '"a"', '"b"'), "user": ("initiator",), "department": ("group",), "members": ("role",)}


def fitting(function: Function) -> list[str]:
    """Arguments that the function takes: one for each that it has."""
    own = OWN.get(function.name)
    if own is not None:
        return list(own)
    count = function.max_args if function.max_args is not None else max(1, function.min_args)
    return [_name_of(function.takes[min(number, len(function.takes) - 1)]) for number in range(count)]


def _name_of(wanted: Type) -> str:
    one = wanted.each[0]
    return FITTING.get(one.kind) or next(name for name, type in NAMES.items() if type.kind == one.kind) if one.kind != "any" else "word"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_what_its_signature_says_and_gives_it(name: str) -> None:
    function = FUNCTIONS[name]
    assert function.takes or function.max_args == 0
    usual = fitting(function)
    for number in range(max(1, len(usual))):
        for other in TYPES if usual else ():
            _check_call(f"{name}({', '.join([*usual[:number], other, *usual[number + 1 :]])})")
    _check_call(f"{name}({', '.join(usual)})", is_usual=True)


def _check_call(text: str, *, is_usual: bool = False) -> None:
    around = known({**NAMES, **OTHERS})
    inferred = infer(parse(text), around)
    mistakes = [mistake for mistake in inferred.mistakes if mistake.rule != "maybe-none"]
    found, unlucky = _values_of(text)
    assert not (is_usual and mistakes), (text, mistakes)
    assert not found if mistakes else found or unlucky, (text, mistakes, found[:3])
    assert all(is_of(value, inferred.type) for value in found), (text, inferred.type)


def _values_of(text: str) -> tuple[list[Any], bool]:
    """What a call gives, and whether it was refused for its values only; lists are not empty, and what is given is not none unless it is nothing
    else."""
    code, chance, found, unlucky = compile_code(text), Random(7), [], False
    for _ in range(15):
        names = {name: value_of(type, chance, full=True, present=True) for name, type in {**NAMES, **OTHERS}.items()}
        try:
            found.append(code(TypedWorld(names, chance=chance, full=True)))
        except EvaluationError as error:
            unlucky |= error.message.template.startswith(OF_VALUES)
    return found, unlucky


def test_a_list_may_be_empty_or_have_holes() -> None:
    holes = infer(parse("sum(maybes)"), known({"maybes": list_of(NAMES["maybe_count"])}))
    assert [mistake.rule for mistake in holes.mistakes] == ["maybe-none"]
    assert infer(parse("sum([])"), known()).mistakes == ()


SAID = {
    "boolean": BOOLEAN,
    "date": DATE,
    "date and time": DATETIME,
    "department": DEPARTMENT,
    "duration": DURATION,
    "integer": INTEGER,
    "list of departments": list_of(DEPARTMENT),
    "list of texts": list_of(TEXT),
    "list of users": list_of(USER),
    "role": ROLE,
    "text": TEXT,
    "user": USER,
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_the_manual_of_a_function_names_the_type_that_it_gives(function: Function) -> None:
    said = function.doc.partition("\n")[0].partition(" → ")[2]
    if isinstance(function.gives, Type):
        assert SAID[said] == function.gives.present()
        assert ("none" in function.doc.lower()) or not function.gives.optional
