"""Decisions: which rules count, and what they give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest

from bpflow.expressions.data import Duration, Value
from bpflow.runtime import Engine
from tests.runtime.looking import check_replay, stored

Deploy = Callable[[Engine, str], None]


def decided(engine: Engine, deploy: Deploy, table: str, score: int = 0, read: str = "got.a") -> Mapping[str, Value]:
    """What the table says of a score; one of the results is read, or all."""
    body = "".join(f"    {line}\n" for line in table.strip().splitlines())
    text = f"id: table\ninputs:\n  score: {{type: integer, required: true}}\n  sure: {{type: boolean}}\nsteps:\n  - id: got\n    activity: decide\n{body}"
    deploy(engine, f"{text}  - {{id: ask, activity: request-info, title: Дальше, show: ['coalesce(got, none)'], to: 'user(\"boss\")'}}\n")
    id = engine.start("table", inputs={"score": score})
    assert engine.incidents() == []
    state = stored(engine, id).state
    assert state is not None
    check_replay(engine, id)
    found = state.names["got"]
    assert isinstance(found, dict)
    return found


def trouble(engine: Engine, deploy: Deploy, table: str, score: int) -> str:
    with pytest.raises(AssertionError):
        decided(engine, deploy, table, score)
    return str(engine.incidents()[-1].message)


FIRST = """
rules:
- {when: score > 100, then: {a: 10.50, b: 2 working days, c: high}}
- {when: score > 50, title: middle, then: {a: $(score / 2), c: low}}
- {when: score == -1, then: {a: none, b: none, c: none}}
gives:
  a: {type: money}
  b: {type: duration, default: 1h}
  c: {type: choice, choices: {high: Высокий, low: Низкий}}
"""
OTHERWISE = "otherwise: {a: 0, c: low}\n"


@pytest.mark.parametrize(
    "score, found",
    [
        (101, {"a": Decimal("10.50"), "b": Duration(working_days=2), "c": "high"}),
        (52, {"a": 26, "b": Duration(seconds=3600), "c": "low"}),
        (-1, {"a": None, "b": None, "c": None}),
        (1, {"a": 0, "b": Duration(seconds=3600), "c": "low"}),
    ],
)
def test_the_first_that_is_true(engine: Engine, deploy: Deploy, score: int, found: dict[str, Value]) -> None:
    assert decided(engine, deploy, OTHERWISE + FIRST, score) == found


def test_none_is_true(engine: Engine, deploy: Deploy) -> None:
    assert trouble(engine, deploy, FIRST, 1) == "no branch is true, and there is no `otherwise`"


def test_only_one_may_be_true(engine: Engine, deploy: Deploy) -> None:
    assert decided(engine, deploy, "hit: unique\n" + FIRST, 60)["c"] == "low"
    assert decided(engine, deploy, "hit: unique\n" + OTHERWISE + FIRST, 0)["c"] == "low"
    assert trouble(engine, deploy, "hit: unique\n" + FIRST, 101) == "2 conditions are true, and only one may be"


RULES = """
rules:
- {when: score > 1, then: {a: 1}}
- {when: score > 2, then: {a: $(score)}}
- {when: score > 3, then: {a: none}}
- {when: score > 4, then: {a: 2.5}}
gives: {a: {type: number}}
"""


@pytest.mark.parametrize(
    "hit, found",
    [
        ("collect", [[], [1], [1, 3], [1, 4, None], [1, 5, None, Decimal("2.5")]]),
        ("count", [0, 1, 2, 3, 4]),
    ],
)
def test_all_that_are_true(engine: Engine, deploy: Deploy, hit: str, found: list[Value]) -> None:
    rules = (
        RULES
        if hit == "collect"
        else "\n".join(line.partition(", then")[0] + "}" * (", then" in line) for line in RULES.splitlines()).replace("number", "integer")
    )
    assert [decided(engine, deploy, f"hit: {hit}\n{rules}", score)["a"] for score in range(1, 6)] == found


@pytest.mark.parametrize(
    "hit, found",
    [
        ("sum", [0, 1, 4, 5, Decimal("8.5")]),
        ("min", [None, 1, 1, 1, 1]),
        ("max", [None, 1, 3, 4, 5]),
    ],
)
def test_one_value_of_all_that_are_true(engine: Engine, deploy: Deploy, hit: str, found: list[Value]) -> None:
    rules = "\n".join(line for line in RULES.splitlines() if "none" not in line)
    assert [decided(engine, deploy, f"hit: {hit}\n{rules}", score)["a"] for score in range(1, 6)] == found
    assert decided(engine, deploy, f"hit: {hit}\notherwise: {{a: 7}}\n{rules}", 0)["a"] == 7
    assert decided(engine, deploy, f"hit: {hit}\notherwise: {{a: 7}}\n{rules}", 2)["a"] == 1


def test_lists_of_several_fields_belong_together(engine: Engine, deploy: Deploy) -> None:
    table = """
hit: collect
rules:
- {when: score > 0, then: {a: 1, b: one}}
- {when: score > 1, then: {a: 2, b: $("two" if score > 5 else "2")}}
otherwise: {a: 0, b: nothing}
gives: {a: {type: integer}, b: {type: string}}
"""
    assert decided(engine, deploy, table, 2) == {"a": [1, 2], "b": ["one", "2"]}
    assert decided(engine, deploy, table, 0) == {"a": [0], "b": ["nothing"]}


def test_dates_have_a_least_and_lengths_a_sum(engine: Engine, deploy: Deploy) -> None:
    rules = "rules:\n- {when: score > 0, then: {a: %s}}\n- {when: score > 0, then: {a: %s}}\ngives: {a: {type: %s}}\n"
    least = decided(engine, deploy, "hit: min\n" + rules % ("2026-03-05", "2026-03-02", "date"), 1)["a"]
    assert str(least) == "2026-03-02"
    assert decided(engine, deploy, "hit: sum\n" + rules % ("2h", "1d", "duration"), 1)["a"] == Duration(days=1, seconds=7200)


def test_a_condition_that_is_none(engine: Engine, deploy: Deploy) -> None:
    table = "hit: %s\nrules:\n- {when: sure, then: {a: 1}}\ngives: {a: {type: integer}}\n"
    assert trouble(engine, deploy, table % "first", 1) == "`sure` is neither true nor false"
    assert trouble(engine, deploy, table % "sum", 1) == "a condition is true or false, not none"


def test_a_large_table(engine: Engine, deploy: Deploy) -> None:
    rows = "".join(f"- {{when: score >= {number}, then: {{a: {number}, b: row {number}}}}}\n" for number in range(150))
    table = f"rules:\n{rows}gives: {{a: {{type: integer}}, b: {{type: string}}}}\n"
    assert decided(engine, deploy, f"hit: collect\n{table}", 149)["b"] == [f"row {number}" for number in range(150)]
    assert decided(engine, deploy, table, 149)["a"] == 0
