"""What operators do: correct, jump, suspend, resume; and the repair of each kind of incident that the engine can make."""

from datetime import timedelta
from typing import Any

import pytest

from bpflow.diagnostics import say
from bpflow.engine import InvalidAnswer, UnexpectedEvent
from bpflow.engine.events import Commanded, Done, Failed, Jump, Started, Suspend, TimerFired
from bpflow.engine.jumping import steps_around
from bpflow.graph import Alarm, Block, Choose, Each, Exit, Expr, Graph, Handler, Join, Node, Retry, Trigger, Variable, Wait
from bpflow.values import Field
from tests.engine.play import BOSS, COMPANY, HOUR, IVANOV, Play, T, World, call, flow, graph, number, pause, sets, step, task

LATER = 'datetime("2026-03-03T07:00Z")'
DAY = 24 * HOUR


def known(*nodes: Node, **more: Any) -> Graph:
    """A process with an input and two variables."""
    variables = (Variable("n", number(max="9"), Expr("0")), Variable("day", Field("datetime"), Expr("none")))
    return graph(*nodes, variables=variables, inputs=(("who", Field("string", title="Who", required=True)),), **more)


def block(id: str, *entry: str, to: str | None = "after", **more: Any) -> Block:
    return Block(id, tuple(flow(id, target, target) for target in entry), flow(id, to), **more)


# ── correct ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_waits_for_a_variable_sees_that_it_is_corrected():
    play = Play(known(pause("p", "t", "n > 3"), task("t")))
    play.correct(n=4, who="Ivan")
    assert play.where() == ["t"]
    assert (play.names["n"], play.names["who"]) == (4, "Ivan")
    assert [(kind, what) for kind, _, what in play.facts if kind == "corrected"] == [("corrected", "n"), ("corrected", "who")]


def test_a_date_moves_with_the_variable_that_is_corrected():
    play = Play(known(step("s", "p", sets=sets(day=LATER)), pause("p", "t", "day"), task("t")))
    play.correct(day=T + HOUR)
    play.wait(HOUR)
    assert play.where() == ["t"]


@pytest.mark.parametrize(
    "values, field, message",
    [
        ({"m": 1}, "m", 'no variable or input "m"; it has: who, n, day'),
        ({"n": "7"}, "n", "whole number"),
        ({"n": 10}, "n", "9"),
        ({"who": None}, "who", '"Who": a value is required'),
        ({"n": 1, "t": {}}, "t", "no variable"),
    ],
)
def test_a_wrong_correction_is_refused_and_names_the_field(values: dict[str, Any], field: str, message: str):
    play = Play(known(task("t")))
    with pytest.raises(InvalidAnswer, match=message) as refused:
        play.correct(**values)
    assert refused.value.field == field
    assert play.names["n"] == 0


def test_what_would_change_nothing_is_refused():
    play = Play(known(task("t")))
    for values in ({}, {"n": 0}, {"n": 0, "day": None}):
        with pytest.raises(UnexpectedEvent, match="nothing would change"):
            play.correct(**values)


def test_after_a_correction_the_step_is_tried_again():
    play = Play(known(step("s", "t", sets=sets(n="6 // n")), task("t")))
    play.correct(n=2)
    assert play.incident.kind == "fault"
    play.retry()
    assert (play.where(), play.names["n"]) == (["t"], 3)


# ── jump ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_token_is_moved_along_its_list():
    play = Play(graph(task("a", "b"), call("b", "c"), pause("c", "d", LATER), task("d")))
    play.jump("a", "c")
    assert (play.where(), play.index.tasks) == (["c"], {})
    play.jump("c", "b")
    assert (play.where(), play.index.timers) == (["b"], {})
    play.jump("b", "d")
    assert (play.where(), play.calls) == (["d"], {})
    play.jump("d", "a")
    play.answer("a")
    play.done("b")
    assert play.where() == ["c"]
    assert [what for kind, _, what in play.facts if kind == "jumped"] == ["c", "b", "d", "a"]


def test_a_held_token_is_moved_and_its_incident_goes():
    play = Play(graph(step("s", "t", sets=sets(x="nothing")), task("t")))
    play.jump("s", "t")
    assert (play.where(), play.state.incidents) == (["t"], ())


def test_a_parallel_is_left_as_a_whole():
    play = Play(
        graph(block("k", "b", "c", handlers=(Handler("h", Trigger("at", Expr(LATER)), True, flow("k", None, "h")),)), task("b"), call("c"), task("after"))
    )
    play.jump("b", "after")
    assert play.where() == ["after"]
    assert (set(play.state.scopes), play.calls, play.index.timers) == ({0}, {}, {})
    assert ("cleared", "c") in [(kind, what) for kind, _, what in play.facts]


def test_turns_are_left_as_a_whole():
    each = Each(Expr("[1, 2, 3]"), "item")
    play = Play(graph(Block("k", (flow("k", "b"),), flow("k", "after"), each=each), call("b"), task("after")))
    token = next(iter(play.state.tokens.values()))
    assert token.node == "k"
    (first, *_) = (token for token in play.state.tokens.values() if token.node == "b")
    play.send(_jump(play, first.id, "after"))
    assert play.where() == ["after"]
    play.answer("after")
    assert play.state.status == "ended"


def _jump(play: Play, token: int, to: str) -> Jump:
    return Jump(play.now, BOSS, token, to)


def nested() -> Play:
    """A task in a block in a block, with a handler of the outer one that works beside it."""
    beside = Handler("h", Trigger("command"), False, flow("k", "x", "h"))
    inner = Block("i", (flow("i", "b"),), flow("i", "c"))
    nodes = (Block("k", (flow("k", "i"),), flow("k", "after"), handlers=(beside,)), inner, task("b", "bb"), task("bb"), task("c"), task("x", "y"), task("y"))
    return Play(graph(task("first", "k"), *nodes, step("split", "l", "r"), step("l", "j"), step("r", "j"), _join("j"), task("after")))


def _join(id: str) -> Join:
    return Join(id, (flow("l", id).id, flow("r", id).id), flow(id, "after"))


def test_where_a_token_may_be_moved_to():
    play = nested()
    play.answer("first")
    play.command(next(scope.id for scope in play.state.scopes.values() if scope.block == "k"))

    def around(node: str) -> dict[str, int]:
        ways = steps_around(play.program, play.state.tokens, play.state.scopes, play.at(node))
        return {step: up for step, (entry, up) in ways.items() if step == entry}

    assert around("b") == {"bb": 0, "i": 1, "c": 1, "first": 2, "k": 2, "after": 2}
    assert around("x") == {"y": 0, "first": 1, "k": 1, "after": 1}


@pytest.mark.parametrize("to", ["b", "nothing", "", "x"])
def test_where_no_token_may_be_moved_to(to: str):
    play = nested()
    with pytest.raises(UnexpectedEvent, match="cannot be reached from there; the steps that can: k, after"):
        play.jump("first", to)


def test_never_to_a_join():
    play = Play(graph(step("s", "l", "r"), task("l", "j"), task("r", "j"), Join("j", ("l[done]>j", "r[done]>j"), flow("j", "after")), task("after")))
    with pytest.raises(UnexpectedEvent, match="the steps that can: s, r, after"):
        play.jump("l", "j")


def test_never_into_a_list_that_the_step_does_not_stand_in():
    choose = Choose("c", ((Expr("x > 0"), flow("c", "c.1/a", "1")),), flow("c", "c.otherwise/b", "o"))
    play = Play(graph(step("s", "c", sets=sets(x="1")), choose, task("c.1/a", "c.1/d"), task("c.1/d", "t"), task("c.otherwise/b", "t"), task("t")))
    assert list(steps_around(play.program, play.state.tokens, play.state.scopes, play.at("c.1/a"))) == ["s", "c", "c.1/d", "t"]
    play.jump("c.1/a", "t")
    assert list(steps_around(play.program, play.state.tokens, play.state.scopes, play.at("t"))) == ["s", "c"]


def test_only_what_stands_still_is_moved():
    play = nested()
    play.answer("first")
    for token in (play.at("k").id, 99):
        with pytest.raises(UnexpectedEvent, match="waits or is held"):
            play.send(_jump(play, token, "after"))


# ── suspend, resume ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_nothing_moves_while_an_instance_is_suspended():
    arms = ((Trigger("at", Expr("document.at")), flow("w", "t", "0")), (Trigger("message", name="m"), flow("w", "t", "1")))
    play = Play(graph(Wait("w", arms, "w"), task("t")), World({COMPANY: {"at": T + HOUR}}), document=COMPANY)
    (timer,) = play.index.timers.items()
    play.suspend()
    assert (play.state.status, play.index.timers, play.index.watches, play.index.listens) == ("suspended", {}, set(), {})
    play.wait(DAY)
    before = play.state
    assert play.send(TimerFired(play.now, *timer[0], timer[1])).state is before
    assert play.change(at=T).state is before
    play.resume()
    assert play.where() == ["t"], "the date has passed"


def test_what_is_overdue_fires_after_resuming():
    play = Play(graph(pause("p", "t", LATER), task("t")))
    play.suspend()
    play.now += 2 * DAY
    play.resume()
    assert list(play.index.timers.values()) == [T + DAY]
    play.wait(0 * HOUR)
    assert play.where() == ["t"]


def test_a_watched_condition_is_read_again():
    play = Play(graph(pause("p", "t", 'document.status == "b"'), task("t")), World({COMPANY: {"status": "a"}}), document=COMPANY)
    play.suspend()
    play.change(status="b")
    assert play.where() == ["p"]
    play.resume()
    assert play.where() == ["t"]


def test_a_date_counted_from_now_stays_as_it_was():
    play = Play(graph(pause("p", "t", "now + hours(2)"), task("t")))
    due = list(play.index.timers.values())
    play.suspend()
    play.now += HOUR
    play.resume()
    assert list(play.index.timers.values()) == due


def test_answers_of_services_are_parked_in_their_order():
    nodes = (
        call("b", "b2"),
        step("b2", sets=sets(x="x * 10 + 1")),
        call("c", "c2", retry=Retry(1)),
        step("c2", sets=sets(x="x * 10 + 2")),
    )
    play = Play(graph(step("s", "k", sets=sets(x="0")), block("k", "b", "c"), *nodes, task("after"), reads="x"))
    play.suspend()
    play.done("c")
    play.done("b")
    assert len(play.state.parked) == 3
    again = play.at("b")
    play.send(Done(play.now, again.id, again.visit))
    assert len(play.state.parked) == 3, "the same answer once more"
    assert play.where() == ["b", "c"]
    play.resume()
    assert (play.where(), play.names["x"], play.state.parked) == (["after"], 21, ())


def test_a_failure_is_parked_too():
    play = Play(graph(call("c", "t", retry=Retry(2, 100)), task("t")))
    play.suspend()
    play.fail("c")
    play.now += HOUR
    assert play.index.timers == {}
    play.resume()
    (due,) = play.index.timers.values()
    assert due > play.now, "it is tried again so long after it is resumed"
    play.wait(timedelta(seconds=100))
    assert play.calls[1, 1].attempt == 2


def test_a_message_that_was_on_its_way_is_parked():
    play = Play(graph(Wait("w", ((Trigger("message", name="m"), flow("w", "t", "m")),), "w"), task("t"), reads="w"))
    play.suspend()
    play.message(1, v=7)
    play.message(1, v=8)
    assert play.where() == ["w"]
    play.resume()
    assert (play.where(), play.names["w"]["v"]) == (["t"], 7)


def test_people_are_refused_with_the_reason():
    play = Play(graph(step("s", "t", "f"), task("t"), step("f", sets=sets(x="nothing")), handlers=(Handler("h", Trigger("command"), True, flow("", None)),)))
    play.suspend()
    for act in (lambda: play.answer("t"), play.retry, play.skip, lambda: play.jump("t", "f"), lambda: play.send(Commanded(T, IVANOV, 0, 0)), play.suspend):
        with pytest.raises(UnexpectedEvent, match='the instance is suspended by "boss": a strike'):
            act()
    play.resume()
    with pytest.raises(UnexpectedEvent, match="not suspended"):
        play.resume()
    play.answer("t")


def test_a_suspended_instance_is_corrected_and_sees_it_when_it_is_resumed():
    play = Play(known(pause("p", "t", "n > 3"), task("t")))
    play.suspend()
    play.correct(n=5)
    assert (play.where(), play.names["n"]) == (["p"], 5)
    play.resume()
    assert play.where() == ["t"]


def test_a_correction_holds_against_what_came_before_it_and_not_against_what_came_after():
    play = Play(known(step("s", "b", "c"), call("b", "b2"), step("b2", sets=sets(n="1")), call("c", "c2"), step("c2", sets=sets(n="2")), reads="n"))
    play.suspend()
    play.done("b")
    play.correct(n=7)
    play.resume()
    assert play.names["n"] == 7
    play.suspend()
    play.correct(n=8)
    play.done("c")
    play.resume()
    assert play.names["n"] == 2


def test_a_suspended_instance_is_cancelled():
    handlers = (Handler("h", Trigger("at", Expr("document.at")), True, flow("", None)),)
    play = Play(known(step("s", "p", "c"), pause("p", text="document.at"), call("c"), handlers=handlers), World({COMPANY: {"at": T + DAY}}), document=COMPANY)
    play.suspend()
    play.done("c")
    play.cancel()
    assert play.state.status == "cancelled"
    with pytest.raises(UnexpectedEvent, match="has ended"):
        play.resume()


def test_an_instance_may_end_in_the_middle_of_what_was_parked():
    play = Play(graph(step("s", "b", "c"), call("b", "e"), Exit("e", "end", "won"), call("c", "t"), task("t")))
    play.suspend()
    play.done("c")
    play.done("b")
    play.resume()
    assert (play.state.status, play.state.result) == ("ended", "won")


def test_who_suspends_without_a_reason():
    play = Play(graph(task("t")))
    play.send(Suspend(T, None))
    with pytest.raises(UnexpectedEvent, match=r"the instance is suspended$"):
        play.answer("t")


# ── each kind of incident can be repaired ───────────────────────────────────────────────────────────────────────────
def test_in_doubt_at_the_start():
    play = Play(known(task("t")), start=False)
    play.send(Started(T, trouble=say("the condition cannot be read")))
    assert (play.incident.kind, play.at("t").status) == ("fault", "held")
    play.retry()
    assert play.at("t").status == "waiting"


def test_a_handler_of_the_process_that_cannot_be_armed():
    handlers = (Handler("h", Trigger("at", Expr("document.at + hours(1)")), True, flow("", "e")),)
    world = World({COMPANY: {"at": None}})
    play = Play(graph(task("t"), Exit("e", "end", "late"), handlers=handlers), world, document=COMPANY)
    assert (play.incident.arm, play.incident.scope) == (0, 0)
    play.retry()
    assert play.incident.arm == 0
    world.documents[COMPANY]["at"] = T
    play.retry()
    assert (play.state.incidents, list(play.index.timers.values())) == ((), [T + HOUR])
    play.wait(HOUR)
    assert play.state.result == "late"


def test_a_handler_that_is_let_be():
    handlers = (Handler("h", Trigger("at", Expr("document.at + hours(1)")), True, flow("", None)),)
    play = Play(graph(task("t"), handlers=handlers), World({COMPANY: {"at": None}}), document=COMPANY)
    with pytest.raises(InvalidAnswer, match='does not give "x"'):
        play.skip(x=1)
    play.skip()
    assert (play.where(), play.state.incidents) == (["t"], ())


def dateless() -> Play:
    play = Play(graph(pause("p", "t", "document.at"), task("t"), reads="p"), World({COMPANY: {"at": T + HOUR}}), document=COMPANY)
    play.change(at=None)
    assert "no date to wait for" in str(play.incident.message)
    return play


def test_a_pause_whose_date_was_taken_away_is_passed_over():
    play = dateless()
    play.skip()
    assert play.where() == ["t"]


def test_a_pause_whose_date_is_there_again_is_tried_again():
    play = dateless()
    play.world.documents[COMPANY]["at"] = T + 2 * HOUR
    play.retry()
    assert (play.state.incidents, list(play.index.timers.values())) == ((), [T + 2 * HOUR])


def test_an_alarm_of_a_task_is_repaired_or_let_be():
    for act in ("retry", "skip"):
        play = Play(graph(task("t", alarms=(Alarm(Expr(LATER), tell=Expr("document.chief")),))), World({COMPANY: {}}), document=COMPANY)
        play.wait(DAY)
        play.world.documents[COMPANY]["chief"] = BOSS
        getattr(play, act)()
        play.wait(0 * HOUR)
        assert (play.state.incidents, len(play.notices)) == ((), int(act == "retry"))


def test_an_error_that_nobody_handles_is_passed_over():
    play = Play(graph(Exit("e", "raise", "boom")))
    assert play.incident.kind == "failure"
    play.retry()
    assert play.incident.kind == "failure"
    play.skip()
    assert play.state.status == "ended"


def test_a_call_whose_arguments_cannot_be_read_again():
    play = Play(graph(call("c", "t", arguments={"a": "6 // document.n"}), task("t")), World({COMPANY: {"n": 1}}), document=COMPANY)
    play.fail("c")
    play.world.documents[COMPANY]["n"] = 0
    play.retry()
    assert (play.incident.kind, play.at("c").visit) == ("fault", 1)
    play.world.documents[COMPANY]["n"] = 2
    play.retry()
    assert play.calls[1, 1].attempt == 2
    play.done("c")
    assert play.where() == ["t"]


def test_a_stuck_join_is_passed_over():
    into = ("l[done]>j", "r[done]>j")
    play = Play(graph(step("s", "l", "r"), task("l", "j"), task("r"), Join("j", into, flow("j", "after")), task("after")))
    play.answer("l")
    play.answer("r")
    assert play.incident.kind == "stuck"
    with pytest.raises(UnexpectedEvent, match="cannot be retried"):
        play.retry()
    play.skip()
    assert play.where() == ["after"]


@pytest.mark.parametrize("results", [{"m": 1}, {"n": "many"}, {"n": 99}])
def test_a_step_is_not_passed_over_with_what_it_does_not_give(results: dict[str, Any]):
    play = Play(known(step("s", "t", sets=sets(n="nothing")), task("t")))
    with pytest.raises(InvalidAnswer) as refused:
        play.skip(**results)
    assert refused.value.field == next(iter(results))
    play.skip(n=9)
    assert (play.names["n"], play.where()) == (9, ["t"])


def test_a_failed_attempt_of_a_call_that_is_not_waited_for_is_nothing():
    play = Play(graph(call("c", "t"), task("t")))
    play.suspend()
    before = play.state
    assert play.send(Failed(T, 1, 1, 0, say("old"))).state is before
