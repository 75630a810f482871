"""Commands: what can be pressed now and by whom; a press that is taken; presses that are refused, and change nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bpflow.engine.transition import InvalidAnswer, NotAllowed, UnexpectedEvent
from bpflow.expressions.data import Role, User
from bpflow.graph import Block, Each, Exit, Expr, Graph, Handler, Trigger, Wait
from bpflow.runtime import Engine, VirtualClock
from bpflow.values import Field
from tests.engine.play import flow, graph, sets, step, task
from tests.runtime.conftest import Open
from tests.runtime.looking import check_replay, dump, events_of

FORM = (("reason", Field("text", title="Причина", required=True)), ("days", Field("integer", max="5")))
WITHDRAW = Trigger("command", name="withdraw", by=Expr("initiator"), title="Отозвать", form=FORM, comment="none")
APPROVE = Trigger("command", name="approve", by=Expr('with_role("clerk")'), title="Одобрить")


def letter() -> Graph:
    """Waits for an approval or for a day; the initiator may withdraw all of it at any time, and anybody may call."""
    wait = Wait("w", ((APPROVE, flow("w", "told", "approve")), (Trigger("at", Expr("now + days(1)"), "late"), flow("w", "late", "late"))), "w")
    handlers = (
        Handler("withdraw", WITHDRAW, True, flow("", "withdrawn", "withdraw")),
        Handler("call", Trigger("command", name="call", title="Позвонить"), False, flow("", "called", "call")),
    )
    nodes = (
        wait,
        task("told", people="w.by"),
        Exit("late", "end", "late"),
        Exit("withdrawn", "end", "withdrawn"),
        step("called"),
        step("kept", sets=sets(kept="w")),  # nothing leads here; but what it reads is kept
    )
    return graph(*nodes, handlers=handlers)


@pytest.fixture
def letters(engine: Engine) -> int:
    """A letter of ivanov."""
    engine.deploy_graph(letter())
    return engine.start("p", by="ivanov")


def named(engine: Engine, id: int, by: str | None = None) -> list[str]:
    return [command.name for command in engine.commands(id, by)]


def test_what_can_be_pressed_and_by_whom(engine: Engine, letters: int) -> None:
    withdraw, call, approve = engine.commands(letters)
    assert (withdraw.name, withdraw.title, withdraw.people, withdraw.step, withdraw.place) == ("withdraw", "Отозвать", (User("ivanov"),), "", "0.0")
    assert (withdraw.form.fields, withdraw.form.comment) == (FORM, "none")
    assert (call.name, call.people) == ("call", None)
    assert (approve.name, approve.people, approve.step) == ("approve", (Role("clerk"),), "w")
    assert named(engine, letters, "ivanov") == ["withdraw", "call"]
    assert named(engine, letters, "petrova") == ["call", "approve"]
    assert named(engine, letters, "gone") == ["call"]


def test_the_form_is_shown_to_those_alone_for_whom_it_is(engine: Engine, letters: int) -> None:
    assert [field.name for field in engine.command_form(letters, "withdraw", by="ivanov").fields] == ["reason", "days"]
    assert engine.command_form(letters, "withdraw").fields
    with pytest.raises(NotAllowed, match='the command is not for "petrova"'):
        engine.command_form(letters, "withdraw", by="petrova")


def test_a_command_of_a_race(engine: Engine, letters: int, clock: VirtualClock) -> None:
    clock.forward(timedelta(hours=1))
    engine.command(letters, "approve", by="petrova", comment="хорошо")
    (entry,) = engine.tasks(instance=letters)
    assert (entry.node, entry.party) == ("told", "user:petrova")
    assert named(engine, letters) == ["withdraw", "call"]
    names = engine.instance(letters).names["w"]
    assert names == {"won": "approve", "by": User("petrova"), "at": clock.now(), "comment": "хорошо"}
    line = next(line for line in engine.timeline(letters) if line.kind == "commanded")
    assert (line.path, line.title, line.by, str(line.text)) == ("w", "Одобрить", "petrova", "хорошо")
    check_replay(engine, letters)


def test_a_command_of_a_handler_that_cancels(engine: Engine, letters: int) -> None:
    engine.command(letters, "withdraw", by="ivanov", values={"reason": "Передумал", "days": "3"})
    view = engine.instance(letters)
    assert (view.row.status, view.row.result) == ("ended", "withdrawn")
    event = events_of(engine, letters)[-1]
    assert event.values == {"reason": "Передумал", "days": 3}  # type: ignore[union-attr]
    line = next(line for line in engine.timeline(letters) if line.kind == "commanded")
    assert (line.title, line.by) == ("Отозвать", "ivanov")
    assert engine.commands(letters) == []
    check_replay(engine, letters)


def test_a_command_beside_may_be_pressed_again(engine: Engine, letters: int) -> None:
    for _ in range(3):
        engine.command(letters, "call", by="gone")
    assert len(events_of(engine, letters)) == 4
    assert named(engine, letters) == ["withdraw", "call", "approve"]


REFUSED: list[tuple[str, dict[str, Any], type[Exception], str | None, str]] = [
    ("withdraw", {"by": "petrova", "values": {"reason": "x"}}, NotAllowed, None, 'the command is not for "petrova"'),
    ("approve", {"by": "ivanov"}, NotAllowed, None, 'the command is not for "ivanov"'),
    ("approve", {"by": "nobody"}, InvalidAnswer, None, "nobody"),
    ("withdraw", {"by": "ivanov"}, InvalidAnswer, "reason", '"Причина" must be filled'),
    ("withdraw", {"by": "ivanov", "values": {"reason": " "}}, InvalidAnswer, "reason", '"Причина" must be filled'),
    ("withdraw", {"by": "ivanov", "values": {"reason": "x", "days": "6"}}, InvalidAnswer, "days", "at most 5"),
    ("withdraw", {"by": "ivanov", "values": {"reason": "x", "days": "завтра"}}, InvalidAnswer, "days", "whole number"),
    ("withdraw", {"by": "ivanov", "values": {"reason": "x", "day": 1}}, InvalidAnswer, "day", 'did you mean "days"?'),
    ("withdraw", {"by": "ivanov", "values": {"reason": "x"}, "comment": "y"}, InvalidAnswer, "comment", "takes no comment"),
    ("approve", {"by": "petrova", "comment": "\ud800"}, InvalidAnswer, None, "half a character"),
    ("reject", {"by": "ivanov"}, UnexpectedEvent, None, 'the command "reject" is not to be had now; there are: withdraw, call, approve'),
    ("", {"by": "ivanov"}, UnexpectedEvent, None, "there are: withdraw"),
    ("call", {"by": "ivanov", "place": "7.7"}, UnexpectedEvent, None, "there are: withdraw"),
]


@pytest.mark.parametrize("command, given, kind, field, reason", REFUSED)
def test_a_press_that_is_refused_changes_nothing(
    engine: Engine, db: Path, letters: int, command: str, given: dict[str, Any], kind: type[Exception], field: str | None, reason: str
) -> None:
    before = dump(db)
    for _ in range(2):
        with pytest.raises(kind) as refused:
            engine.command(letters, command, **given)
        assert reason in str(refused.value)
        assert getattr(refused.value, "field", None) == field
    assert dump(db) == before


def test_no_command_of_an_instance_that_has_ended_or_is_not_there(engine: Engine, db: Path, letters: int) -> None:
    engine.cancel(letters, by="boss")
    before = dump(db)
    with pytest.raises(UnexpectedEvent, match="the instance has ended"):
        engine.command(letters, "call", by="ivanov")
    with pytest.raises(UnexpectedEvent, match="there is no instance 99"):
        engine.command(99, "call", by="ivanov")
    with pytest.raises(UnexpectedEvent, match="there is no instance 99"):
        engine.commands(99)
    assert dump(db) == before


def test_two_press_at_once_and_one_wins(opened: Open, engine: Engine, letters: int) -> None:
    """Both have seen the button; the second comes with a state that is cached and old."""
    other = opened()
    assert named(other, letters) == named(engine, letters)
    next(other.runner.known(letters))
    engine.command(letters, "approve", by="boss")
    with pytest.raises(UnexpectedEvent, match='the command "approve" is not to be had now; there are: withdraw, call'):
        other.command(letters, "approve", by="petrova")
    assert [entry.party for entry in other.tasks(instance=letters)] == ["user:boss"]
    check_replay(other, letters)


def fan() -> Graph:
    """A turn for each person, in which only he may press."""
    press = Trigger("command", name="ready", by=Expr("who"), title="Готово")
    wait = Wait("w", ((press, flow("w")),), "w")
    each = Each(Expr('[user("ivanov"), user("petrova"), user("ivanov")]'), "who")
    return graph(Block("each", (flow("each", "w", "in"),), flow("each"), each=each), wait)


def test_of_several_with_one_name_the_oldest_that_is_his(engine: Engine) -> None:
    engine.deploy_graph(fan())
    id = engine.start("p")
    first, second, third = engine.commands(id)
    assert [[(turn.name, turn.item, turn.number) for turn in one.within] for one in (first, second, third)] == [
        [("who", User("ivanov"), 1)],
        [("who", User("petrova"), 2)],
        [("who", User("ivanov"), 3)],
    ]
    assert len({first.place, second.place, third.place}) == 3
    engine.command(id, "ready", by="petrova")
    assert [one.place for one in engine.commands(id)] == [first.place, third.place]
    with pytest.raises(NotAllowed):
        engine.command(id, "ready", by="petrova")
    engine.command(id, "ready", by="ivanov", place=third.place)
    assert [one.place for one in engine.commands(id)] == [first.place]
    engine.command(id, "ready", by="ivanov")
    assert engine.instance(id).row.status == "ended"
    check_replay(engine, id)


def test_people_that_cannot_be_found_press_nothing(engine: Engine) -> None:
    """It is seen that there is such a command, for nobody; and the press says why."""
    press = Trigger("command", name="go", by=Expr('user("nobody").head'))
    engine.deploy_graph(graph(Wait("w", ((press, flow("w")),)), variables=()))
    id = engine.start("p")
    (only,) = engine.commands(id)
    assert only.people == ()
    assert engine.commands(id, "boss") == []
    with pytest.raises(InvalidAnswer):
        engine.command(id, "go", by="boss")


def test_sets_are_not_confused_by_a_command(engine: Engine) -> None:
    """What the form brings is read by the steps that follow."""
    press = Trigger("command", name="go", form=(("n", Field("integer", required=True)),))
    nodes = (Wait("w", ((press, flow("w", "s")),), "w"), step("s", "t", sets=sets(x="w.n + 1")), task("t", people='user("boss")'))
    engine.deploy_graph(graph(*nodes, reads="x"))
    id = engine.start("p")
    engine.command(id, "go", by="boss", values={"n": 41})
    assert engine.instance(id).names["x"] == 42
