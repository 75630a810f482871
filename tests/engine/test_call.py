"""Call: answers, failures, retries with a pause, timeouts, handlers of errors, and what operators do."""

from typing import Any

import pytest

from bpflow.diagnostics import say
from bpflow.engine.events import Done, Failed, TimerFired
from bpflow.engine.transition import RETRY, TIMEOUT
from bpflow.expressions.data import Role
from bpflow.graph import Block, Expr, Flow, Graph, Handler, Retry, Trigger
from tests.engine.play import COMPANY, HOUR, IVANOV, SIDOROV, Play, T, World, call, flow, graph, sets, step, task

SOON = "now + minutes(10)"


def one(**more: Any) -> Play:
    return Play(graph(call("c", "t", **more), task("t"), reads="c"))


def test_an_answer_is_the_result():
    play = one(arguments={"a": "1 + 1", "b": '"x"'})
    (out,) = play.calls.values()
    assert (out.service, out.arguments, out.token, out.visit, out.attempt) == ("crm", {"a": 2, "b": "x"}, 1, 1, 1)
    play.done("c", id=5)
    assert play.names["c"] == {"id": 5}
    assert play.where() == ["t"]


def test_only_what_some_expression_reads_is_kept():
    play = Play(graph(call("c", "d"), call("d", "t", arguments={"n": "c.id"}), task("t")))
    play.done("c", id=5, much="…")
    assert play.names["c"] == {"id": 5}
    play.done("d", id=6)
    assert "d" not in play.names


def test_a_call_that_nobody_waits_for():
    play = one(wait=False)
    assert play.where() == ["t"]
    assert [(out.token, out.visit, out.wait) for out in play.notices] == [(1, 1, False)]
    assert play.at("t").visit == 2


def telling(people: str, **more: Any) -> Graph:
    return graph(call("c", "t", "notify", arguments={"to": people}, wait=False, people="to", **more), task("t"), reads="c")


def test_a_call_for_people_takes_groups_by_their_members_and_each_once():
    town = World(groups={Role("clerk"): [SIDOROV, IVANOV]})
    play = Play(telling('[user("ivanov"), with_role("clerk"), none]'), town)
    assert play.where() == ["t"]
    assert [notice.arguments["to"] for notice in play.notices] == [[IVANOV, SIDOROV]]


def test_a_call_for_nobody_fails_at_once_and_is_tried_again():
    world = World({COMPANY: {"responsible": None}})
    play = Play(telling("document.responsible", retry=Retry(1, 100)), world, document=COMPANY)
    assert (play.where(), play.notices) == (["c"], [])
    play.wait(HOUR)
    assert (play.incident.kind, str(play.incident.message)) == ("failure", "there is nobody to notify")
    world.documents[COMPANY]["responsible"] = IVANOV
    play.retry()
    assert play.where() == ["t"]
    assert [notice.attempt for notice in play.notices] == [3]


def test_arguments_that_cannot_be_evaluated_are_an_incident_and_the_key_stays():
    world = World({COMPANY: {}})
    play = Play(graph(call("c", "d"), call("d", "t", arguments={"a": "document.name"}), task("t")), world, document=COMPANY)
    play.done("c")
    assert play.at("d").status == "held"
    play.send(Done(T, 1, 1, {"late": "again"}))
    assert play.at("d").status == "held"
    world.documents[COMPANY]["name"] = "x"
    play.retry()
    assert list(play.calls) == [(1, 2)]


# ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_failure_without_retries_is_an_incident():
    play = one()
    play.fail("c")
    assert (play.incident.kind, str(play.incident.message)) == ("failure", "it broke")
    play.retry()
    (out,) = play.calls.values()
    assert (out.token, out.visit, out.attempt) == (1, 1, 2), "the key is the same for all attempts"
    play.fail("c")
    play.skip(id=9)
    assert play.names["c"] == {"id": 9}
    assert play.where() == ["t"]


def test_retries_wait_longer_and_longer_and_then_there_is_an_incident():
    play = one(retry=Retry(times=4, first=100, at_most=300))
    pauses = []
    for attempt in range(1, 5):
        assert play.calls[1, 1].attempt == attempt
        play.fail("c")
        pauses.append((play.index.timers[1, RETRY] - play.now).total_seconds())
        assert not play.calls
        play.wait(HOUR)
    assert play.calls[1, 1].attempt == 5
    for length, (low, high) in zip(pauses, [(50, 100), (100, 200), (150, 300), (150, 300)], strict=True):
        assert low <= length <= high
    play.fail("c")
    assert play.incident.kind == "failure"


def test_pauses_differ_between_instances_and_are_the_same_in_a_replay():
    plays = [Play(graph(call("c", "t", retry=Retry(3, 100)), task("t")), seed=seed) for seed in (1, 2)]
    for play in plays:
        play.fail("c")
    assert plays[0].index.timers != plays[1].index.timers


def test_a_failure_told_twice_does_not_put_the_next_attempt_off():
    play = one(retry=Retry(3, 100))
    event = Failed(T, 1, 1, 1, say("it broke"))
    play.send(event)
    due = play.index.timers
    play.send(Failed(T + HOUR / 100, 1, 1, 1, say("it broke")))
    assert play.index.timers == due
    play.wait(HOUR)
    play.send(event)
    assert play.calls[1, 1].attempt == 2, "the failure of an earlier attempt is stale"


def test_an_answer_that_comes_after_all_is_taken():
    play = one(retry=Retry(3, 100))
    play.fail("c")
    play.send(Done(T, 1, 1, {"id": 1}))
    assert play.where() == ["t"]
    assert play.index.timers == {}
    other = one()
    other.fail("c")
    other.send(Done(T, 1, 1, {"id": 1}))
    assert other.where() == ["t"]
    assert not other.state.incidents


def test_an_attempt_whose_arguments_have_become_wrong_is_held_and_can_be_tried_again():
    world = World({COMPANY: {"name": "x"}})
    play = Play(graph(call("c", "t", arguments={"a": "document.name"}, retry=Retry(1, 100)), task("t")), world, document=COMPANY)
    play.fail("c")
    del world.documents[COMPANY]["name"]
    play.wait(HOUR)
    assert (play.incident.kind, play.at("c").status) == ("fault", "held")
    play.retry()
    assert (play.incident.kind, play.at("c").status) == ("fault", "held")
    world.documents[COMPANY]["name"] = "y"
    play.retry()
    assert (play.calls[1, 1].attempt, play.calls[1, 1].arguments) == (2, {"a": "y"})
    play.done("c")
    assert play.where() == ["t"]


# ── timeouts ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_no_answer_in_time():
    play = one(timeout=Expr(SOON))
    assert play.index.timers == {(1, TIMEOUT): T + HOUR / 6}
    play.wait(HOUR)
    assert (play.incident.kind, str(play.incident.message)) == ("failure", "no answer in time")
    assert not play.calls


def test_an_answer_in_time():
    play = one(timeout=Expr(SOON))
    play.done("c")
    assert play.index.timers == {}


def test_each_attempt_has_its_time():
    play = one(timeout=Expr(SOON), retry=Retry(1, 100))
    play.wait(HOUR / 6)
    assert set(play.index.timers) == {(1, RETRY)}
    play.send(Failed(play.now, 1, 1, 1, say("late")))
    play.wait(HOUR / 20)
    assert play.calls[1, 1].attempt == 2
    assert set(play.index.timers) == {(1, TIMEOUT)}
    play.wait(HOUR)
    assert str(play.incident.message) == "no answer in time"


def test_a_timeout_that_is_no_date_is_an_incident():
    play = one(timeout=Expr('"soon"'))
    assert play.incident.kind == "fault"
    assert play.at("c").visit == 0
    assert not play.calls


# ── stale events ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_late_answers_change_nothing():
    play = Play(graph(call("c", "d"), call("d", "t"), task("t"), reads="c d"))
    play.done("c", id=1)
    before = play.state
    reason = say("it broke")
    for event in (Done(T, 1, 1, {"id": 2}), Done(T, 9, 1), Failed(T, 1, 1, 1, reason), Failed(T, 1, 2, 7, reason), TimerFired(T, 1, RETRY, T)):
        play.send(event)
        assert play.state == before
    play.done("d")
    play.send(Done(T, 1, 3))
    assert play.where() == ["t"]


def test_an_answer_after_a_cancel_is_acknowledged():
    play = one()
    play.cancel()
    assert not play.calls
    state = play.state
    play.send(Done(T, 1, 1, {"id": 2}))
    assert play.state is state


# ── handlers of errors ──────────────────────────────────────────────────────────────────────────────────────────────
def caught(name: str = "", cancels: bool = True, outside: bool = False) -> Play:
    """Two calls side by side in a block; a handler of errors leads to `h`."""
    handler = Handler("on_error", Trigger("error", name=name), cancels, flow("k", "h", "error"), outside)
    block = Block("k", (flow("k", "c", "c"), flow("k", "d", "d")), flow("k", "after"), handlers=(handler,))
    return Play(graph(block, call("c"), call("d"), task("h"), task("after")))


def test_a_handler_that_cancels_takes_the_place_of_the_body():
    play = caught()
    play.fail("c")
    assert play.where() == ["h"]
    assert not play.calls
    play.answer("h")
    assert play.where() == ["after"]


def test_a_handler_beside_ends_the_branch_that_failed_and_the_block_waits_for_both():
    play = caught(cancels=False)
    play.fail("c")
    assert play.where() == ["d", "h"]
    play.done("d")
    assert play.where() == ["h"]
    play.answer("h")
    assert play.where() == ["after"]


def test_a_handler_outside_leaves_the_block():
    play = caught(outside=True)
    play.fail("c")
    assert play.where() == ["h"]
    assert set(play.state.scopes) == {0}
    play.answer("h")
    assert play.state.status == "ended"


@pytest.mark.parametrize("error, taken", [("crm", True), ("other", False), ("", False)])
def test_a_handler_takes_the_errors_that_it_names(error: str, taken: bool):
    play = caught("crm")
    play.fail("c", error)
    assert ("h" in play.where()) is taken
    assert bool(play.state.incidents) is not taken


def test_the_nearest_handler_that_takes_it():
    def guarded(id: str, inner: Flow, name: str) -> Block:
        handler = Handler(f"on_{id}", Trigger("error", name=name), True, flow(id, f"h_{id}", "error"))
        return Block(id, (inner,), flow(id, None), handlers=(handler,))

    nodes = (guarded("k", flow("k", "l"), ""), guarded("l", flow("l", "m"), "crm"), guarded("m", flow("m", "c"), "mail"))
    play = Play(graph(*nodes, call("c"), *(task(f"h_{id}") for id in "klm")))
    play.fail("c", "crm")
    assert play.where() == ["h_l"]


def test_a_failure_in_the_steps_of_a_handler_goes_further_up():
    inner = Handler("i", Trigger("error"), True, flow("l", "c2", "error"))
    outer = Handler("o", Trigger("error"), True, flow("k", "h", "error"))
    blocks = (Block("k", (flow("k", "l"),), flow("k"), handlers=(outer,)), Block("l", (flow("l", "c"),), flow("l"), handlers=(inner,)))
    play = Play(graph(*blocks, call("c"), call("c2"), task("h")))
    play.fail("c")
    assert play.where() == ["c2"]
    play.fail("c2")
    assert play.where() == ["h"]


def test_retries_come_before_handlers():
    handler = Handler("e", Trigger("error"), True, flow("k", "h", "error"))
    play = Play(graph(Block("k", (flow("k", "c"),), flow("k"), handlers=(handler,)), call("c", retry=Retry(1, 100)), task("h")))
    play.fail("c")
    assert play.where() == ["c"]
    play.wait(HOUR)
    play.fail("c")
    assert play.where() == ["h"]


def test_a_fault_is_not_caught():
    handler = Handler("e", Trigger("error"), True, flow("k", "h", "error"))
    play = Play(graph(Block("k", (flow("k", "s"),), flow("k"), handlers=(handler,)), step("s", sets=sets(x="1 // 0")), task("h")))
    assert play.where() == ["s"]
    assert play.incident.kind == "fault"
