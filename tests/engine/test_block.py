"""Block: bodies, needs, turns for each item, handlers, and leaving by any door."""

from typing import Any

import pytest

from bpflow.engine import Program, UnexpectedEvent
from bpflow.engine.events import Answered, Done, Retry
from bpflow.graph import Block, Choose, Each, Exit, Expr, Flow, Graph, Handler, Join, Node, Trigger, Variable
from tests.engine.play import COMPANY, HOUR, IVANOV, PETROV, Play, T, World, call, flow, graph, number, pause, sets, step, task

LATER = 'datetime("2026-03-03T07:00Z")'


def block(id: str, *entry: str, to: str | None = "after", **more: Any) -> Block:
    return Block(id, tuple(flow(id, target, target) for target in entry), flow(id, to), **more)


# ── parallel ────────────────────────────────────────────────────────────────────────────────────────────────────────
def parallel(need: Any, *more: Node) -> Play:
    return Play(graph(block("k", "b", "c", "d", need=need), *(more or [call(name) for name in "bcd"]), task("after")))


def test_all_branches():
    play = parallel("all")
    for name in "cbd":
        assert "after" not in play.where()
        play.done(name)
    assert play.where() == ["after"]
    assert set(play.state.scopes) == {0}


def test_the_rest_is_cancelled_when_enough_have_come():
    play = parallel(2, call("b"), task("c"), pause("d", text=LATER))
    play.done("b")
    play.answer("c")
    assert play.where() == ["after"]
    assert (play.index.timers, play.calls) == ({}, {})
    assert any(kind == "cleared" for kind, _, _ in play.facts)


def test_all_have_ended_and_too_few_have_come():
    play = parallel(2, call("b", "r"), call("c", "r"), call("d"), Exit("r", "raise", "x", None))
    handler = Handler("e", Trigger("error"), False, flow("k", None, "e"))
    nodes = (call("b", "r"), call("c", "r"), call("d"), Exit("r", "raise", "x"))
    play = Play(graph(block("k", "b", "c", "d", need=2, handlers=(handler,)), *nodes, task("after")))
    for name in "bcd":
        play.done(name)
    assert "1 of the branches came to their end, 2 were to" in str(play.incident.message)
    assert play.where() == ["k"]
    assert set(play.state.scopes) == {0}
    play.retry()
    assert play.where() == ["b", "c", "d"]
    for name in "bcd":
        play.done(name)
    play.skip()
    assert play.where() == ["after"]


def test_every_branch_that_is_wanted():
    arms = ((Expr("false"), flow("w", "b")), (Expr("true"), flow("w", "c")))
    play = Play(graph(block("k", "w"), Choose("w", arms, hit="every"), call("b"), call("c"), task("after")))
    assert play.where() == ["c"]
    play.done("c")
    assert play.where() == ["after"]


def test_a_block_in_a_loop_is_entered_anew_and_its_waits_count_as_waits():
    play = Play(graph(block("k", "t", to="k"), task("t")))
    hops = set()
    for _ in range(4):
        play.answer("t")
        hops.add(play.at("k").hops)
    assert len(hops) == 1
    assert play.at("k").visit == 5


def test_a_block_in_a_loop_that_never_waits_is_stopped():
    play = Play(graph(block("k", "s", to="k"), step("s")))
    assert "10000 steps without a wait" in str(play.incident.message)


def test_steps_without_a_wait_are_counted_through_bodies():
    inner = (step("s", "s2"), *(step(f"s{n}", f"s{n + 1}") for n in range(2, 100)), step("s100"))
    play = Play(graph(block("k", "s", to="k"), *inner))
    assert "10000 steps without a wait" in str(play.incident.message)
    assert len(play.facts) < 25_000


# ── for each ────────────────────────────────────────────────────────────────────────────────────────────────────────
def each(items: str = "[3, 1, 2]", body: Node | None = None, more: tuple[Node, ...] = (), **keys: Any) -> Play:
    texts = {key: Expr(text) if isinstance(text, str) else text for key, text in keys.items()}
    made = Each(Expr(items), "item", **texts)
    inner = body or call("c", gives="got", arguments={"n": "item"})
    return Play(graph(block("k", inner.id, each=made, gives="k"), inner, *more, task("after"), reads="k"), World({COMPANY: {"n": 1}}), document=COMPANY)


def numbers(play: Play) -> list[Any]:
    return [out.arguments["n"] for _, out in sorted(play.calls.items())]


def turn(play: Play, n: int, **values: Any) -> None:
    """The call of the turn for the item `n` is answered."""
    (key,) = (key for key, out in play.calls.items() if out.arguments["n"] == n)
    play.send(Done(play.now, *key, values))


def test_each_in_turn():
    play = each(at_most="1", collect="got.r")
    for n in (3, 1, 2):
        assert numbers(play) == [n]
        turn(play, n, r=n * 10)
    assert play.names["k"] == {"results": [30, 10, 20]}
    assert play.where() == ["after"]
    assert "item" not in play.names
    assert "got" not in play.names


def test_each_in_parallel_gives_results_in_the_order_of_the_items():
    play = each(collect_fields=sets(n="item", r="got.r"))
    assert numbers(play) == [3, 1, 2]
    for n in (2, 3, 1):
        turn(play, n, r=str(n))
    assert play.names["k"]["results"] == [{"n": n, "r": str(n)} for n in (3, 1, 2)]


def test_some_at_a_time():
    play = each("[1, 2, 3, 4]", at_most="1 + 1", collect="item")
    assert numbers(play) == [1, 2]
    turn(play, 2)
    assert numbers(play) == [1, 3]
    turn(play, 1)
    turn(play, 3)
    assert numbers(play) == [4]
    turn(play, 4)
    assert play.names["k"] == {"results": [1, 2, 3, 4]}


def test_enough():
    play = each("[1, 2, 3, 4]", at_most="3", collect="got.r", enough='done >= 2 and total == 4 and len(list(r for r in results if r == "yes")) == 2')
    turn(play, 2, r="yes")
    turn(play, 1, r="no")
    turn(play, 4, r="yes")
    assert play.names["k"] == {"results": ["no", "yes", None, "yes"]}
    assert play.where() == ["after"]
    assert not play.calls


@pytest.mark.parametrize("at_most", [None, "1", "0"])
def test_an_empty_list_goes_on_at_once(at_most: str | None):
    play = each("[]", **({"at_most": at_most} if at_most else {}))
    assert play.where() == ["after"]
    assert play.names["k"] == {"results": []}


def test_turns_that_never_wait():
    play = each("[1, 2, 3]", step("s", None, sets=sets(x="item")), collect="item + 1", at_most="1")
    assert play.names["k"] == {"results": [2, 3, 4]}
    assert play.where() == ["after"]


@pytest.mark.parametrize("keys", [{"items": "5"}, {"at_most": "0"}, {"at_most": '"two"'}, {"at_most": "true"}, {"items": "nothing"}])
def test_what_cannot_be_turned(keys: dict[str, Any]):
    play = each(**keys)
    assert play.where() == ["k"]
    assert play.incident.kind == "fault"
    play.skip(results=[1])
    assert play.names["k"] == {"results": [1]}
    assert play.where() == ["after"]


def test_a_turn_whose_result_cannot_be_told_is_an_incident_on_the_turn_alone():
    play = each("[1, 2, 3]", collect="6 // got.r", at_most="2")
    turn(play, 1, r=0)
    assert (play.incident.kind, play.incident.node, play.incident.scope is not None) == ("fault", "k", True)
    assert numbers(play) == [2], "its place is taken until it is repaired"
    turn(play, 2, r=2)
    turn(play, 3, r=3)
    assert "after" not in play.where()
    play.retry()
    assert play.incident.kind == "fault"
    play.skip(result=7)
    assert play.names["k"] == {"results": [7, 3, 2]}
    assert play.where() == ["after"]


def test_a_turn_is_told_again_when_the_document_is_right():
    play = each("[1, 2]", collect="6 // document.n")
    play.world.documents[COMPANY]["n"] = 0
    turn(play, 1)
    turn(play, 2)
    assert len(play.state.incidents) == 2
    play.world.documents[COMPANY]["n"] = 2
    for incident in play.state.incidents:
        play.send(Retry(T, None, incident.id))
    assert play.names["k"] == {"results": [3, 3]}


def test_enough_that_is_neither_true_nor_false():
    play = each("[1, 2]", enough="done", collect="item")
    turn(play, 1)
    assert "neither true nor false" in str(play.incident.message)
    play.skip()
    turn(play, 2)
    assert len(play.state.incidents) == 1
    play.skip()
    assert play.names["k"] == {"results": [None, None]}


def test_a_join_that_is_stuck_in_a_turn():
    nodes = (call("c", "j", arguments={"n": "item"}), Join("j", ("c[]>j", "d[]>j"), flow("j", None), "all"), step("d", "j"))
    play = each("[1]", nodes[0], nodes[1:])
    turn(play, 1)
    assert play.incident.kind == "stuck"
    play.skip()
    assert play.where() == ["after"]


def test_turns_within_turns():
    inner = block("i", "c", to=None, each=Each(Expr("[item, item * 10]"), "part", collect=Expr("part + item + got.r")), gives="i")
    play = each("[1, 2]", inner, (call("c", gives="got", arguments={"n": "part"}),), collect="i.results")
    assert numbers(play) == [1, 10, 2, 20]
    for n in (20, 1, 2, 10):
        turn(play, n, r=100)
    assert play.names["k"] == {"results": [[102, 111], [104, 122]]}


def test_results_of_a_turn_are_its_own():
    play = each("[1, 2]", call("c", "s", gives="got", arguments={"n": "item"}), (call("s", arguments={"n": "got.r"}),), collect="got.r")
    turn(play, 1, r=50)
    turn(play, 2, r=60)
    assert numbers(play) == [50, 60]
    assert "got" not in play.names


def test_each_person_has_a_task():
    made = Each(Expr('[user("ivanov"), user("petrov")]'), "who", enough=Expr('any(r == "no" for r in results)'), collect=Expr("t.outcome"))
    ways = tuple((name, flow("t", None, name)) for name in ("yes", "no"))
    play = Play(graph(block("k", "t", each=made, gives="k"), task("t", people="who", outcomes=ways), task("after"), reads="k"))
    first, second = sorted(play.state.tokens)[1:]
    play.send(Answered(T, PETROV, second, 1, "no"))
    assert play.names["k"] == {"results": [None, "no"]}
    with pytest.raises(UnexpectedEvent):
        play.send(Answered(T, IVANOV, first, 1, "yes"))


def test_a_block_for_each_item_with_handlers_is_no_program():
    made = block("k", "c", each=Each(Expr("[1]"), "i"), handlers=(Handler("h", Trigger("error"), True, flow("k", None, "h")),))
    with pytest.raises(ValueError, match="no handlers"):
        Program(graph(made, call("c"), task("after")))


# ── handlers ────────────────────────────────────────────────────────────────────────────────────────────────────────
def guarded(trigger: Trigger, *, cancels: bool, outside: bool = False, world: World | None = None, **more: Any) -> Play:
    handler = Handler("h", trigger, cancels, flow("k", "steps", "h"), outside)
    nodes = (block("k", "c", "t", handlers=(handler,)), call("c", "s"), step("s", sets=sets(x="x + 1")), task("t"), task("steps"), task("after"))
    variables = (Variable("x", number(), Expr("0")),)
    return Play(graph(*nodes, variables=variables, **more), world or World({COMPANY: {"n": 1}}), document=COMPANY)


MESSAGE = Trigger("message", Expr('"k"'), "m")


def scope_of(play: Play) -> int:
    return max(play.state.scopes) if len(play.state.scopes) == 2 else min(id for id in play.state.scopes if id)


def test_a_handler_that_cancels():
    play = guarded(MESSAGE, cancels=True)
    assert play.index.listens == {(scope_of(play), 0): ("m", "k")}
    play.message(scope_of(play))
    assert play.where() == ["steps"]
    assert (play.index.listens, play.calls) == ({}, {})
    play.message(scope_of(play))
    assert play.where() == ["steps"], "it is armed no more"
    play.answer("steps")
    assert play.where() == ["after"]


def test_a_handler_beside_may_fire_again_and_the_block_waits_for_it():
    play = guarded(MESSAGE, cancels=False)
    play.message(scope_of(play))
    play.message(scope_of(play), 0, a=1)
    assert play.where() == ["c", "steps", "steps", "t"]
    play.done("c")
    play.answer("t")
    assert play.where() == ["steps", "steps"]
    assert play.index.listens != {}
    for token in [token for token in play.state.tokens.values() if token.node == "steps"]:
        play.send(Answered(T, IVANOV, token.id, token.visit, "done"))
    assert play.where() == ["after"]
    assert play.index.listens == {}


def test_a_handler_that_leaves_the_block():
    play = guarded(MESSAGE, cancels=True, outside=True)
    play.message(scope_of(play))
    assert play.where() == ["steps"]
    assert set(play.state.scopes) == {0}
    play.answer("steps")
    assert play.state.status == "ended"


def test_a_timer_fires_once():
    play = guarded(Trigger("at", Expr("document.at")), cancels=False, world=World({COMPANY: {"at": T + HOUR}}))
    assert play.index.watches == {(scope_of(play), COMPANY)}
    play.change(at=T + 2 * HOUR)
    play.wait(HOUR)
    assert "steps" not in play.where()
    play.wait(HOUR)
    assert play.where().count("steps") == 1
    play.change(at=T + 5 * HOUR)
    assert play.index.timers == {}


def test_a_condition_is_an_edge():
    play = guarded(Trigger("changed", Expr("document.n > 5")), cancels=False, world=World({COMPANY: {"n": 9}}))
    assert "steps" not in play.where(), "true from the start"
    for n, fired in [(8, 0), (1, 0), (6, 1), (7, 1), (2, 1), (9, 2)]:
        play.change(n=n)
        assert play.where().count("steps") == fired


def test_a_condition_on_a_variable():
    play = guarded(Trigger("changed", Expr("x == 1")), cancels=True)
    play.done("c")
    assert play.where() == ["steps"]


def test_a_command():
    play = guarded(Trigger("command", name="go", by=Expr('user("petrov")')), cancels=True)
    with pytest.raises(Exception, match="not for"):
        play.command(scope_of(play))
    play.command(scope_of(play), by=PETROV)
    assert play.where() == ["steps"]
    with pytest.raises(UnexpectedEvent):
        play.command(scope_of(play), by=PETROV)


def test_a_handler_that_cannot_be_armed_holds_the_token_at_the_block():
    world = World({COMPANY: {"at": None}})
    play = guarded(Trigger("at", Expr("document.at - hours(1)")), cancels=True, world=world)
    assert play.at("k").status == "held"
    assert set(play.state.scopes) == {0}
    world.documents[COMPANY]["at"] = T + 5 * HOUR
    play.retry()
    assert play.where() == ["c", "t"]
    play.wait(4 * HOUR)
    assert play.where() == ["steps"]


def test_handlers_that_set_each_other_off_for_ever_are_stopped():
    handlers = tuple(Handler(f"h{n}", Trigger("changed", Expr(f"x % 2 == {n}")), False, flow("k", "s", f"h{n}")) for n in (0, 1))
    variables = (Variable("x", number(), Expr("0")),)
    nodes = (block("k", "c", "t", handlers=handlers), call("c", "s"), step("s", sets=sets(x="x + 1")), task("t"), task("after"))
    play = Play(graph(*nodes, variables=variables))
    play.done("c")
    assert any("10000 steps without a wait" in str(incident.message) for incident in play.state.incidents)


def test_handlers_of_the_whole_process():
    handler = Handler("h", MESSAGE, True, flow("p", "steps", "h"))
    play = Play(graph(task("t"), task("steps"), handlers=(handler,)))
    play.message(0)
    assert play.where() == ["steps"]
    play.answer("steps")
    assert play.state.status == "ended"


def test_a_handler_of_the_process_that_cannot_be_armed_is_an_incident_on_it():
    handlers = (Handler("h", Trigger("at", Expr("document.at"), fixed=True), True, flow("p", "steps", "h")), Handler("m", MESSAGE, True, flow("p", "t", "m")))
    world = World({COMPANY: {}})
    play = Play(graph(task("t"), task("steps"), handlers=handlers), world, document=COMPANY)
    assert play.where() == ["t"]
    assert (play.incident.arm, play.incident.scope) == (0, 0)
    assert play.index.listens == {(0, 1): ("m", "k")}
    world.documents[COMPANY]["at"] = T + HOUR
    play.retry()
    assert play.index.timers == {(0, 0): T + HOUR}
    play.wait(HOUR)
    assert play.where() == ["steps"]


def test_the_incident_of_a_handler_goes_with_its_block():
    play = guarded(Trigger("changed", Expr("6 // document.n == 2")), cancels=True, world=World({COMPANY: {"n": 1}}))
    play.change(n=0)
    assert play.incident.arm == 0
    play.done("c")
    play.answer("t")
    assert play.where() == ["after"]
    assert not play.state.incidents


# ── leaving ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def nested(last: Node, *, up: int = 0) -> Graph:
    """Three bodies in each other, with something open in each: a task, a pause, a call, a handler's timer and a for-each."""
    late = Handler("late", Trigger("at", Expr(LATER)), True, flow("k2", None, "late"))
    blocks = (
        block("k1", "k2", "t1"),
        block("k2", "k3", "w2", to=None, handlers=(late,)),
        block("k3", "go", "c3", to=None, each=Each(Expr("[1, 2]"), "item")),
    )
    return graph(*blocks, task("t1"), pause("w2", text=LATER), call("c3"), task("go", last.id), last, task("after"))


def leave(play: Play) -> None:
    token = next(token for token in play.state.tokens.values() if token.node == "go")
    play.send(Answered(T, IVANOV, token.id, token.visit, "done"))


def test_end_from_within_withdraws_everything():
    play = Play(nested(Exit("x", "end", "refused")))
    assert play.where() == ["c3", "c3", "go", "go", "t1", "w2"]
    leave(play)
    assert (play.state.status, play.state.result) == ("ended", "refused")
    assert (play.index.tasks, play.index.timers, play.calls) == ({}, {}, {})


@pytest.mark.parametrize("up, where", [(1, ["after", "t1", "w2"]), (2, ["after", "t1"]), (3, ["after"])])
def test_leaving_bodies_by_the_flow(up: int, where: list[str]):
    node = step("x")
    play = Play(nested(type(node)("x", (Flow("x>after", "after", up),))))
    leave(play)
    assert play.where() == where


@pytest.mark.parametrize("name, where", [("k3", ["t1", "w2"]), ("k2", ["t1"]), ("k1", ["after"])])
def test_terminating_a_block_by_name(name: str, where: list[str]):
    play = Play(nested(Exit("x", "terminate", name)))
    leave(play)
    assert play.where() == where


def test_cancelling_the_instance():
    play = Play(nested(step("x")))
    play.cancel()
    assert (play.state.status, play.state.result) == ("cancelled", None)
    assert (play.index.tasks, play.index.timers, play.calls) == ({}, {}, {})


def test_leaving_from_the_steps_of_a_handler():
    for cancels in (True, False):
        handler = Handler("h", MESSAGE, cancels, flow("k", "go", "h"))
        nodes = (block("k", "t", "c", to=None, handlers=(handler,)), task("t"), call("c"), task("go", "x"))
        play = Play(graph(*nodes, type(step("x"))("x", (Flow("x>after", "after", 1),)), task("after")))
        play.message(scope_of(play))
        play.answer("go")
        assert play.where() == ["after"]
        assert set(play.state.scopes) == {0}


def test_leaving_at_once_while_others_are_still_to_move():
    blocks = block("k", "x", "b", "c"), type(step("x"))("x", (Flow("x>after", "after", 1),))
    play = Play(graph(*blocks, call("b"), task("c"), task("after")))
    assert play.where() == ["after"]
    assert (list(play.index.tasks), play.calls) == ([(1, 2)], {})


def test_what_was_begun_in_the_same_event_is_withdrawn_with_it():
    play = Play(graph(block("k", "b", "c", "x"), call("b"), pause("c", text=LATER), Exit("x", "end", "done"), task("after")))
    assert play.state.status == "ended"
    assert (play.index.timers, play.calls) == ({}, {})


def test_an_incident_goes_with_its_body():
    play = Play(graph(block("k", "s", "t", need=1), step("s", sets=sets(x="1 // 0")), task("t"), task("after")))
    assert play.incident.node == "s"
    play.answer("t")
    assert play.where() == ["after"]
    assert not play.state.incidents
