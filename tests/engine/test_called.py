"""What an instance gives and tells when it ends, which errors leave it, and what a message must bring."""

from decimal import Decimal
from typing import Any

import pytest

from bpflow.diagnostics import say
from bpflow.engine.events import Arrived, Cancel, Commanded, Done, Failed
from bpflow.engine.transition import START, UnexpectedEvent
from bpflow.graph import Block, Call, Each, Exit, Expr, Flow, Graph, Handler, Retry, Trigger, Wait
from bpflow.values import Field
from tests.engine.play import COMPANY, HOUR, IVANOV, Play, T, World, call, flow, graph, number, sets, step, task


def giving(*nodes: Any, **outputs: str) -> Graph:
    return Graph("p", "P", (flow("", nodes[0].id),), nodes, outputs=sets(**outputs))


# ── outputs ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("last", [Exit("x", "end", "over"), step("x")])
def test_what_an_instance_gives_when_it_ends(last: Any):
    play = Play(giving(call("c", "x"), last, price="c.price * 2", who="initiator"), by=IVANOV)
    play.done("c", price=Decimal("2.50"), other=1)
    assert (play.state.status, play.state.outputs) == ("ended", {"price": Decimal("5.00"), "who": IVANOV})
    play.replay_all()


@pytest.mark.parametrize("last", [Exit("x", "end", "over"), step("x")])
def test_an_instance_whose_outputs_cannot_be_evaluated_does_not_end(last: Any):
    world = World({COMPANY: {"n": 0}})
    play = Play(giving(task("t", "x"), last, ok="1", half="6 // document.n"), world, document=COMPANY)
    play.answer("t")
    assert play.state.status == "running"
    assert str(play.incident.message).startswith('the output "half" cannot be evaluated: ')
    play.retry()
    assert play.state.status == "running"
    world.documents[COMPANY]["n"] = 2
    play.retry()
    assert (play.state.status, play.state.outputs) == ("ended", {"ok": 1, "half": 3})
    play.replay_all()


def test_an_operator_gives_the_outputs_in_its_stead():
    play = Play(giving(task("t"), ok="1", half="6 // 0"))
    play.answer("t")
    play.skip(half=7)
    assert (play.state.status, play.state.outputs) == ("ended", {"ok": None, "half": 7})


def test_an_end_whose_outputs_cannot_be_evaluated_cancels_nothing():
    play = Play(giving(step("a", "t", "c"), task("t"), call("c", "x"), Exit("x", "end", "over"), half="6 // 0"))
    play.done("c")
    assert play.where() == ["t", "x"]
    assert list(play.index.tasks) == [(1, 1)]


def test_outputs_do_not_see_the_names_of_turns():
    each = Block("k", (flow("k", "x"),), flow("k", None), each=Each(Expr("[5, 6]"), "item", at_most=Expr("1")), gives="k")
    play = Play(giving(each, Exit("x", "end", "over"), item="coalesce(item, 0)"))
    assert play.state.outputs == {"item": 0}


# ── errors that leave the instance ──────────────────────────────────────────────────────────────────────────────────
CALLS = (step("a", "t", "c"), task("t"), call("c", "d"), step("d"))


@pytest.mark.parametrize("catches", [("",), ("crm",), ("other", "crm")])
def test_an_error_that_the_caller_takes_ends_the_instance(catches: tuple[str, ...]):
    play = Play(graph(*CALLS), catches=catches)
    play.send(Failed(T, *next(iter(play.calls)), 1, say("it {what}", what="broke"), "crm"))
    assert play.state.status == "failed"
    assert play.state.failure == ("crm", say("it {what}", what="broke"))
    assert (play.index.tasks, play.calls) == ({}, {})
    assert ("ended", 0, "crm") in play.facts
    with pytest.raises(UnexpectedEvent):
        play.send(Cancel(T, None))
    play.replay_all()


@pytest.mark.parametrize("catches", [(), ("other",)])
def test_an_error_that_nobody_takes_stays_as_an_incident(catches: tuple[str, ...]):
    play = Play(graph(*CALLS), catches=catches)
    play.send(Failed(T, *next(iter(play.calls)), 1, say("it broke"), "crm"))
    assert (play.state.status, play.incident.kind) == ("running", "failure")


def test_own_retries_and_handlers_come_first():
    handler = Handler("h", Trigger("error"), True, flow("k", "h", "h"))
    block = Block("k", (flow("k", "c"),), flow("k", None), handlers=(handler,))
    play = Play(graph(block, call("c", retry=Retry(1, 10)), task("h")), catches=("",))
    play.fail("c")
    assert play.state.status == "running"
    play.wait(HOUR)
    play.fail("c")
    assert play.where() == ["h"]


def test_a_raised_error_leaves_the_instance_unless_it_has_a_way_out():
    play = Play(graph(call("c", "x"), Exit("x", "raise", "no_money")), catches=("no_money",))
    play.done("c")
    assert play.state.failure == ("no_money", say('the error "{error}" is not handled', error="no_money"))
    other = Play(graph(call("c", "x"), Exit("x", "raise", "no_money", flow("x", "t")), task("t")), catches=("no_money",))
    other.done("c")
    assert other.where() == ["t"]


def test_a_fault_is_never_passed_on():
    play = Play(graph(call("c", "s"), step("s", sets=sets(x="1 // 0"))), catches=("",))
    play.done("c")
    assert play.incident.kind == "fault"


def start(id: str, to: str | None = None, **more: Any) -> Call:
    return call(id, to, START, **more)


@pytest.mark.parametrize(
    "errors, catches, told",
    [((), (), []), (("a", "b"), (), ["a", "b"]), (("a",), ("c",), ["c", "a"]), (("a", ""), (), [""]), ((), ("",), [""])],
)
def test_a_called_process_is_told_which_errors_are_taken(errors: tuple[str, ...], catches: tuple[str, ...], told: list[str]):
    handlers = tuple(Handler(f"h{n}", Trigger("error", name=name), True, flow("k", None, f"h{n}")) for n, name in enumerate(errors))
    block = Block("k", (flow("k", "c"),), flow("k", None), handlers=handlers)
    play = Play(graph(block, start("c")), catches=catches)
    (out,) = play.calls.values()
    assert out.arguments == {"catches": told}


def test_while_it_is_tried_again_every_error_is_taken_and_the_last_time_none():
    play = Play(graph(start("c", retry=Retry(1, 10))))
    assert play.calls[1, 1].arguments == {"catches": [""]}
    play.fail("c")
    play.wait(HOUR)
    assert play.calls[1, 1].arguments == {"catches": []}


def test_the_answer_of_an_earlier_attempt_is_dropped():
    play = Play(graph(start("c", "t", retry=Retry(3, 10)), task("t"), reads="c"))
    play.fail("c")
    play.send(Done(T, 1, 1, {"result": "early"}, attempt=1))
    assert play.where() == ["c"], "it waits for the time of the next attempt"
    play.wait(HOUR)
    play.send(Done(T, 1, 1, {"result": "early"}, attempt=1))
    assert play.where() == ["c"]
    play.send(Done(T, 1, 1, {"result": "late"}, attempt=2))
    assert play.names["c"] == {"result": "late"}


# ── what a message must bring ───────────────────────────────────────────────────────────────────────────────────────
FORM = (("price", number(required=True)), ("parts", Field("string", many=True)), ("note", Field("text")))


def waiting() -> Play:
    arm = Trigger("message", Expr('"k"'), "offer", form=FORM), flow("w", "t")
    return Play(graph(Wait("w", (arm,), gives="w"), task("t"), reads="w"))


def test_what_a_message_does_not_bring_is_none_and_what_it_has_besides_is_let_be():
    play = waiting()
    play.message(1, 0, price=5, more="x")
    assert play.names["w"] == {"price": 5, "parts": [], "note": None, "more": "x", "won": "offer"}


@pytest.mark.parametrize("values", [{}, {"price": "5"}, {"price": 5, "parts": "x"}])
def test_a_message_that_is_not_as_it_must_be_holds_the_token(values: dict[str, Any]):
    play = waiting()
    play.message(1, 0, **values)
    assert play.at("w").status == "held"
    assert str(play.incident.message).startswith('the message "offer" is not as it must be: ')
    assert play.index.listens == {}
    play.retry()
    assert play.index.listens == {(1, 0): ("offer", "k")}
    play.message(1, 0, price=5)
    assert play.where() == ["t"]


def test_what_was_wrong_with_another_arm_is_forgotten_with_the_wait():
    world = World({COMPANY: {"at": T + HOUR}})
    arms = (Trigger("message", Expr('"k"'), "offer", form=FORM), flow("w", "t", "0")), (Trigger("at", Expr("document.at")), flow("w", "t", "1"))
    play = Play(graph(Wait("w", arms), task("t")), world, document=COMPANY)
    play.change(at="soon")
    assert play.incident.arm == 1
    play.message(1, 0)
    assert play.incident.arm is None
    assert play.at("w").status == "held"


def test_meanwhile_it_is_an_incident_on_the_arm_and_the_next_one_comes():
    handler = Handler("h", Trigger("message", name="offer", form=FORM), False, flow("k", "h", "h"))
    play = Play(graph(Block("k", (flow("k", "t"),), flow("k", None), handlers=(handler,)), task("t"), task("h")))
    scope = next(id for id in play.state.scopes if id)
    play.message(scope, 0)
    assert (play.incident.scope, play.incident.arm) == (scope, 0)
    play.message(scope, 0, price=1)
    assert play.where() == ["h", "t"]
    play.skip()
    assert not play.state.incidents


def test_a_key_that_is_empty_is_a_fault():
    for text in ("none", '""'):
        play = Play(graph(Wait("w", ((Trigger("message", Expr(text), "offer"), Flow("w>off")),))))
        assert str(play.incident.message) == 'the key of the message "offer" is empty'


def test_what_was_for_an_earlier_visit_changes_nothing():
    arms = (Trigger("message", None, "m"), flow("w", "w", "0")), (Trigger("command", None, "c"), flow("w", "w", "1"))
    play = Play(graph(Wait("w", arms)))
    play.send(Arrived(T, 1, 0, visit=1))
    assert play.at("w").visit == 2
    play.send(Arrived(T, 1, 0, visit=1))
    with pytest.raises(UnexpectedEvent):
        play.send(Commanded(T, IVANOV, 1, 1, visit=1))
    assert play.at("w").visit == 2
    play.send(Commanded(T, IVANOV, 1, 1, visit=2))
    assert play.at("w").visit == 3
