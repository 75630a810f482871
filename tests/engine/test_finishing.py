"""What stands between a task and its first outcome: a condition that closes it, a checklist."""

from typing import Any

import pytest

from bpflow.engine import InvalidAnswer, NotAllowed, UnexpectedEvent
from bpflow.engine.events import Ticked
from bpflow.engine.state import Item
from bpflow.expressions.data import User
from bpflow.graph import Alarm, Block, Expr, Form, Handler, Outcome, Trigger, Variable
from bpflow.values import Field
from tests.engine.play import BOSS, COMPANY, HOUR, IVANOV, PETROV, SIDOROV, Play, T, World, flow, graph, sets, step, task

SIGNED = Expr('document.status == "signed"')
WAYS = (("done", flow("t", "after", "done")), ("lost", flow("t", "lost", "lost")))
FORM = Form(Expr('"Work"'), tuple(Outcome(name, name) for name in ("done", "lost")))


def work(people: str = '[user("ivanov"), user("petrov")]', status: str = "new", **more: Any) -> Play:
    nodes = (task("t", None, people, outcomes=WAYS, form=FORM, **more), task("after"), task("lost"))
    variables = (Variable("n", Field("integer"), Expr("0")),)
    return Play(graph(*nodes, reads="t", variables=variables), World({COMPANY: {"status": status}}), document=COMPANY)


def tick(play: Play, item: int, by: User = IVANOV, *, done: bool = True) -> None:
    token = play.at("t")
    play.send(Ticked(play.now, by, token.id, token.visit, item, done))


# ── done-when ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_task_closes_when_its_condition_becomes_true_and_who_had_it_is_told():
    play = work(done_when=SIGNED, alarms=(Alarm(Expr("now + hours(1)")),))
    play.change(status="open")
    assert play.where() == ["t"]
    play.change(status="signed")
    assert play.where() == ["after"]
    results = play.names["t"]
    assert (results["outcome"], results["by"], results["at"], results["answers"]) == ("done", None, T, [])
    assert [(call.arguments["to"], call.arguments["reason"]) for call in play.notices] == [([IVANOV, PETROV], "closed")]
    assert not play.index.timers
    assert not play.index.watches
    play.replay_all()


def test_what_is_true_already_closes_it_at_once_and_nobody_is_told():
    play = work(status="signed", done_when=SIGNED)
    assert play.where() == ["after"]
    assert (play.names["t"]["outcome"], play.notices) == ("done", [])


def test_nobody_can_say_before_that_it_is_done():
    play = work(done_when=SIGNED)
    with pytest.raises(InvalidAnswer, match="it is not done yet: `document"):
        play.answer("t", "done")
    play.answer("t", "lost")
    assert play.where() == ["lost"]


def test_a_condition_on_a_variable_is_read_again_when_that_changes():
    play = work(done_when=Expr("n > 1"))
    play.correct(n=1)
    assert play.where() == ["t"]
    play.correct(n=2)
    assert play.where() == ["after"]


def test_an_overdue_task_stays_overdue_when_it_closes():
    play = work(done_when=SIGNED, alarms=(Alarm(Expr("now + hours(1)")),))
    play.wait(2 * HOUR)
    play.change(status="signed")
    assert play.names["t"]["overdue"] is True


def test_a_condition_that_cannot_be_read_is_an_incident_and_the_task_stays_open():
    play = work(done_when=Expr('6 // len(document.status) > 5 and document.status != "new"'))
    play.change(status="")
    assert play.where() == ["t"]
    assert "zero" in str(play.incident.message)
    play.world.documents[COMPANY]["status"] = "s"
    play.retry()
    assert play.where() == ["after"]
    assert not play.state.incidents


def test_a_condition_that_is_none_is_an_incident_of_the_step():
    play = work(done_when=Expr("document.status"))
    assert str(play.incident.message) == "`document.status` is neither true nor false"


def test_leaving_the_block_around_it_drops_what_it_watches():
    ways = (("done", flow("t", None, "done")), ("lost", flow("t", None, "lost")))
    inner = task("t", None, outcomes=ways, form=FORM, done_when=SIGNED)
    block = Block("k", (flow("k", "t", "1"), flow("k", "u", "2")), flow("k", "after"), need=1)
    play = Play(graph(block, inner, task("u"), task("after")), World({COMPANY: {"status": "new"}}), document=COMPANY)
    play.answer("u")
    assert play.where() == ["after"]
    assert not play.index.watches


# ── the checklist ───────────────────────────────────────────────────────────────────────────────────────────────────
ITEMS = (Expr('"Pack"'), Expr('text("Call ", document.status)'))


def test_the_first_outcome_waits_until_all_is_ticked_off():
    play = work(checklist=ITEMS)
    assert play.at("t").waiting.checklist == (Item("Pack"), Item("Call new"))
    with pytest.raises(InvalidAnswer, match="this is still to be ticked off: Pack, Call new"):
        play.answer("t", "done")
    tick(play, 1, PETROV)
    assert play.names["t"]["checklist"] == [
        {"item": "Pack", "done": False, "by": None, "at": None},
        {"item": "Call new", "done": True, "by": PETROV, "at": T},
    ]
    with pytest.raises(InvalidAnswer, match=r"ticked off: Pack$"):
        play.answer("t", "done")
    tick(play, 0)
    play.answer("t", "done")
    assert play.where() == ["after"]
    assert [item["by"] for item in play.names["t"]["checklist"]] == [IVANOV, PETROV]
    play.replay_all()


def test_a_tick_is_taken_back():
    play = work(checklist=ITEMS)
    tick(play, 0)
    tick(play, 0, PETROV, done=False)
    assert [item["done"] for item in play.names["t"]["checklist"]] == [False, False]


@pytest.mark.parametrize("item, done, message", [(0, True, '"Pack" is ticked off already'), (1, False, '"Call new" is not ticked off'), (2, True, "no item 3")])
def test_a_tick_that_changes_nothing_is_refused(item: int, done: bool, message: str):
    play = work(checklist=ITEMS)
    tick(play, 0)
    with pytest.raises(UnexpectedEvent, match=message):
        tick(play, item, done=done)


def test_who_may_not_answer_may_not_tick():
    play = work(checklist=ITEMS)
    with pytest.raises(NotAllowed):
        tick(play, 0, SIDOROV)


def test_another_outcome_needs_no_tick():
    play = work(checklist=ITEMS)
    play.answer("t", "lost")
    assert play.where() == ["lost"]
    assert [item["done"] for item in play.names["t"]["checklist"]] == [False, False]


def test_the_items_stay_as_they_were_when_the_task_was_opened():
    play = work(checklist=ITEMS)
    play.change(status="old")
    assert play.at("t").waiting.checklist[1].text == "Call new"


def test_an_item_that_cannot_be_told_is_an_incident():
    play = work(checklist=(Expr("text(6 // len(document.status))"),), status="")
    assert play.where() == ["t"]
    assert "zero" in str(play.incident.message)
    play.world.documents[COMPANY]["status"] = "new"
    play.retry()
    assert play.at("t").waiting.checklist == (Item("2"),)


def test_a_condition_may_read_the_checklist():
    play = work(checklist=ITEMS, done_when=Expr("any(item.done for item in coalesce(t.checklist, []))"))
    tick(play, 0)
    assert play.where() == ["after"]


def test_what_a_step_beside_sets_is_seen():
    play = Play(
        graph(
            step("s", "t", "u"),
            task("t", None, outcomes=(("done", flow("t", "after", "done")),), done_when=Expr("n > 0")),
            task("u", "v"),
            step("v", sets=sets(n="1")),
            task("after"),
            variables=(Variable("n", Field("integer"), Expr("0")),),
        )
    )
    play.answer("u")
    assert play.where() == ["after"]


# ── observers ───────────────────────────────────────────────────────────────────────────────────────────────────────
def told(play: Play) -> list[tuple[Any, Any]]:
    return [(call.arguments["reason"], call.arguments["to"]) for call in play.notices]


SEEN = {"observers": Expr('[user("boss"), user("sidorov")]')}


def test_observers_see_a_task_are_told_what_becomes_of_it_and_may_not_answer():
    play = work(alarms=(Alarm(Expr("now + hours(1)"), tell=Expr('user("boss")')),), **SEEN)
    assert play.index.tasks[1, 1].observers == (BOSS, SIDOROV)
    with pytest.raises(NotAllowed, match="not for"):
        play.answer("t", "done", SIDOROV)
    play.wait(HOUR)
    assert told(play) == [("overdue", [BOSS, SIDOROV])]
    play.answer("t", "done")
    assert told(play)[1:] == [("closed", [BOSS, SIDOROV])]
    play.replay_all()


def test_observers_are_told_of_a_task_that_is_withdrawn():
    block = Block("k", (flow("k", "t", "1"), flow("k", "u", "2")), flow("k", "after"), need=1)
    play = Play(graph(block, task("t", **SEEN), task("u"), task("after")))
    play.answer("u")
    assert told(play) == [("withdrawn", [IVANOV, BOSS, SIDOROV])]
    assert play.where() == ["after"]


def test_who_has_it_and_sees_it_is_told_once_that_it_has_closed_by_itself():
    play = work(done_when=SIGNED, observers=Expr('[user("ivanov"), user("boss")]'))
    play.change(status="signed")
    assert told(play) == [("closed", [PETROV]), ("closed", [IVANOV, BOSS])]


def test_observers_are_not_told_where_nobody_knows_any_more_what_it_was_called():
    subject = Form(Expr("document.status"), FORM.outcomes)
    play = Play(graph(task("t", outcomes=WAYS, form=subject, **SEEN), task("after"), task("lost")), World({COMPANY: {"status": "new"}}), document=COMPANY)
    play.world.documents = {}
    play.answer("t", "done")
    assert (play.where(), play.notices) == (["after"], [])


# ── subtasks ────────────────────────────────────────────────────────────────────────────────────────────────────────
def house(*handlers: Handler, status: str = "new", **more: Any) -> Play:
    """A task with two subtasks, as it is lowered."""
    ways = (("done", flow("t", None, "done")), ("lost", flow("t", None, "lost")))
    main = task("t", None, outcomes=ways, form=FORM, parts=("doors", "roof"), **more)
    parts = tuple(
        task(name, None, f'user("{who}")', gives=None, form=Form(Expr(f'"The {name}"'), (Outcome("done", "Done"),)), part=("t", name))
        for name, who in (("doors", "petrov"), ("roof", "sidorov"))
    )
    block = Block("k", tuple(flow("k", name, name) for name in ("doors", "roof", "t")), flow("k", "after"), handlers=handlers)
    nodes = (block, main, *parts, task("after"), step("note", sets=sets(n="n + 1")))
    variables = (Variable("n", Field("integer"), Expr("0")),)
    return Play(graph(*nodes, reads="t n", variables=variables), World({COMPANY: {"status": status}}), document=COMPANY)


def test_the_first_outcome_waits_until_all_subtasks_are_done():
    play = house()
    assert play.where() == ["doors", "roof", "t"]
    with pytest.raises(InvalidAnswer, match="still open: The doors, The roof"):
        play.answer("t", "done")
    play.now += HOUR
    play.answer("roof", "done", SIDOROV)
    assert play.names["t"]["subtasks"] == {"doors": {"by": None, "at": None}, "roof": {"by": SIDOROV, "at": T + HOUR}}
    with pytest.raises(InvalidAnswer, match=r"still open: The doors$"):
        play.answer("t", "done")
    play.answer("doors", "done", PETROV)
    play.answer("t", "done")
    assert play.where() == ["after"]
    assert [play.names["t"]["subtasks"][name]["by"] for name in ("doors", "roof")] == [PETROV, SIDOROV]
    play.replay_all()


def test_another_outcome_withdraws_the_subtasks_and_tells_their_people():
    play = house()
    play.answer("doors", "done", PETROV)
    play.answer("t", "lost")
    assert play.where() == ["after"]
    assert told(play) == [("withdrawn", [SIDOROV])]
    assert play.names["t"]["subtasks"]["doors"]["by"] == PETROV
    assert [what for kind, _, what in play.facts if kind == "cleared"] == ["roof"]


def test_a_condition_that_is_true_already_leaves_no_subtask_and_tells_nobody():
    play = house(status="signed", done_when=SIGNED)
    assert (play.where(), play.notices) == (["after"], [])
    assert [row.node for row in play.index.tasks.values()] == ["after"]


def test_a_deadline_that_closes_it_withdraws_the_subtasks():
    play = house(alarms=(Alarm(Expr("now + hours(1)"), outcome="lost"),))
    play.wait(HOUR)
    assert play.where() == ["after"]


def test_steps_beside_hear_of_the_task_alone_and_go_on_after_it():
    noted = Handler("on-answer", Trigger("answer"), False, flow("k", "note", "on-answer"))
    play = house(noted)
    play.answer("doors", "done", PETROV)
    assert play.names["n"] == 0
    play.answer("t", "lost")
    assert (play.names["n"], play.where()) == (1, ["after"])


def test_an_operator_who_passes_it_over_withdraws_the_subtasks():
    play = house(done_when=Expr("document.status"))
    assert play.where() == ["doors", "roof", "t"]
    play.skip("done")
    assert play.where() == ["after"]
    assert told(play) == [("withdrawn", [PETROV]), ("withdrawn", [SIDOROV])]
