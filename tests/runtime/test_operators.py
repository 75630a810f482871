"""What operators do to instances on a real store: each action tells what it has really done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bpflow.diagnostics import Refused
from bpflow.engine import interpreter, nodes
from bpflow.engine.events import TimerFired
from bpflow.engine.transition import InvalidAnswer, UnexpectedEvent
from bpflow.expressions.data import User
from bpflow.graph import Call, Flow, Graph, Task
from bpflow.runtime import Engine, Repair, Request, VirtualClock
from bpflow.runtime.transaction import Runner
from tests.runtime.conftest import Open
from tests.runtime.looking import check_replay, dump, index_in, index_of, stored, tamper

Deploy = Callable[[Engine, str], None]
STEPS = """\
id: steps
title: X
inputs: {who: {type: user, title: Кому}}
variables: {n: {type: integer, default: 0, max: 9}, day: {type: datetime}}
steps:
  - {id: share, activity: set-variables, title: Делим, set: {n: $(6 // n)}}
  - {id: rest, activity: pause, title: Отдых, for: 2d}
  - id: each
    activity: loop
    title: Круг
    until: ask.outcome == "done"
    steps:
      - {id: ask, activity: request-info, title: Вопрос, to: 'coalesce(who, user("boss"))', outcomes: {done: {}, again: {title: Ещё, next: go-on}}}
      - {id: nap, activity: pause, title: Сон, for: 1h}
  - {id: last, activity: request-info, title: Последний, to: user("boss")}
"""


@pytest.fixture
def steps(engine: Engine, deploy: Deploy) -> Engine:
    """An instance that is held at its first step."""
    deploy(engine, STEPS)
    assert engine.start("steps") == 1
    return engine


def lines(repair: Repair) -> list[tuple[str, str]]:
    return [(line.kind, line.path or line.title) for line in repair.lines]


def stands(repair: Repair) -> list[tuple[str, str]]:
    return [(one.kind, one.path) for one in repair.view.where]


# ── retry, skip, correct ────────────────────────────────────────────────────────────────────────────────────────────
def test_a_repair_tells_that_it_has_failed_again_and_then_that_it_has_not(steps: Engine) -> None:
    again = steps.retry(1, by="boss", why="Вдруг")
    assert lines(again) == [("retry", ""), ("step", "share"), ("incident", "share")]
    assert [str(one.message) for one in again.failed] == ["division by zero"]
    assert stands(again) == [("held", "share")]
    put = steps.correct(1, {"n": "3"}, by="boss", why="Опечатка")
    assert (lines(put), put.failed) == ([("correct", ""), ("corrected", "n")], [])
    assert (put.lines[0].by, str(put.lines[0].text)) == ("boss", "Опечатка")
    well = steps.retry(1, by="boss", why="Теперь")
    assert (well.failed, stands(well), well.view.names["n"]) == ([], [("pause", "rest")], 2)
    with pytest.raises(UnexpectedEvent, match="no open incident"):
        steps.retry(1)
    check_replay(steps, 1)


def test_what_can_be_done_is_told_with_the_incident(steps: Engine) -> None:
    (incident,) = steps.incidents()
    assert incident.place == "test.yaml:7:5"
    told = {one.command: (one.ways, one.results) for one in incident.remedies}
    assert told == {
        "retry": ((), ()),
        "skip": ((), ("n",)),
        "jump": (("rest", "each", "last"), ()),
        "correct": (("who", "n", "day"), ()),
        "cancel": ((), ()),
    }


@pytest.mark.parametrize(
    "values, field, message",
    [({"n": "много"}, "n", "whole number"), ({"n": 10}, "n", "9"), ({"m": 1}, "m", 'no variable or input "m"'), ({"day": "завтра"}, "day", "date")],
)
def test_wrong_values_are_refused_and_name_the_field(steps: Engine, values: dict[str, Any], field: str, message: str) -> None:
    before = steps.instance(1)
    with pytest.raises(InvalidAnswer, match=message) as refused:
        steps.correct(1, values)
    assert refused.value.field == field
    assert steps.instance(1) == before
    if field == "n":
        with pytest.raises(InvalidAnswer) as refused:
            steps.skip(1, steps.incidents()[0].id, results=values)
        assert refused.value.field == "n"


def test_a_skipped_step_gives_typed_results_and_no_others(steps: Engine) -> None:
    (incident,) = steps.incidents()
    with pytest.raises(InvalidAnswer, match='does not give "day"; it gives: n'):
        steps.skip(1, incident.id, results={"day": 1})
    assert stands(steps.skip(1, incident.id, results={"n": "4"}, by="boss")) == [("pause", "rest")]
    assert steps.instance(1).names["n"] == 4


def test_dates_are_read_in_the_zone_of_the_process(steps: Engine) -> None:
    steps.correct(1, {"day": "2026-03-05T10:00", "who": "ivanov"})
    names = steps.instance(1).names
    assert (names["day"], names["who"]) == (datetime.fromisoformat("2026-03-05T10:00+03:00"), User("ivanov"))


def test_nothing_is_refused_as_nothing(steps: Engine) -> None:
    for call in (lambda: steps.correct(1, {"n": 0}), lambda: steps.correct(1, {}), lambda: steps.resume(1), lambda: steps.correct(9, {"n": 1})):
        with pytest.raises(UnexpectedEvent):
            call()


# ── jump ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_token_is_moved_by_the_names_of_steps(steps: Engine, far: datetime) -> None:
    jumped = steps.jump(1, "share", "each", by="boss", why="Сразу")
    assert lines(jumped) == [("jump", ""), ("jumped", "each"), ("withdrawn", "share"), ("step", "each"), ("step", "each/ask")]
    assert stands(jumped) == [("task", "each/ask")]
    (task,) = steps.tasks()
    jumped = steps.jump(1, jumped.view.where[0].token, "last")
    assert ("withdrawn", "each/ask") in lines(jumped)
    assert stands(jumped) == [("task", "last")]
    with pytest.raises(UnexpectedEvent, match="closed"):
        steps.answer(task.id, by="boss", outcome="done")
    steps.answer(steps.tasks()[0].id, by="boss")
    assert check_replay(steps, 1).status == "ended"
    assert index_in(steps, 1, far)["timers"] == set()


@pytest.mark.parametrize(
    "token, step, message",
    [
        ("share", "rst", 'there is no step "rst" — did you mean "rest"?'),
        ("rest", "last", 'nothing waits or is held at "rest"; it stands at: share'),
        ("share", "nap", '"each/nap" cannot be reached from there; the steps that can: rest, each, last'),
        (77, "last", "no token 77 waits or is held here"),
    ],
)
def test_a_move_that_cannot_be_is_refused_with_what_can(steps: Engine, token: int | str, step: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        steps.jump(1, token, step)
    assert str(refused.value) == message


# ── suspend, resume ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_suspended_instance_rests_and_loses_nothing(steps: Engine, clock: VirtualClock, far: datetime) -> None:
    steps.correct(1, {"n": 3})
    steps.retry(1)
    done = steps.suspend(1, by="boss", why="Забастовка")
    assert (done.view.row.status, lines(done)) == ("suspended", [("suspend", "")])
    by = done.view.suspended
    assert by is not None
    assert (by.by, by.why, by.at) == (User("boss"), "Забастовка", clock.now())
    assert [row.id for row in steps.instances(status="suspended")] == [1]
    assert steps.instance(1).row.ended is None
    assert steps.next_due() is None
    clock.forward(timedelta(days=5))
    assert steps.work().total == 0
    for call in (lambda: steps.suspend(1), lambda: steps.jump(1, "rest", "last")):
        with pytest.raises(UnexpectedEvent, match='the instance is suspended by "boss": Забастовка'):
            call()
    resumed = steps.resume(1, by="boss", why="Кончилась")
    assert stands(resumed) == [("pause", "rest")]
    assert steps.instance(1).suspended is None
    assert steps.work().timers == 1
    assert [task.subject for task in steps.tasks()] == ["Вопрос"]
    check_replay(steps, 1)
    state = stored(steps, 1)
    assert state.state is not None
    assert index_in(steps, 1, far)["timers"] == index_of(state.program, 1, state.state)["timers"]


def test_an_answer_is_refused_while_it_is_suspended(steps: Engine) -> None:
    steps.jump(1, "share", "last")
    steps.suspend(1, why="Стоп")
    (task,) = steps.tasks()
    with pytest.raises(UnexpectedEvent, match="the instance is suspended: Стоп"):
        steps.answer(task.id, by="boss")
    steps.resume(1)
    steps.answer(task.id, by="boss")
    assert steps.instance(1).row.status == "ended"


def calling() -> Graph:
    call = Call("send", "mail", (), Flow("send>ask", "ask"), gives="sent")
    from bpflow.graph import Expr, Form, Outcome

    ask = Task("ask", Expr('user("boss")'), Form(Expr('"?"'), (Outcome("done", "Done"),)), (("done", Flow("ask>off")),))
    return Graph("calls", "Зовёт", (Flow(">send", "send"),), (call, ask))


def test_what_waits_to_be_sent_is_not_sent_until_it_is_resumed(opened: Open) -> None:
    asked: list[str] = []

    def mail(request: Request) -> None:
        asked.append(request.key)

    engine = opened({"mail": mail})
    engine.deploy_graph(calling())
    one, two = engine.start("calls"), engine.start("calls")
    engine.suspend(one, by="boss")
    assert engine.work().calls == 1
    assert asked == [f"{two}.1.1"]
    engine.resume(one, by="boss")
    engine.work()
    assert asked == [f"{two}.1.1", f"{one}.1.1"]
    assert len(engine.tasks()) == 2


def test_the_answer_of_a_call_that_was_on_its_way_is_parked(opened: Open, db: Path) -> None:
    engine = opened()

    def slow(request: Request) -> None:
        other = opened({"mail": slow})
        other.suspend(request.instance, by="boss", why="Посреди")
        other.close()

    engine = opened({"mail": slow})
    engine.deploy_graph(calling())
    id = engine.start("calls")
    engine.work()
    state = stored(engine, id).state
    assert state is not None
    assert [type(event).__name__ for event in state.parked] == ["Suspend", "Done"]
    assert (engine.tasks(), dump(db)["outbox"]) == ([], [])
    engine.resume(id, by="boss")
    assert len(engine.tasks()) == 1
    check_replay(engine, id)


WATCHES = """\
id: waits
title: X
document: deal
steps:
  - {id: till, activity: pause, until: 'coalesce(document.sum, 0) > 10'}
  - {id: ask, activity: request-info, title: Вопрос, to: user("boss")}
"""


def test_a_change_of_the_document_is_seen_when_it_is_resumed(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, WATCHES)
    deal = engine.create_document("deal", {"name": "Труба", "status": "new"})
    id = engine.start("waits", document=deal)
    engine.suspend(id, by="boss", why="x")
    engine.set_document(deal, {"sum": 11}, by="boss", note="Исправлено")
    assert engine.store.watchers(deal.id) == []
    assert engine.tasks() == []
    resumed = engine.resume(id, by="boss", why="y")
    assert ("step", "ask") in lines(resumed)
    assert len(engine.tasks()) == 1
    check_replay(engine, id)


def test_a_suspended_instance_is_corrected_and_cancelled(steps: Engine, far: datetime) -> None:
    steps.suspend(1)
    steps.correct(1, {"n": 5})
    assert steps.instance(1).names["n"] == 5
    assert [one.command for one in steps.incidents()[0].remedies] == ["resume", "correct", "cancel"]
    gone = steps.cancel(1, by="boss", why="Хватит")
    assert (gone.view.row.status, gone.view.suspended) == ("cancelled", None)
    assert not any(index_in(steps, 1, far).values())
    check_replay(steps, 1)


# ── set aside ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_bug_in_one_instance_does_not_stop_the_others(steps: Engine, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps.start("steps") == 2
    for id in (1, 2):
        steps.correct(id, {"n": 3})
        steps.retry(id)
    clock.forward(timedelta(days=2))
    usual = interpreter.HANDLERS[TimerFired]
    with monkeypatch.context() as patch:

        def broken(draft: Any, event: Any) -> None:
            if draft.seed == 1:
                raise ZeroDivisionError("a bug")
            usual(draft, event)

        patch.setitem(interpreter.HANDLERS, TimerFired, broken)
        assert steps.work().timers == 2
        assert [task.instance for task in steps.tasks()] == [2]
        assert (steps.work().total, steps.next_due()) == (0, None)
        (one,) = steps.incidents()
        assert (one.instance, one.id, one.kind, str(one.message)) == (1, 0, "broken", "set aside: ZeroDivisionError: a bug")
        assert [row.id for row in steps.instances(incidents=True)] == [1]
        (still,) = steps.retry(1, by="boss").failed
        assert str(still.message) == "set aside: ZeroDivisionError: a bug"
        assert steps.work().total == 0
    mended = steps.retry(1, by="boss")
    assert (mended.failed, stands(mended)) == ([], [("task", "each/ask")])
    assert steps.incidents() == []
    check_replay(steps, 1)


def keep_state(db: Path | str, state: bytes) -> None:
    """Writes the state of instance 1, as nobody should."""
    bytes_of = "'\\x{}'" if str(db).startswith("postgresql:") else "x'{}'"
    tamper(db, f"update instance set state = {bytes_of.format(state.hex())} where id = 1")


def test_an_instance_that_cannot_be_read_is_set_aside(steps: Engine, opened: Open, clock: VirtualClock, db: Path) -> None:
    assert steps.start("steps") == 2
    for id in (1, 2):
        steps.correct(id, {"n": 3})
        steps.retry(id)
    steps.close()
    clock.forward(timedelta(days=2))
    engine = opened()
    found = engine.store.snapshot(1)
    assert found is not None
    keep_state(db, b"[9" + found.root[2:])
    assert [task.instance for task in (engine.work(), engine.tasks())[1]] == [2]
    (one,) = engine.incidents()
    assert str(one.message) == "set aside: instance 1 cannot be read: ValueError: state of version 9, this bpflow reads 1"
    for call in (lambda: engine.instance(1), lambda: engine.retry(1), lambda: engine.cancel(1), lambda: engine.timeline(1)):
        with pytest.raises(Refused, match="instance 1 cannot be read"):
            call()
    assert [one.instance for one in engine.incidents()] == [1]
    keep_state(db, found.root)
    assert engine.retry(1).failed == []
    assert [task.instance for task in engine.tasks()] == [1, 2]
    assert engine.incidents() == []


def test_an_instance_whose_process_has_an_expression_of_another_version_cannot_be_read(steps: Engine, opened: Open, db: Path) -> None:
    steps.close()
    engine = opened()
    tamper(db, "update definition set graph = replace(graph, '6 // n', '6 /// n')")
    for call in (lambda: engine.instance(1), lambda: engine.cancel(1)):
        with pytest.raises(Refused, match="instance 1 cannot be read: ExpressionError"):
            call()


def test_what_was_changed_while_it_was_set_aside_is_seen_afterwards(engine: Engine, deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(engine, WATCHES)
    deal = engine.create_document("deal", {"name": "Труба", "status": "new"})
    id = engine.start("waits", document=deal)
    assert engine.store.set_aside(id, engine.clock.now(), "a bug")
    engine.set_document(deal, {"sum": 11})
    assert (engine.work().total, engine.tasks()) == (0, [])
    back = engine.retry(id)
    assert (back.failed, stands(back)) == ([], [("task", "ask")])
    check_replay(engine, id)


def test_taking_back_that_is_broken_off_misses_no_change(engine: Engine, deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program dies while the instance looks at what it has missed: it is still set aside, and can be taken back."""
    deploy(engine, WATCHES)
    deal = engine.create_document("deal", {"name": "Труба", "status": "new"})
    id = engine.start("waits", document=deal)
    assert engine.store.set_aside(id, engine.clock.now(), "a bug")
    engine.set_document(deal, {"sum": 11})

    def dies(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Runner, "happen", dies)
        with pytest.raises(SystemExit):
            engine.retry(id)
    assert [row.instance for row in engine.store.aside()] == [id]
    assert stands(engine.retry(id)) == [("task", "ask")]


def test_a_change_that_comes_while_it_is_taken_back_is_seen(engine: Engine, opened: Open, deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program changes the document after the instance has looked at it, and tells nobody, since it is set aside."""
    deploy(engine, WATCHES)
    deal = engine.create_document("deal", {"name": "Труба", "status": "new"})
    id = engine.start("waits", document=deal)
    assert engine.store.set_aside(id, engine.clock.now(), "a bug")
    other, happen = opened(), Runner.happen

    def meanwhile(runner: Runner, *given: Any, **named: Any) -> Any:
        done = happen(runner, *given, **named)
        if other.document(deal).version == 1:
            other.set_document(deal, {"sum": 11})
        return done

    with monkeypatch.context() as patch:
        patch.setattr(Runner, "happen", meanwhile)
        assert stands(engine.retry(id)) == [("task", "ask")]


@pytest.mark.parametrize("scheduled", [False, True])
def test_a_bug_in_the_first_step_of_one_process_does_not_stop_the_others(
    engine: Engine, deploy: Deploy, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, scheduled: bool
) -> None:
    """The instance begins in doubt, held at its first step; an operator has it tried again once bpflow is mended."""
    start, more = ("schedule, cron: 0 11 * * *", "") if scheduled else ("document-created", "document: deal\n")
    for name in ("bad", "good"):
        deploy(
            engine,
            f'id: {name}\ntitle: {name}\n{more}start: [{{on: {start}}}]\nsteps:\n  - {{id: ask, activity: request-info, title: {name}, to: user("boss")}}\n',
        )
    usual = nodes.ENTER[Task]
    with monkeypatch.context() as patch:

        def broken(draft: Any, token: Any, task: Any) -> Any:
            if draft.program.graph.process == "bad":
                raise ZeroDivisionError("a bug")
            return usual(draft, token, task)

        patch.setitem(nodes.ENTER, Task, broken)
        clock.forward(timedelta(hours=1))
        if not scheduled:
            engine.create_document("deal", {"name": "Труба", "status": "new"})
        engine.work()
        assert [task.subject for task in engine.tasks()] == ["good"]
        (one,) = engine.incidents()
        assert str(one.message) == "it could not begin by a fault of bpflow: ZeroDivisionError: a bug"
        assert engine.work().total == 0
    engine.retry(one.instance, by="boss", why="Починили")
    assert {task.subject for task in engine.tasks()} == {"good", "bad"}
    check_replay(engine, one.instance)


def test_who_cancels_an_instance_that_was_set_aside(steps: Engine) -> None:
    steps.store.set_aside(1, steps.clock.now(), "a bug")
    assert {one.kind for one in steps.incidents()} == {"broken", "fault"}
    steps.cancel(1, by="boss", why="Хватит")
    assert steps.incidents() == []
    assert not steps.store.set_aside(99, steps.clock.now(), "nobody")


# ── moving in what analysts write ───────────────────────────────────────────────────────────────────────────────────
FLOW = """\
id: flow
title: X
steps:
  - {id: begin, activity: request-info, title: Начало, to: user("boss")}
  - id: both
    activity: parallel
    branches:
      left: {steps: [{id: one, activity: request-info, title: Раз, to: user("boss")}, {id: two, activity: request-info, title: Два, to: user("boss")}]}
      right: {steps: [{id: three, activity: pause, for: 9d}]}
  - id: guarded
    activity: request-info
    title: Под защитой
    to: user("boss")
    on-error: {steps: [{id: rescue, activity: request-info, title: Спасти, to: user("boss")}]}
  - {id: parting, activity: request-info, title: Развилка, to: user("boss"), next: [far, near]}
  - {id: far, activity: request-info, title: Далеко, to: user("boss"), next: gather}
  - {id: near, activity: request-info, title: Близко, to: user("boss"), next: gather}
  - {id: gather, activity: join}
  - {id: last, activity: request-info, title: Последний, to: user("boss")}
meanwhile:
  - {command: redo, title: Заново, cancels: true, steps: [{id: again, activity: request-info, title: Снова, to: user("boss")}]}
"""


def ways(engine: Engine, token: str) -> list[str]:
    """Where a token may be jumped to, as a refusal tells."""
    with pytest.raises(UnexpectedEvent) as refused:
        engine.jump(1, token, "gather")
    return str(refused.value).rpartition(": ")[2].split(", ")


def test_moving_past_blocks_guards_splits_and_handlers(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, FLOW)
    engine.start("flow")
    outer = ["begin", "both", "guarded", "parting", "far", "near", "last"]
    assert ways(engine, "begin") == outer[1:]
    engine.jump(1, "begin", "both")
    assert ways(engine, "one") == ["begin", "both", "both.left/two", "guarded", "parting", "far", "near", "last"]
    left = engine.jump(1, "one", "guarded", by="boss", why="Вся параллель снята")
    assert [line for line in lines(left) if line[0] == "withdrawn"] == [
        ("withdrawn", "both"),
        ("withdrawn", "both.right/three"),
        ("withdrawn", "both.left/one"),
    ]
    assert [(one.kind, one.path) for one in left.view.where if one.kind != "block"] == [("task", "guarded")]
    assert ways(engine, "guarded") == [step for step in outer if step != "guarded"]
    assert stands(engine.jump(1, "guarded", "begin")) == [("task", "begin")], "the guard is left too"
    state = stored(engine, 1).state
    assert state is not None
    assert set(state.scopes) == {0}
    engine.jump(1, "begin", "parting")
    engine.answer(engine.tasks()[0].id, by="boss")
    assert ways(engine, "near") == ["begin", "both", "guarded", "parting", "far", "last"]
    engine.answer(next(task.id for task in engine.tasks() if task.node == "near"), by="boss")
    stuck = engine.jump(1, "far", "last", by="boss", why="x")
    engine.answer(engine.tasks()[0].id, by="boss")
    (incident,) = engine.incidents()
    assert (stuck.failed, incident.kind, incident.path) == ([], "stuck", "gather"), "the join that was gone round says so"
    assert [one.command for one in incident.remedies] == ["skip", "cancel"]
    engine.skip(1, incident.id, by="boss", why="x")
    assert [task.subject for task in engine.tasks()] == ["Последний"]
    check_replay(engine, 1)
