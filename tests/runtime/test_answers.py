"""Answers that are not to be taken: refused with the reason, and nothing at all has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bpflow.engine.transition import InvalidAnswer, NotAllowed, UnexpectedEvent
from bpflow.expressions.data import User
from bpflow.runtime import Engine, VirtualClock
from tests.runtime.looking import check_replay, dump, events_of, stored


@pytest.fixture
def task(engine: Engine) -> str:
    """The open task of a deal."""
    deal = engine.create_document("deal", {"name": "Труба", "status": "new", "responsible": "ivanov"})
    engine.set_document(deal, {"status": "open"})
    (task,) = engine.tasks()
    return task.id


CALL = {"call_at": "2026-03-03T10:00"}

BREAKS: list[tuple[dict[str, Any], str | None, str]] = [
    ({"outcome": "agreed"}, "sum", '"Сумма" must be filled'),
    ({"outcome": "agreed", "values": {"sum": ""}}, "sum", '"Сумма" must be filled'),
    ({"outcome": "agreed", "values": {"sum": "  "}}, "sum", '"Сумма" must be filled'),
    ({"outcome": "agreed", "values": {"sum": None}}, "sum", '"Сумма" must be filled'),
    ({"outcome": "agreed", "values": {"sum": "много"}}, "sum", '"Сумма": "много" is not a whole number'),
    ({"outcome": "agreed", "values": {"sum": 1.5}}, "sum", "whole number"),
    ({"outcome": "agreed", "values": {"sum": True}}, "sum", "whole number"),
    ({"outcome": "agreed", "values": {"sum": [1, 2]}}, "sum", "not a list"),
    ({"outcome": "agreed", "values": {"sum": -1}}, "sum", "0"),
    ({"outcome": "agreed", "values": {"sum": 10**40}}, "sum", "whole number"),
    ({"outcome": "agreed", "values": {"sum": 5, "summ": 5}}, "summ", 'did you mean "sum"?'),
    ({"outcome": "later", "values": {}}, "call_at", '"Когда" must be filled'),
    ({"outcome": "later", "values": {"call_at": "завтра"}}, "call_at", "завтра"),
    ({"outcome": "later", "values": {"call_at": "2026-02-30T10:00"}}, "call_at", "2026-02-30"),
    ({"outcome": "later", "values": {**CALL, "kind": "letter"}}, "kind", "one of"),
    ({"outcome": "later", "values": {**CALL, "sum": 5}}, "sum", 'no field "sum"'),
    ({"outcome": "later", "values": CALL, "comment": "занят"}, "comment", "takes no comment"),
    ({"outcome": "agrees", "values": {}}, None, '"agrees" is not an outcome of this task; it has: agreed, later, refused'),
    ({"outcome": "", "values": {"sum": "x"}}, "sum", "whole number"),
    ({"outcome": "refused"}, "comment", "a comment is required"),
    ({"outcome": "refused", "comment": " \n"}, "comment", "a comment is required"),
    ({"values": {}}, "sum", '"Сумма" must be filled'),
]


@pytest.mark.parametrize("answer, field, reason", BREAKS, ids=[str(given) for given, _, _ in BREAKS])
def test_an_answer_that_breaks_the_form_is_refused(engine: Engine, db: Path, task: str, answer: dict[str, Any], field: str | None, reason: str) -> None:
    before, state = dump(db), stored(engine, 1).state
    for _ in range(2):  # a refusal must not change what is cached either
        with pytest.raises(InvalidAnswer) as refused:
            engine.answer(task, by="ivanov", **answer)
        assert reason in str(refused.value.message)
        assert refused.value.field == field
    assert dump(db) == before
    assert stored(engine, 1).state == state
    engine.answer(task, by="ivanov", outcome="agreed", values={"sum": 5})
    assert check_replay(engine, 1).status == "ended"


@pytest.mark.parametrize("field", ["name", "parts"])
def test_a_text_that_no_database_can_keep_is_refused(engine: Engine, db: Path, field: str, deploy: Callable[[Engine, str], None]) -> None:
    """Half a surrogate pair, and a number of a hundred digits: what cannot be written down must not break the program."""
    deploy(
        engine,
        """\
id: any
title: Любое
steps:
  - id: ask
    activity: request-info
    to: user("boss")
    outcomes: {done: {fields: {name: {type: string}, parts: {type: number}}}}
""",
    )
    id = engine.start("any")
    (task,) = engine.tasks(instance=id)
    before = dump(db)
    with pytest.raises(InvalidAnswer):
        engine.answer(task.id, by="boss", values={field: "\ud800" if field == "name" else "9" * 100})
    assert dump(db) == before


@pytest.mark.parametrize("by", ["petrova", "boss", "gone", "nobody", "", "Ivanov", "ivanov ", "sales"])
def test_an_answer_of_the_wrong_person_is_refused(engine: Engine, db: Path, task: str, by: str) -> None:
    before = dump(db)
    with pytest.raises(NotAllowed) as refused:
        engine.answer(task, by=by, outcome="agreed", values={"sum": 5})
    assert f'the task is not for "{by}"' in str(refused.value.message)
    assert dump(db) == before


def test_an_answer_comes_twice(engine: Engine, db: Path, task: str) -> None:
    engine.answer(task, by="ivanov", outcome="later", values=CALL)
    before = dump(db)
    for _ in range(2):
        with pytest.raises(UnexpectedEvent) as refused:
            engine.answer(task, by="ivanov", outcome="later", values=CALL)
        assert str(refused.value.message) == "the task is closed"
    assert dump(db) == before


def test_the_task_of_an_earlier_turn_of_the_loop_is_closed(engine: Engine, db: Path, clock: VirtualClock, task: str) -> None:
    engine.answer(task, by="ivanov", outcome="later", values=CALL)
    clock.forward(timedelta(days=2))
    engine.work()
    (again,) = engine.tasks()
    before = dump(db)
    with pytest.raises(UnexpectedEvent):
        engine.answer(task, by="ivanov", outcome="agreed", values={"sum": 5})
    assert dump(db) == before
    engine.answer(again.id, by="ivanov", outcome="agreed", values={"sum": 5})
    with pytest.raises(UnexpectedEvent):
        engine.answer(again.id, by="ivanov", outcome="agreed", values={"sum": 5})
    assert check_replay(engine, 1).result == "won"


def test_a_task_of_a_cancelled_instance_is_closed(engine: Engine, db: Path, task: str) -> None:
    engine.cancel(1, by="boss", why="Не нужно")
    before = dump(db)
    with pytest.raises(UnexpectedEvent):
        engine.answer(task, by="ivanov", outcome="agreed", values={"sum": 5})
    with pytest.raises(UnexpectedEvent):
        engine.cancel(1, by="boss")
    assert dump(db) == before


NO_TASKS = [
    "",
    "1",
    "1.1",
    "1.1.1.1",
    "a.b.c",
    "1.1.x",
    "-1.1.1",
    "1.-1.1",
    " 1.1.1",
    "1.1.1 ",
    "1.1.¹",
    "9" * 30 + ".1",
    "99.1.1",
    "1.99.1",
    "1.1.99",
    "0.0.0",
]


@pytest.mark.parametrize("id", NO_TASKS)
def test_a_task_that_there_is_not(engine: Engine, db: Path, task: str, id: str) -> None:
    before = dump(db)
    with pytest.raises(UnexpectedEvent):
        engine.answer(id, by="ivanov", outcome="agreed", values={"sum": 5})
    with pytest.raises(UnexpectedEvent):
        engine.task(id)
    assert dump(db) == before


def test_the_task_of_another_instance(engine: Engine, db: Path, task: str) -> None:
    """Token and visit of one instance say nothing of another one."""
    id = engine.start("plain", by="ivanov")
    (other,) = engine.tasks(instance=id)
    assert task.split(".")[1:] == other.id.split(".")[1:]
    before = dump(db)
    with pytest.raises(NotAllowed):
        engine.answer(other.id, by="ivanov", values={"parts": 1})
    with pytest.raises(InvalidAnswer):
        engine.answer(other.id, by="boss", outcome="agreed", values={"sum": 5})
    assert dump(db) == before


def test_the_substitute_answers_in_place_of_who_is_absent(engine: Engine, clock: VirtualClock) -> None:
    clock.set(datetime.fromisoformat("2026-03-11T10:00+03:00"))
    deal = engine.create_document("deal", {"name": "Труба", "status": "open", "responsible": "ivanov"})
    id = engine.start("ask", document=deal)
    (entry,) = engine.tasks("petrova")
    assert (entry.party, entry.in_place_of) == ("user:petrova", "user:ivanov")
    assert engine.tasks("ivanov") == []
    engine.answer(entry.id, by="petrova", outcome="agreed", values={"sum": "7"})
    answered = next(event for event in events_of(engine, id) if type(event).__name__ == "Answered")
    assert answered.by == User("petrova")
    assert engine.document(deal).fields["sum"] == 7
    check_replay(engine, id)


def test_the_absent_person_may_answer_himself(engine: Engine, clock: VirtualClock) -> None:
    clock.set(datetime.fromisoformat("2026-03-11T10:00+03:00"))
    deal = engine.create_document("deal", {"name": "Труба", "status": "open", "responsible": "ivanov"})
    id = engine.start("ask", document=deal)
    (entry,) = engine.tasks(instance=id)
    engine.answer(entry.id, by="ivanov", outcome="agreed", values={"sum": 7})
    assert engine.instance(id).row.result == "won"
    check_replay(engine, id)


def test_anybody_of_a_group_answers_and_nobody_else(engine: Engine, db: Path) -> None:
    id = engine.start("plain", inputs={"who": "ivanov"})
    (first,) = engine.tasks("ivanov")
    engine.answer(first.id, by="ivanov", values={"parts": "3"})
    (second,) = engine.tasks("petrova")
    assert engine.tasks("boss") == [second]
    before = dump(db)
    with pytest.raises(NotAllowed):
        engine.answer(second.id, by="ivanov")
    with pytest.raises(InvalidAnswer, match='"silent" is not an outcome of this task; it has: done'):  # an outcome without a button
        engine.answer(second.id, by="boss", outcome="silent")
    assert dump(db) == before
    engine.answer(second.id, by="boss")
    with pytest.raises(UnexpectedEvent):
        engine.answer(second.id, by="petrova")
    assert check_replay(engine, id).status == "ended"
