"""Task: who gets it, which answers are taken, and what alarms do."""

from datetime import datetime
from typing import Any

import pytest

from bpflow.engine import InvalidAnswer, NotAllowed, UnexpectedEvent
from bpflow.engine.events import Answered
from bpflow.engine.state import Assignee
from bpflow.expressions.data import Department, User
from bpflow.graph import Alarm, Expr, Form, Outcome, Task
from bpflow.values import Field
from tests.engine.play import BOSS, COMPANY, HOUR, IVANOV, PETROV, SIDOROV, Play, T, World, flow, graph, number, task

SALES = Department("sales")
DUE = 'datetime("2026-03-03T07:00Z")'
"""A day after the start."""


class House(World):
    """A world with one department."""

    def find(self, question: Any) -> Any:
        return SALES if question[:2] == ("directory", "department") else super().find(question)


def one(people: str = 'user("ivanov")', world: World | None = None, **more: Any) -> Play:
    return Play(graph(task("t", "after", people, **more), task("after"), task("late"), reads="t"), world or House(), document=COMPANY)


def people(play: Play) -> list[Any]:
    waiting = play.at("t").waiting
    assert waiting is not None
    return [one.party for one in waiting.people]


# ── who ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "text, who",
    [
        ('user("ivanov")', [IVANOV]),
        ('[user("ivanov"), [user("petrov")], none]', [IVANOV, PETROV]),
        ('[user("ivanov"), user("petrov"), user("ivanov")]', [IVANOV, PETROV]),
        ('department("sales")', [SALES]),
        ('[department("sales"), user("ivanov")]', [SALES, IVANOV]),
    ],
)
def test_people(text: str, who: list[Any]):
    play = one(text)
    assert people(play) == who
    assert play.names["t"]["waiting"] == who
    assert play.index.tasks[1, 1].subject == "Work"


def test_people_by_name():
    play = Play(graph(task("t", people="manager"), people=(("manager", Expr("deputy")), ("deputy", Expr('user("petrov")')))))
    assert people(play) == [PETROV]


def test_who_acts_for_an_absent_person():
    play = one('[user("ivanov"), user("sidorov")]', House(acting={IVANOV: PETROV, SIDOROV: None}))
    assert play.index.tasks[1, 1].people == (Assignee(PETROV, IVANOV),)
    play.answer("t", by=PETROV)
    (answer,) = play.names["t"]["answers"]
    assert (answer["by"], answer["in_place_of"]) == (PETROV, IVANOV)


def test_an_absent_person_who_is_back_may_answer_himself():
    play = one(world=House(acting={IVANOV: PETROV}))
    play.answer("t", by=IVANOV)
    assert play.names["t"]["answers"][0]["in_place_of"] is None


def test_who_is_excluded_gets_no_task_and_may_not_answer_for_a_group():
    world = House(groups={SALES: [PETROV, SIDOROV]}, acting={BOSS: PETROV})
    play = one('[user("boss"), user("petrov"), department("sales")]', world, not_by=Expr('user("petrov")'))
    assert people(play) == [SALES]
    with pytest.raises(NotAllowed, match="petrov"):
        play.answer("t", by=PETROV)
    play.answer("t", by=SIDOROV)


@pytest.mark.parametrize("text", ["none", "[]", "document.responsible", 'user("petrov")'])
def test_nobody_is_an_incident_that_names_the_expression(text: str):
    world = House({COMPANY: {"responsible": None}})
    play = one(text, world, not_by=Expr('user("petrov")'))
    assert play.at("t").status == "held"
    assert f"`{text}` gives no one" in str(play.incident.message)
    assert not play.index.tasks


def test_if_nobody():
    play = one("none", if_nobody=Expr('user("boss")'))
    assert people(play) == [BOSS]


def test_what_is_no_person_is_an_incident():
    play = one('"ivanov"')
    assert "gives no people" in str(play.incident.message)


def test_when_the_people_are_there_the_task_is_tried_again():
    world = House({COMPANY: {"responsible": None}})
    play = one("document.responsible", world)
    world.documents[COMPANY]["responsible"] = IVANOV
    play.retry()
    assert people(play) == [IVANOV]
    assert play.at("t").visit == 1


def test_a_task_that_cannot_be_opened_leaves_no_results():
    play = one(alarms=(Alarm(Expr("nothing")),))
    assert play.at("t").status == "held"
    assert "t" not in play.names
    with pytest.raises(UnexpectedEvent, match="by which branch"):
        play.skip("approved")
    with pytest.raises(InvalidAnswer, match='does not give "outcome"'):
        play.skip("done", outcome="approved")
    play.skip("done")
    assert (play.names["t"]["outcome"], play.names["t"]["by"]) == ("done", None)
    assert play.where() == ["after"]


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────
FIELDS = (("n", number(title="Number", required=True, max="9")), ("note", Field("string")), ("at", Field("datetime")))


def form(*outcomes: Outcome) -> Task:
    ways = tuple((outcome.name, flow("t", "after" if outcome.name == "yes" else "late", outcome.name)) for outcome in outcomes)
    return Task("t", Expr('user("ivanov")'), Form(Expr('"Work"'), outcomes), ways, gives="t")


def filled() -> Play:
    yes = Outcome("yes", "Yes", FIELDS)
    others = (Outcome("no", "No", comment="required"), Outcome("quiet", "Quiet", comment="none"), Outcome("expired", "Expired", button=False))
    return Play(graph(form(yes, *others), task("after"), task("late"), reads="t"), House())


def test_an_open_task_has_results_already():
    assert filled().names["t"] == {"outcome": None, "by": None, "at": None, "comment": None, "answers": [], "waiting": [IVANOV], "overdue": False}


def test_an_answer():
    play = filled()
    play.now += HOUR
    play.answer("t", "yes", n=3, comment="well")
    given = {"outcome": "yes", "by": IVANOV, "at": T + HOUR, "comment": "well", "n": 3, "note": None}
    assert play.names["t"] == {**given, "at": None, "answers": [{**given, "in_place_of": None, "at": None}], "waiting": [], "overdue": False}
    assert play.where() == ["after"]
    assert list(play.index.tasks) == [(1, 2)]


@pytest.mark.parametrize("comment, kept", [("", ""), (None, None), ("x", "x")])
def test_a_comment_is_kept_as_it_is(comment: str | None, kept: str | None):
    play = filled()
    play.answer("t", "yes", comment=comment, n=1)
    assert play.names["t"]["comment"] == kept


@pytest.mark.parametrize(
    "outcome, values, comment, by, refusal, field",
    [
        ("yes", {"n": 1}, None, PETROV, NotAllowed, None),
        ("maybe", {}, None, IVANOV, InvalidAnswer, None),
        ("expired", {}, None, IVANOV, InvalidAnswer, None),
        ("yes", {}, None, IVANOV, InvalidAnswer, "n"),
        ("yes", {"n": None}, None, IVANOV, InvalidAnswer, "n"),
        ("yes", {"n": "1"}, None, IVANOV, InvalidAnswer, "n"),
        ("yes", {"n": True}, None, IVANOV, InvalidAnswer, "n"),
        ("yes", {"n": 10}, None, IVANOV, InvalidAnswer, "n"),
        ("yes", {"n": 1, "note": 5}, None, IVANOV, InvalidAnswer, "note"),
        ("yes", {"n": 1, "at": datetime(2026, 1, 1)}, None, IVANOV, InvalidAnswer, "at"),
        ("yes", {"n": 1, "other": 5}, None, IVANOV, InvalidAnswer, "other"),
        ("no", {}, None, IVANOV, InvalidAnswer, "comment"),
        ("no", {}, "  ", IVANOV, InvalidAnswer, "comment"),
        ("no", {"n": 1}, "x", IVANOV, InvalidAnswer, "n"),
        ("quiet", {}, "x", IVANOV, InvalidAnswer, "comment"),
    ],
)
def test_a_wrong_answer_is_refused_and_nothing_changes(
    outcome: str, values: dict[str, Any], comment: str | None, by: User, refusal: type[InvalidAnswer], field: str | None
):
    play = filled()
    before = play.state
    with pytest.raises(refusal) as refused:
        play.answer("t", outcome, by, comment, **values)
    assert getattr(refused.value, "field", None) == field
    assert play.state is before
    play.answer("t", "no", comment="still open")
    assert play.where() == ["late"]


def test_a_task_is_answered_once():
    play = filled()
    token = play.at("t")
    first = Answered(T, IVANOV, token.id, token.visit, "yes", {"n": 1})
    play.send(first)
    for event in (first, Answered(T, IVANOV, 99, 1, "yes"), Answered(T, IVANOV, 1, 3, "done")):
        with pytest.raises(UnexpectedEvent, match="closed"):
            play.send(event)
    assert play.where() == ["after"]


def test_another_task_of_the_same_token_is_another_task():
    play = Play(graph(task("t", "t2"), task("t2", "t", people='user("petrov")')))
    for visit in range(1, 5):
        assert list(play.index.tasks) == [(1, visit)]
        play.answer(*(("t",) if visit % 2 else ("t2", "done", PETROV)))


def test_a_group_that_cannot_be_asked_refuses():
    world = House()
    play = one('department("sales")', world)
    find = world.find
    world.find = lambda question: find(("broken",)) if question[1] == "belongs" else find(question)  # type: ignore[method-assign]
    with pytest.raises(InvalidAnswer, match="nobody knows"):
        play.answer("t")
    assert people(play) == [SALES]


# ── alarms ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def timed(*alarms: Alarm, world: World | None = None, **more: Any) -> Play:
    more.setdefault("outcomes", (("done", flow("t", "after", "done")), ("expired", flow("t", "late", "expired"))))
    names = Outcome("done", "Done", (("n", number()),)), Outcome("expired", "Expired", (("m", number()),), button=False)
    return one(world=world, alarms=alarms, form=Form(Expr(more.pop("subject", '"Work"')), names), **more)


def test_overdue_is_no_answer():
    play = timed(Alarm(Expr(DUE)))
    assert play.index.tasks[1, 1].due == T + 24 * HOUR
    play.wait(24 * HOUR)
    row = play.index.tasks[1, 1]
    assert (row.overdue, row.due) == (True, T + 24 * HOUR)
    assert play.names["t"]["overdue"] is True
    assert play.index.timers == {}
    play.answer("t")
    assert play.names["t"]["overdue"] is True
    assert play.names["t"]["outcome"] == "done"


@pytest.mark.parametrize("text", ["none", "deadline(none)"])
def test_no_deadline(text: str):
    play = timed(Alarm(Expr(text)))
    assert play.index.timers == {}
    assert play.index.tasks[1, 1].due is None


def test_an_answer_disarms():
    play = timed(Alarm(Expr(DUE)))
    play.answer("t")
    assert play.index.timers == {}


def test_people_are_told():
    play = timed(Alarm(Expr(DUE), tell=Expr('[user("boss"), user("sidorov")]')), world=House(acting={SIDOROV: PETROV}))
    play.wait(24 * HOUR)
    (notice,) = play.notices
    assert notice.arguments == {"to": [BOSS, PETROV], "title": "Work", "reason": "overdue"}
    assert (notice.service, notice.wait) == ("notify", False)


def test_reminders_again_and_again():
    play = timed(Alarm(Expr(DUE), remind=Expr("now + hours(8)")))
    play.wait(24 * HOUR)
    assert [notice.arguments["reason"] for notice in play.notices] == ["reminder"]
    play.wait(20 * HOUR)
    assert len(play.notices) == 3
    assert len({(notice.token, notice.visit, notice.attempt) for notice in play.notices}) == 3
    assert [fact for fact in play.facts if fact[0] == "overdue"] == [("overdue", 1, "t")]
    assert play.index.timers == {(1, 0): T + 48 * HOUR}
    assert play.index.tasks[1, 1].due == T + 24 * HOUR, "a reminder is no deadline"
    play.answer("t")
    assert play.index.timers == {}


def test_an_alarm_that_is_no_deadline():
    play = timed(Alarm(Expr('datetime("2026-03-02T12:00Z")'), overdue=False, tell=Expr('user("boss")')), Alarm(Expr(DUE)))
    assert play.index.tasks[1, 1].due == T + 24 * HOUR
    play.wait(5 * HOUR)
    assert len(play.notices) == 1
    assert play.index.tasks[1, 1].overdue is False
    play.wait(24 * HOUR)
    assert play.index.tasks[1, 1].overdue is True


def test_an_outcome_by_the_deadline():
    play = timed(Alarm(Expr(DUE), tell=Expr('user("boss")'), outcome="expired"))
    play.wait(24 * HOUR)
    assert play.where() == ["late"]
    record = play.names["t"]
    assert (record["outcome"], record["by"], record["m"], record["waiting"], record["answers"]) == ("expired", None, None, [IVANOV], [])
    assert len(play.notices) == 1


def test_a_deadline_that_reads_a_document_moves_with_it():
    world = House({COMPANY: {"by": T + HOUR, "name": "A"}})
    play = timed(Alarm(Expr("deadline(document.by)")), Alarm(Expr("now + hours(9)"), overdue=False), world=world, subject="document.name")
    assert play.index.watches == {(1, COMPANY)}
    play.now += HOUR / 2
    play.change(by=T + 3 * HOUR, name="B")
    assert play.index.timers == {(1, 0): T + 3 * HOUR, (1, 1): T + 9 * HOUR}
    assert (play.index.tasks[1, 1].due, play.index.tasks[1, 1].subject) == (T + 3 * HOUR, "B")
    play.wait(3 * HOUR)
    assert play.index.tasks[1, 1].overdue
    play.change(by=T + 30 * HOUR)
    assert (1, 0) not in play.index.timers, "until it has gone off"
    play.answer("t")
    assert play.index.watches == set()


def test_what_is_counted_from_now_is_counted_from_the_opening_however_often_it_is_read():
    world = House({COMPANY: {"hours": 4, "name": "A"}})
    play = timed(Alarm(Expr("deadline(hours(document.hours))")), world=world)
    play.now += HOUR
    play.change(name="B")
    assert play.index.timers == {(1, 0): T + 4 * HOUR}
    play.change(hours=9)
    assert play.index.timers == {(1, 0): T + 9 * HOUR}
    play.change(hours=1)
    play.wait(HOUR / 60)
    assert play.index.tasks[1, 1].overdue, "an hour has passed already"


def test_a_deadline_that_goes_with_the_field():
    play = timed(Alarm(Expr("deadline(document.by)")), world=House({COMPANY: {"by": T + HOUR}}))
    play.change(by=None)
    assert play.index.timers == {}
    assert play.index.tasks[1, 1].due is None
    play.change(by=T + HOUR)
    assert play.index.tasks[1, 1].due == T + HOUR


def test_a_deadline_that_cannot_be_read_any_more_is_an_incident_and_the_task_stays_open():
    world = House({COMPANY: {"by": T + HOUR}})
    play = timed(Alarm(Expr("document.by + hours(1)")), world=world)
    play.change(by=5)
    assert play.incident.arm == 0
    assert play.index.timers == {(1, 0): T + 2 * HOUR}
    world.documents[COMPANY]["by"] = T + 5 * HOUR
    play.retry()
    assert play.index.timers == {(1, 0): T + 6 * HOUR}
    play.change(by=5)
    play.answer("t")
    assert not play.state.incidents, "the incident goes with the task"


def test_a_subject_that_cannot_be_told_any_more_is_an_incident_and_no_refusal():
    world = House({COMPANY: {"by": T + HOUR, "n": 1}})
    play = timed(Alarm(Expr("document.by")), world=world, subject="text(6 // document.n)")
    play.change(by=T + 2 * HOUR, n=0)
    assert play.incident.arm == 0
    assert play.index.timers == {(1, 0): T + HOUR}
    world.documents[COMPANY]["n"] = 2
    play.retry()
    assert (play.index.tasks[1, 1].due, play.index.tasks[1, 1].subject) == (T + 2 * HOUR, "3")


def test_an_alarm_whose_people_cannot_be_found_is_an_incident_and_goes_off_when_it_is_tried_again():
    world = House({COMPANY: {}})
    play = timed(Alarm(Expr(DUE), tell=Expr("document.chief")), world=world)
    play.wait(24 * HOUR)
    assert (play.incident.arm, play.incident.token) == (0, 1)
    assert (play.index.timers, play.notices, play.index.tasks[1, 1].overdue) == ({}, [], False)
    world.documents[COMPANY]["chief"] = BOSS
    play.now += HOUR
    play.retry()
    play.wait(0 * HOUR)
    assert len(play.notices) == 1
    assert play.index.tasks[1, 1].overdue
    assert play.index.tasks[1, 1].due == T + 24 * HOUR
    assert not play.state.incidents


def test_an_alarm_that_is_let_be():
    play = timed(Alarm(Expr(DUE), tell=Expr("document.chief")))
    play.wait(24 * HOUR)
    play.skip()
    assert not play.state.incidents
    play.answer("t")
