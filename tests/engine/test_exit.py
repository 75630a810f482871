"""Exit: the end with a result, errors that are raised and caught, or not."""

from bpflow.graph import Block, Exit, Flow, Graph, Handler, Trigger
from tests.engine.play import Play, call, flow, graph, step, task


def test_the_end_with_a_result():
    play = Play(graph(step("a", "t", "b"), task("t"), call("b", "x"), Exit("x", "end", "launched")))
    play.done("b")
    assert (play.state.status, play.state.result) == ("ended", "launched")
    assert play.index.tasks == {}
    assert ("ended", 0, "launched") in play.facts
    play.replay_all()


def test_running_off_the_list_is_the_end_without_a_result():
    play = Play(graph(step("a")))
    assert (play.state.status, play.state.result) == ("ended", None)


def raising(*handlers: Handler, out: Flow | None = None) -> Graph:
    block = Block("k", (flow("k", "c"),), flow("k", "after"), handlers=handlers)
    return graph(block, call("c", "x"), Exit("x", "raise", "no_money", out), task("h"), task("after"), task("out"))


def handler(name: str, cancels: bool = True) -> Handler:
    return Handler("h", Trigger("error", name=name), cancels, flow("k", "h", "h"))


def test_an_error_is_caught():
    play = Play(raising(handler("no_money")))
    play.done("c")
    assert play.where() == ["h"]
    assert not play.state.incidents


def test_an_error_that_is_caught_beside_ends_its_branch():
    play = Play(raising(handler("", cancels=False)))
    play.done("c")
    assert play.where() == ["h"]
    play.answer("h")
    assert play.where() == ["after"]


def test_an_error_that_nobody_catches_is_an_incident():
    play = Play(raising(handler("other")))
    play.done("c")
    assert play.incident.kind == "failure"
    assert '"no_money" is not handled' in str(play.incident.message)
    play.retry()
    assert play.at("x").status == "held"
    play.skip()
    assert play.where() == ["after"], "the branch is over"


def test_an_error_that_nobody_catches_may_have_a_way_out():
    play = Play(raising(out=flow("x", "out")))
    play.done("c")
    assert play.where() == ["out"]


def test_an_error_of_the_whole_process():
    play = Play(graph(call("c", "x"), Exit("x", "raise", "e"), task("h"), handlers=(Handler("h", Trigger("error"), True, flow("p", "h")),)))
    play.done("c")
    assert play.where() == ["h"]


def test_a_handler_beside_does_not_take_its_own_error():
    handlers = (Handler("h", Trigger("error"), False, flow("k", "x", "h")),)
    play = Play(raising(*handlers))
    play.done("c")
    assert str(play.incident.message) == 'the error "no_money" is not handled'
