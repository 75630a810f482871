"""What a condition proves: of each fact that is told, values show that it is so."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.expressions import EvaluationError, compile_code, parse
from bpflow.expressions.facts import Fact, assume, decided, facts
from tests.expressions.conftest import World


def told(text: str, truth: bool) -> set[str]:
    """The facts, as text."""
    return {f"{'.'.join(fact.names)} {'=' if fact.equal else '≠'} {fact.value}" for fact in facts(parse(text).tree, truth)}


@pytest.mark.parametrize(
    "text, truth, expected",
    [
        ('x.outcome == "a"', True, {"x.outcome = a", "x.outcome ≠ None", "x ≠ None"}),
        ('x.outcome == "a"', False, {"x.outcome ≠ a"}),
        ('x.status == "a"', False, {"x.status ≠ a", "x ≠ None"}),
        ("x.at != none", True, {"x.at ≠ None", "x ≠ None"}),
        ("x.at != none", False, {"x.at = None"}),
        ("none == x.at", True, {"x.at = None"}),
        ("flag", True, {"flag = True", "flag ≠ None"}),
        ("not flag", True, {"flag = False", "flag ≠ None"}),
        ("n > 3", False, {"n ≠ None"}),
        ("n > 3 and flag", True, {"n ≠ None", "flag = True", "flag ≠ None"}),
        ("n > 3 and flag", False, {"n ≠ None"}),
        ("x.at == none or n > 3", False, {"x.at ≠ None", "x ≠ None", "n ≠ None"}),
        ("x.at == none or n > 3", True, set()),
        ('s == "a" or s == "b"', True, {"s ≠ None"}),
        ('s == "a" or s == "b"', False, {"s ≠ a", "s ≠ b"}),
        ('s in ["a", "b"]', True, {"s ≠ None"}),
        ('s in ["a"]', True, {"s = a", "s ≠ None"}),
        ('s not in ["a", none]', True, {"s ≠ a", "s ≠ None"}),
        ("n in numbers", False, {"numbers ≠ None"}),
        ("1 < n < m", True, {"n ≠ None", "m ≠ None"}),
        ("1 < n < m", False, {"n ≠ None"}),
        ("coalesce(x.n, 0) > 0", True, {"x ≠ None", "x.n ≠ None"}),
        ("coalesce(x.n, 0) > 0", False, set()),
        ('coalesce(x.s, "b") == "a"', True, {"x ≠ None", "x.s ≠ None", "x.s = a"}),
        ("coalesce(x.flag, false)", True, {"x ≠ None", "x.flag ≠ None", "x.flag = True"}),
        ("coalesce(x.n, y.n) > 0", True, set()),
        ("x.at if x.at != none else false", True, {"x ≠ None", "x.at ≠ None", "x.at = True"}),
        ("x.at < now", True, {"x ≠ None", "x.at ≠ None"}),
        ("len(x.answers) > 0", False, {"x ≠ None", "x.answers ≠ None"}),
        ("any(a.flag for a in x.answers)", True, {"x ≠ None", "x.answers ≠ None"}),
        ('x["Дата"] != none', True, {"x ≠ None", "x.Дата ≠ None"}),
        ('s == date("2026-03-02")', True, {"s ≠ None"}),
        ("s == x.s", True, {"x ≠ None"}),
        ("numbers[0] == 1", True, {"numbers ≠ None"}),
        ("false", True, set()),
    ],
)
def test_what_is_told(text, truth, expected):
    # What is equal to something is also unequal to none, which is told where it costs nothing; here it may be left out.
    found = told(text, truth)
    assert {fact for fact in found if not fact.endswith("≠ None") or fact in expected} == expected


def test_true_is_not_one():
    assert Fact(("x",), True, True) != Fact(("x",), True, 1)
    assert len({Fact(("x",), True, True), Fact(("x",), True, 1)}) == 2
    assert Fact(("x",), True, 1) == Fact(("x",), True, 1)


@pytest.mark.parametrize(
    "text, known, expected",
    [
        ('s in ["a", "b"]', ("s", True, "a"), True),
        ('s in ["a", "b"]', ("s", True, "c"), False),
        ('s == "a" or s == "b"', ("s", True, "c"), False),
        ('s != "a"', ("s", True, "c"), True),
        ("n > 3", ("n", True, 5), True),
        ("n > 3", ("n", True, None), None),
        ("n == none", ("n", False, None), False),
        ("coalesce(n, 7) > 3", ("n", True, None), True),
        ("flag and s == none", ("flag", True, False), False),
        ("flag and n > 3", ("flag", True, True), None),
    ],
)
def test_what_facts_decide(text, known, expected):
    name, equal, value = known
    assert decided(parse(text).tree, frozenset([Fact((name,), equal, value)])) is expected


def test_a_deep_condition_costs_little():
    text = "a0 == 1"
    for number in range(1, 30):
        text = f"({text} {'and' if number % 2 else 'or'} a{number} == {number})"
    assert Fact(("a29",), True, 29) in facts(parse(text).tree, True)


# ── random conditions over random values ────────────────────────────────────────────────────────────────────────────
PATHS = ("flag", "n", "s", "x.flag", "x.n", "x.s", "x.outcome", "y.outcome", "y.n", "x.r.s", "numbers")
VALUES: tuple[Any, ...] = (True, False, None, 1, 2, 5, "a", "b", "c", [1, 2], ["a"], datetime(2026, 3, 1, tzinfo=UTC))
CONSTANTS = ("true", "false", "none", "1", "2", "-1", "0.5", '"a"', '"b"')


def condition(chance: random.Random, depth: int) -> str:
    """A random condition."""
    kind = chance.choice(("compare",) * 6 + (("and", "or", "not", "if") * 2 if depth else ()) + ("bare", "chain", "in", "coalesce", "any"))
    inner = [condition(chance, depth - 1) for _ in range(3)] if depth else []
    match kind:
        case "and" | "or":
            return "(" + f" {kind} ".join(inner[: chance.randint(2, 3)]) + ")"
        case "not":
            return f"(not {inner[0]})"
        case "if":
            return f"({inner[0]} if {inner[1]} else {inner[2]})"
        case "compare":
            return f"{operand(chance)} {chance.choice(('==', '!=', '==', '!=', '<', '>='))} {operand(chance)}"
        case "chain":
            return f"{operand(chance)} {chance.choice(('<', '=='))} {operand(chance)} {chance.choice(('<=', '!='))} {operand(chance)}"
        case "in":
            listed = ", ".join(operand(chance) for _ in range(chance.randint(0, 3)))
            return f"{operand(chance)} {chance.choice(('in', 'not in'))} {chance.choice((f'[{listed}]', operand(chance)))}"
        case "any":
            return f"any(i == {operand(chance)} for i in {chance.choice(PATHS)})"
        case "coalesce":
            return f"coalesce({', '.join(operand(chance) for _ in range(chance.randint(1, 3)))})"
    return chance.choice((*PATHS, "true", "false"))


def operand(chance: random.Random) -> str:
    """A random value, as an expression."""
    match chance.randrange(12):
        case 0 | 1 | 2 | 3:
            return chance.choice(CONSTANTS)
        case 4:
            return f"coalesce({chance.choice(PATHS)}, {chance.choice((*CONSTANTS, *PATHS))})"
        case 5:
            return f"len({chance.choice(PATHS)})"
        case 6:
            return f"{chance.choice(PATHS)} + 1"
        case 7:
            return "now"
    return chance.choice(PATHS)


def world(chance: random.Random) -> World:
    """Random values, of which some are not there."""

    def record(fields: tuple[str, ...]) -> dict[str, Any] | None:
        made: dict[str, Any] = {name: chance.choice(VALUES) for name in fields if chance.random() < 0.85}
        return made if chance.random() < 0.9 else None

    x = record(("flag", "n", "s", "outcome"))
    if x is not None and chance.random() < 0.7:
        x["r"] = record(("s",))
    names = {"flag": chance.choice(VALUES[:3]), "n": chance.choice(VALUES[2:6]), "s": chance.choice(VALUES[5:9]), "numbers": chance.choice(([1, 2], [], None))}
    names |= {"x": x, "y": record(("outcome", "n"))}
    return World({name: value for name, value in names.items() if chance.random() < 0.9})


def value_of(fact: Fact, names: Mapping[str, Any]) -> Any:
    """What stands at the path; none where there is nothing."""
    value: Any = names
    for name in fact.names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_so(fact: Fact, names: Mapping[str, Any]) -> bool:
    """Whether the fact is true of these values."""
    value = value_of(fact, names)
    same = value == fact.value and isinstance(value, bool) is isinstance(fact.value, bool)
    return same is fact.equal


@given(st.integers(0, 2**32))
def test_every_fact_is_so(seed):
    chance = random.Random(seed)
    for _ in range(10):
        text = condition(chance, chance.randint(0, 2))
        code, tree = compile_code(text), parse(text).tree
        for _ in range(6):
            given_values = world(chance)
            try:
                came_to = code(given_values)
            except EvaluationError:
                continue
            if not isinstance(came_to, bool):
                continue
            for fact in facts(tree, came_to):
                assert is_so(fact, given_values.names), (text, came_to, fact, given_values.names)
            known = frozenset(fact for fact in facts(parse(condition(chance, 1)).tree, chance.random() < 0.5) if is_so(fact, given_values.names))
            found = assume(tree, came_to, known)
            assert found is not None, (text, came_to, known)
            assert all(is_so(fact, given_values.names) for fact in found), (text, found)
            assert decided(tree, known) in (came_to, None)


def test_random_conditions_prove_something(capsys):
    """The property is not empty: of random conditions that have a value, most prove something."""
    chance = random.Random(7)
    count: Counter[str] = Counter()
    for _ in range(2000):
        text = condition(chance, 1)
        try:
            came_to = compile_code(text)(world(chance))
        except EvaluationError:
            continue
        if isinstance(came_to, bool):
            count["evaluated"] += 1
            count["told"] += bool(facts(parse(text).tree, came_to))
    with capsys.disabled():
        print(f"\n{count['evaluated']} random conditions had a value, {count['told']} of them prove something")
    assert count["told"] > count["evaluated"] / 3 > 100
