"""Step: variables, forgetting, turns and their bound, forks and merges; and the bounds on moving."""

import pytest

from bpflow.engine import UnexpectedEvent
from bpflow.graph import Choose, Expr, Flow, Graph, Variable
from tests.engine.play import Play, call, flow, graph, number, pause, sets, step, task


def variable(name: str, default: str | None = "0") -> Variable:
    return Variable(name, number(), Expr(default) if default else None)


def test_values_see_what_was_before_the_step():
    play = Play(graph(step("a", "b", sets=sets(x="1", y="2")), step("b", "c", sets=sets(x="y", y="x")), pause("c", text="x == 0")))
    assert (play.names["x"], play.names["y"]) == (2, 1)


def test_a_fault_sets_none_and_can_be_retried_when_the_data_is_right():
    play = Play(graph(step("a", "b", sets=sets(x="1", y="0")), step("b", sets=sets(x="5", z="x // y"))))
    assert play.where() == ["b"]
    assert (play.names["x"], "z" in play.names) == (1, False)
    assert play.incident.kind == "fault"
    assert "division by zero" in str(play.incident.message)
    play.retry()
    assert play.incident.kind == "fault"


def test_an_operator_skips_a_step_with_results():
    play = Play(graph(step("a", "b", sets=sets(x="nothing")), pause("b", text="x == 8")))
    play.skip(x=7)
    assert play.names["x"] == 7
    assert play.where() == ["b"]


def test_forgetting():
    play = Play(graph(step("a", "b", sets=sets(x="1", y="2")), step("b", "c", forgets=("x", "nothing")), pause("c", text="y == 0")))
    assert "x" not in play.names
    assert play.names["y"] == 2


def loop(bound: int | None, until: str) -> Graph:
    return graph(
        step("l", "l:turn", forgets=("l",)),
        step("l:turn", "b", turn="l", bound=bound, forgets=("r",)),
        step("b", "l:until", sets=sets(x="x + 1", r="l.turn")),
        Choose("l:until", ((Expr(until), flow("l:until", "after", "done")),), flow("l:until", "l:turn", "again")),
        pause("after", text="x == 99"),
        variables=(variable("x"),),
        reads="l r",
    )


def test_turns_are_counted():
    play = Play(loop(None, "x == 3"))
    assert play.names["l"] == {"turn": 3}
    assert play.where() == ["after"]


def test_the_bound_of_a_loop_is_an_incident_that_leaves_the_last_turn_in_sight():
    play = Play(loop(4, "false"))
    assert play.where() == ["l:turn"]
    assert "4 turns" in str(play.incident.message)
    assert play.names["x"] == 4
    assert play.names["r"] == 4
    play.retry()
    assert play.names["x"] == 4
    play.skip()
    assert play.names["x"] == 5, "skipping the bound makes one more turn"


def test_a_loop_that_never_waits_is_stopped():
    play = Play(loop(None, "false"))
    assert "10000 steps without a wait" in str(play.incident.message)
    assert play.at(play.where()[0]).status == "held"
    play.retry()
    assert "10000 steps without a wait" in str(play.incident.message)
    play.cancel()
    assert play.state.status == "cancelled"


@pytest.mark.parametrize("local", [True, False])
def test_a_local_answer_is_no_pause_for_the_count_of_steps(local: bool):
    play = Play(graph(step("a", "c"), call("c", "a")))
    for _ in range(3):
        play.done("c", local=local)
    assert play.at("c").hops == (8 if local else 2)


def test_a_fork_puts_a_token_on_each_flow_and_every_token_passes_a_merge():
    nodes = (step("a", "b", "c"), step("b", "d"), step("c", "d"), step("d", "e", sets=sets(x="x + 1")), pause("e", text="x == 99"))
    play = Play(graph(*nodes, variables=(variable("x"),)))
    assert play.where() == ["e", "e"]
    assert play.names["x"] == 2
    assert {token.hops for token in play.state.tokens.values()} == {4}


def test_tokens_move_first_in_first_out():
    play = Play(graph(step("a", "b", "c"), step("b", "d"), step("c", "d"), step("d")))
    assert play.took() == ["[]>a", "a[]>b", "b[]>d", "d[]>off", "a[]>c", "c[]>d", "d[]>off"]
    assert play.state.status == "ended"


def test_skipping_a_fork_takes_every_way():
    play = Play(graph(step("a", "b", "c", sets=sets(x="nothing")), task("b"), task("c")))
    play.skip()
    assert play.where() == ["b", "c"]


def test_skipping_a_step_without_a_way_out_ends_there():
    node = step("a", sets=sets(x="nothing"))
    play = Play(graph(type(node)("a", (), sets=node.sets)))
    play.skip()
    assert play.state.status == "ended"


def test_more_tokens_than_a_scope_may_hold():
    play = Play(graph(step("a", "a", "b"), pause("b", text="x == 1"), variables=(variable("x"),)))
    assert any("10000 steps" in str(i.message) or "more than 10000 tokens" in str(i.message) for i in play.state.incidents)
    assert len(play.state.tokens) <= 10_001


def test_a_default_that_cannot_be_evaluated_holds_the_first_token():
    play = Play(graph(step("a", "b"), task("b"), variables=(variable("x", "1 // 0"), variable("y", "2"))))
    assert play.where() == ["a"]
    assert (play.names["x"], play.names["y"]) == (None, 2)
    play.retry()
    assert play.where() == ["b"]


def test_inputs_and_what_an_instance_is_about():
    play = Play(graph(pause("a", text="false"), inputs=(("n", number()), ("m", number()))), inputs={"n": 4})
    assert play.names == {"document": None, "initiator": None, "n": 4, "m": None}


def test_an_entry_that_is_off_the_list():
    play = Play(Graph("p", "P", (Flow("off"),), ()))
    assert play.state.status == "ended"


def test_an_instance_that_has_ended():
    play = Play(graph(step("a")))
    state = play.state
    with pytest.raises(UnexpectedEvent, match="ended"):
        play.cancel()
    play.change(status="new")
    assert play.state is state
