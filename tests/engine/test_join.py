"""Join: counted by flow, surplus queued; N that absorbs; the inclusive one; and nothing hangs in silence."""

from typing import Literal

import pytest

from bpflow.engine import UnexpectedEvent
from bpflow.engine.events import Done
from bpflow.graph import Block, Choose, Expr, Graph, Handler, Join, Node, Trigger
from tests.engine.play import HOUR, Play, T, call, flow, graph, pause, sets, step, task

DAYS = 'datetime("2026-03-0{}T12:00Z")'


def gathered(need: int | Literal["all", "live"], *branches: Node, into: str = "bcd") -> Graph:
    """A split into three named branches, which lead to a join, and then a task."""
    names = tuple(f"{name}[]>j" for name in into)
    return graph(step("a", *into), *branches, Join("j", names, flow("j", "after"), need), task("after"))


def three(need: int | Literal["all", "live"]) -> Play:
    return Play(gathered(need, *(call(name, "j") for name in "bcd")))


def test_all_waits_for_one_of_each():
    play = three("all")
    play.done("b")
    play.done("d")
    assert play.where() == ["c"]
    assert play.state.scopes[0].joins == {"j": {"b[]>j": 1, "d[]>j": 1}}
    play.done("c")
    assert play.where() == ["after"]
    assert play.state.scopes[0].joins == {}


def test_tokens_are_counted_by_flow_and_the_surplus_waits_for_its_turn():
    nodes = (step("a", "b", "b2", "c", "c2"), step("b2", "b"), step("c2", "c"), step("b", "j"), call("c", "j"))
    play = Play(graph(*nodes, Join("j", ("b[]>j", "c[]>j"), flow("j", "after"), "all"), call("after")))
    assert play.where() == ["c", "c"]
    assert play.state.scopes[0].joins == {"j": {"b[]>j": 2}}
    first, second = sorted(play.calls)
    play.send(Done(play.now, *first))
    assert play.state.scopes[0].joins == {"j": {"b[]>j": 1}}
    assert play.where() == ["after", "c"]
    play.send(Done(play.now, *second))
    assert play.where() == ["after", "after"]
    assert play.state.scopes[0].joins == {}


def test_n_fires_at_the_nth_absorbs_the_rest_and_begins_anew():
    play = three(2)
    play.done("b")
    play.done("d")
    assert play.where() == ["after", "c"]
    assert play.state.scopes[0].joins["j"][""] == 1
    play.done("c")
    assert play.where() == ["after"]
    assert play.state.scopes[0].joins == {}
    play.answer("after")
    assert play.state.status == "ended"


def test_n_in_a_loop_fires_once_a_round():
    nodes = (step("a", "b", "c", "d"), step("b", "j"), step("c", "j"), call("d", "j"))
    into = ("b[]>j", "c[]>j", "d[]>j")
    play = Play(graph(*nodes, Join("j", into, flow("j", "again"), 2), task("again", "a")))
    for _ in range(3):
        assert play.where() == ["again", "d"]
        play.done("d")
        assert play.state.scopes[0].joins == {}
        play.answer("again")
    assert play.took().count("j[]>again") == 4


def test_the_surplus_of_n_is_queued_for_the_next_round():
    nodes = (step("a", "b", "b2", "d"), step("b2", "b"), step("b", "j"), call("d", "j"))
    play = Play(graph(*nodes, Join("j", ("b[]>j", "d[]>j"), flow("j", "after"), 1), call("after")))
    assert play.state.scopes[0].joins == {"j": {"b[]>j": 2, "": 1}}
    assert play.where() == ["after", "d"]
    play.done("d")
    assert play.state.scopes[0].joins == {"j": {"b[]>j": 1, "": 1}}
    assert play.where() == ["after", "after"]


def test_a_scope_ends_though_a_join_of_n_has_absorbed_some():
    nodes = (step("a", "b", "c"), step("b", "j"), step("c", "j"), step("d", "j"))
    play = Play(graph(*nodes, Join("j", ("b[]>j", "c[]>j", "d[]>j"), flow("j", None), 1)))
    assert play.state.status == "ended"


def test_live_waits_for_those_that_can_still_come():
    nodes = (call("b", "j"), Choose("c", ((Expr("false"), flow("c", "j")),), flow("c", None, "no")), call("d", "j"))
    play = Play(gathered("live", *nodes))
    play.done("b")
    assert play.where() == ["d"]
    assert not play.state.incidents
    play.done("d")
    assert play.where() == ["after"]
    assert not play.state.incidents


def test_live_waits_for_a_body_that_may_still_lead_to_it():
    body = Block("d", (flow("d", "e", "in"),), flow("d", "j"))
    play = Play(gathered("live", step("b", "j"), step("c", "j"), body, task("e")))
    assert play.where() == ["e"]
    play.answer("e")
    assert play.where() == ["after"]


def test_a_circle_through_an_inclusive_join_is_stopped():
    play = Play(graph(step("a", "j"), Join("j", ("a[]>j", "b[]>j"), flow("j", "b"), "live"), step("b", "j")))
    assert "10000 steps without a wait" in str(play.incident.message)


def test_a_join_for_which_nobody_can_come_is_an_incident_at_once():
    nodes = (step("b", "j"), Choose("c", ((Expr("false"), flow("c", "j")),), flow("c", None, "no")), call("d", "j"))
    play = Play(gathered("all", *nodes))
    assert not play.state.incidents
    play.done("d")
    assert play.incident.kind == "stuck"
    assert play.incident.node == "j"
    with pytest.raises(UnexpectedEvent, match="cannot be retried"):
        play.retry()
    play.skip()
    assert play.where() == ["after"]
    play.answer("after")
    assert play.state.status == "ended"


def test_skipping_a_stuck_join_with_a_surplus_is_stuck_again():
    nodes = (step("a", "b", "b2"), step("b2", "b"), step("b", "j"), step("c", "j"))
    play = Play(graph(*nodes, Join("j", ("b[]>j", "c[]>j"), flow("j", "after"), "all"), step("after", None, sets=sets(x="1"))))
    play.skip()
    assert play.incident.kind == "stuck"
    play.skip()
    assert play.state.status == "ended"


def test_a_stuck_join_is_told_even_if_there_is_another_incident_in_its_scope():
    handlers = (Handler("h", Trigger("changed", Expr("x // y == 1")), False, flow("h", None)),)
    branches = (step("b", "j"), step("c", None, sets=sets(y="0")))
    body = Block("k", (flow("k", "b", "b"), flow("k", "c", "c")), flow("k", None), handlers=handlers)
    join = Join("j", ("b[]>j", "c[]>j"), flow("j", "after"), "all")
    play = Play(graph(step("s", "k", sets=sets(x="1", y="2")), body, *branches, join, task("after")))
    assert sorted(i.kind for i in play.state.incidents) == ["fault", "stuck"]


def test_joins_in_different_scopes_do_not_see_each_other():
    inner = (call("d", "j"), call("e", "j"), Join("j", ("d[]>j", "e[]>j"), flow("j", None), "all"))
    fork = (step("f", "d", "e"),)
    block = Block("k", (flow("k", "f", "1"), flow("k", "f", "2")), flow("k", "after"))
    play = Play(graph(block, *fork, *inner, task("after")))
    assert len(play.calls) == 4
    for key in sorted(play.calls):
        play.send(Done(play.now, *key))
    assert play.where() == ["after"]


def test_time_passes_while_a_join_waits():
    play = Play(gathered("all", step("b", "j"), pause("c", "j", DAYS.format(3)), pause("d", "j", DAYS.format(4))))
    play.wait(30 * HOUR)
    assert play.where() == ["d"]
    play.wait(24 * HOUR)
    assert play.where() == ["after"]
    assert play.state.at == T.replace(day=4, hour=12)


def test_a_token_on_a_way_that_the_join_does_not_know_is_an_incident():
    play = Play(graph(step("a", "j"), Join("j", (), flow("j", "after")), task("after")))
    assert (play.incident.kind, play.incident.node) == ("stuck", "j")
