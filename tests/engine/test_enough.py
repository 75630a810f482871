"""`enough` says the same whether it is counted or goes through all results."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.engine import Program, enough
from bpflow.engine.draft import Draft, Fault, draft_of
from bpflow.engine.state import ROOT, Fan, Scope, State
from bpflow.expressions.data import Duration
from bpflow.graph import Each, Expr
from tests.engine.play import COMPANY, IVANOV, T, World, graph, task

COUNTED = (
    "done >= 2",
    "done == total",
    "any(r == 2 for r in results)",
    "all(r > 0 for r in results) and done > 2",
    "sum(r for r in results if r > 1) > 4",
    "sum(results) >= 3 or len(results) > 3",
    "len(r for r in results if r != 1) * 2 > total",
    "any(r.ok for r in results) if len(results) > 3 else len([len(results), done]) > 2",
    'sum(r for r in results) > days(3) if any(r == "x" for r in results) else false',
    "not all(r == none for r in results)",
    "sum(r.document.n for r in results) > 2",
)
LISTED = (
    "results == [1, 2]",
    "any(r > x for r in results)",
    "any(r == len(results) for r in results)",
    "len(unique(results)) > 1",
    "any(len(results) > 2 for r in results)",
    "sum([max(results), 1]) > 3",
    "any(r > now for r in results)",
    "any(results == [1] for results in results)",
)
VALUES = st.one_of(st.integers(0, 3), st.none(), st.just("x"), st.booleans(), st.just(Duration(2)), st.just({"ok": True}), st.just({"document": COMPANY}))


def draft() -> Draft:
    program = Program(graph(task("t")))
    state = State("running", T, 0, 1, {"x": 1}, {}, {ROOT: Scope(ROOT, "")})
    return draft_of(program, state, T, World({COMPANY: {"n": 2}}))


def said(draft: Draft, each: Each, fan: Fan) -> Any:
    try:
        return enough.is_met(draft, each, fan, ROOT, "k")
    except Fault as fault:
        return str(fault.message)


@pytest.mark.parametrize("text", [*COUNTED, *LISTED])
@given(st.lists(st.tuples(st.integers(0, 1000), VALUES), max_size=6, unique_by=lambda pair: pair[0]))
def test_it_says_the_same_as_over_all_results(text: str, results: list[tuple[int, Any]]):
    each, one = Each(Expr("[]"), "item", enough=Expr(text)), draft()
    fan, plain = Fan([None] * 5), Fan([None] * 5)
    enough.begin(one, each, fan)
    for index, result in results:
        enough.add(one, each, fan, index, result)
        plain.results[index] = result
        assert said(one, each, fan) == said(one, each, plain)
        assert plain.counts is None


@pytest.mark.parametrize("text", COUNTED)
def test_what_is_counted(text: str):
    plan = enough.plan(Program(graph(task("t"))), text)
    assert plan is not None
    assert "results" not in plan.whole.text


@pytest.mark.parametrize("text", LISTED)
def test_what_must_see_all_results(text: str):
    assert enough.plan(Program(graph(task("t"))), text) is None


def test_a_count_is_kept_between_turns_and_given_up_where_it_cannot_be_kept():
    each, one, fan = Each(Expr("[]"), "item", enough=Expr("sum(r for r in results) > 4")), draft(), Fan([1, 2, 3])
    enough.begin(one, each, fan)
    for index, counts in ((0, (1,)), (1, (3,))):
        enough.add(one, each, fan, index, index + 1)
        assert fan.counts == counts
    enough.add(one, each, fan, 2, IVANOV)
    assert fan.counts is None
