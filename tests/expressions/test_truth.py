"""What is said to be certain of conditions is so for every value: held against the evaluator, by brute force."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from math import prod
from types import SimpleNamespace
from typing import Any

import pytest

from bpflow.expressions import EvaluationError, compile_code, parse
from bpflow.expressions.truth import OTHER, Cases, cases_of, certain
from bpflow.expressions.types import ANY, BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Type

KIND = Type("text", values=("a", "b", "c"))
TYPES = {"kind": KIND, "maybe": KIND.or_none(), "flag": BOOLEAN, "n": INTEGER, "cost": NUMBER, "day": DATE, "word": TEXT, "deal": ANY, "other": INTEGER}
VALUES: dict[str, tuple[Any, ...]] = {
    "kind": ("a", "b", "c"),
    "maybe": ("a", "b", "c", None),
    "flag": (True, False),
    "n": tuple(range(-2, 6)),
    "cost": tuple(Decimal(number) / 2 for number in range(-3, 11)),
    "day": (date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 2), date(2026, 6, 1), date(2026, 6, 2)),
    "word": ("", "a", "aa", "b", "ba", "c", "zzz"),
    "deal": (None, True, False, 0, 2, Decimal("2.5"), "a", "b", date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), []),
    "other": (-1, 0, 3),
}


def type_of(names: tuple[str, ...]) -> Type:
    return TYPES.get(names[0], ANY) if len(names) == 1 else ANY


def truth(text: str) -> bool | None:
    return certain(parse(text).tree, type_of)


def cases(*texts: str) -> Cases:
    return cases_of([parse(text).tree for text in texts], type_of)


@pytest.mark.parametrize(
    "condition, expected",
    [
        ('kind == "a" and kind == "b"', False),
        ('kind != "a" or kind != "b"', True),
        ('kind in ["a", "b", "c"]', True),
        ('maybe in ["a", "b", "c"]', None),
        ('maybe in ["a", "b", "c", none]', True),
        ('kind == "a" or kind == "b"', None),
        ("kind != none", True),
        ("maybe == none and maybe == none", None),
        ("flag or not flag", True),
        ("flag == true or flag == false", True),
        ("n > 3 and n < 4", False),
        ("cost > 3 and cost < 4", None),
        ("n == 2.5", False),
        ("cost == 2.5", None),
        ("n < 3 or n >= 3", True),
        ("n < 3 or n > 3", None),
        ("0 < n < 1", False),
        ("len(word) >= 0", True),
        ("len(word) < 0", False),
        ("len(word) > 0", None),
        ('day > date("2026-01-01") and day < date("2026-01-02")', False),
        ('day > date("2026-01-01") and day < date("2026-01-03")', None),
        ('word > "b" and word < "a"', False),
        ('word > "a" and word < "b"', None),
        ("n < other or n >= other", True),
        ("n == other and other > n", False),
        ("n == n", True),
        ("now == now", None),
        ("n % 2 == 0 or n % 2 == 1 or not n % 2 == 0", True),
        ("open_tasks(deal) == 0 or open_tasks(deal) != 0", None),
        ('any(x == "a" for x in deal) and not any(x == "a" for x in deal)', False),
        ("true if flag else not flag", True),
        ('kind == "d"', None),
        ("n == none", False),
        ("deal == 1 and deal == 2", False),
        ("kind in []", False),
        (" or ".join(f"a{number} == {number}" for number in range(12)) + " or not a1 == 1", None),
    ],
)
def test_what_is_certain(condition: str, expected: bool | None) -> None:
    assert truth(condition) is expected


def test_a_condition_that_another_implies() -> None:
    found = cases("n > 5", "n > 3", "n == 6 and n == 7")
    assert found.implies(0, 1)
    assert not found.implies(1, 0)
    assert not found.implies(2, 0)  # never true, which is a mistake of its own


def test_an_arm_that_those_before_it_cover() -> None:
    found = cases("n >= 3", "n < 3", "flag", "n > 5")
    assert [found.is_taken(number) for number in range(4)] == [True, True, False, False]


def test_what_conditions_leave_over() -> None:
    found = cases('kind == "a"', 'kind in ["b"]')
    assert [case.values for case in found.left_over()] == [("c",)]
    assert [case.values for case in cases("cost < 2", "cost > 2").left_over()] == [(2,)]
    assert [case.values for case in cases("maybe != none").left_over()] == [(None,)]
    assert OTHER not in [value for case in cases('word == "a"').left_over() for value in case.values]


# ── by brute force ──────────────────────────────────────────────────────────────────────────────────────────────────
CONSTANTS = {
    "kind": ['"a"', '"b"', '"c"', '"x"'],
    "maybe": ['"a"', '"b"', "none"],
    "flag": ["true", "false"],
    "n": ["0", "1", "2", "2.5", "-1", "none"],
    "cost": ["0", "1", "2", "2.5", "-1"],
    "day": ['date("2026-01-01")', 'date("2026-06-01")', "none"],
    "word": ['"a"', '"b"', '"ba"'],
    "deal": ["1", '"a"', "none", "true", 'date("2026-01-01")', '["a"]'],
}


def condition(dice: random.Random, depth: int) -> str:
    """A random condition over the names."""
    shape = dice.random()
    if depth and shape < 0.55:
        sign = dice.choice((" and ", " or "))
        return "(" + sign.join(condition(dice, depth - 1) for _ in range(dice.randint(2, 3))) + ")"
    if depth and shape < 0.65:
        return f"(not {condition(dice, depth - 1)})"
    if depth and shape < 0.7:
        return f"({condition(dice, depth - 1)} if {condition(dice, depth - 1)} else {condition(dice, depth - 1)})"
    return _test(dice)


def _test(dice: random.Random) -> str:
    name = dice.choice(list(CONSTANTS))
    constants = CONSTANTS[name]
    match dice.randint(0, 5):
        case 0:
            return f"{name} {dice.choice(('in', 'not in'))} [{', '.join(dice.sample(constants, 2))}]"
        case 1:
            return f"{dice.choice(constants)} {dice.choice(('<', '<=', '>', '>=', '=='))} {name}"
        case 2:
            return dice.choice(("flag", "n < other", "other <= n", "n == other", "len(word) > 1", "n + 1 > 2", 'word in "ab"', "cost >= n"))
        case _:
            return f"{name} {dice.choice(('==', '!=', '<', '<=', '>', '>='))} {dice.choice(constants)}"


def outcomes(texts: list[str], dice: random.Random) -> list[tuple[bool | None, ...]]:
    """What the evaluator makes of the conditions, for all values of what they read, or for some hundreds where there are more."""
    names = sorted({name for text in texts for name in parse(text).names})
    codes = [compile_code(text) for text in texts]
    domains = [VALUES[name] for name in names]
    few = prod(map(len, domains)) <= 400
    rows = product(*domains) if few else ([dice.choice(domain) for domain in domains] for _ in range(400))
    return [_evaluated(codes, dict(zip(names, values, strict=True))) for values in rows]


def _evaluated(codes: list[Any], names: dict[str, Any]) -> tuple[bool | None, ...]:
    return tuple(_one(code, SimpleNamespace(names=names, now=datetime(2026, 1, 1, tzinfo=UTC), zone="UTC")) for code in codes)


def _one(code: Any, scope: Any) -> bool | None:
    try:
        found = code(scope)
    except EvaluationError:
        return None
    return found if isinstance(found, bool) else None


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_certain_that_the_evaluator_contradicts(seed: int) -> None:
    dice, said = random.Random(seed), 0
    for _ in range(60):
        texts = [condition(dice, 2), condition(dice, 1), condition(dice, 1)]
        found = cases(*texts)
        real = outcomes(texts, dice)
        if not found.cases:
            continue
        for number in range(3):
            expected = found.certain(number)
            said += expected is not None
            assert expected is None or {row[number] for row in real} <= {expected, None}, texts[number]
            assert found.is_taken(number) or not any(row[number] and all(truth is False for truth in row[:number]) for row in real), texts
        if found.implies(0, 1):
            said += 1
            assert all(row[1] for row in real if row[0] and row[1] is not None), texts
        if not found.left_over():
            assert not any(all(truth is False for truth in row) for row in real), texts
    assert said > 3, "the conditions are such that nothing is ever certain"
