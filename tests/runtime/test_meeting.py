"""Where the parts meet: called instances that are suspended or set aside, messages for those who are away, failures that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bpflow.diagnostics import Refused, say
from bpflow.graph import Call, Expr, Flow, Graph, Retry
from bpflow.runtime import Engine, VirtualClock, transaction
from tests.runtime.looking import check_index, check_replay

Deploy = Callable[[Engine, str], None]

CHILD = """\
id: child
title: Вызванный
steps:
  - {id: ask, activity: request-info, to: user("boss")}
  - {activity: end, result: signed}
"""
PARENT = """\
id: parent
title: Вызывающий
steps:
  - {id: sub, activity: call-process, process: child}
  - {activity: end, result: done}
"""


def sure(engine: Engine, far: datetime) -> None:
    """All that was recorded gives what is stored, and the index is what the states say."""
    for row in engine.instances():
        check_replay(engine, row.id)
        check_index(engine, row.id, far)


def how(engine: Engine) -> list[str]:
    return [f"{row.process} {row.status} {row.result or ''}".strip() for row in engine.instances()]


@pytest.fixture
def both(engine: Engine, deploy: Deploy) -> Engine:
    """An instance that waits for the one that it has called."""
    deploy(engine, CHILD)
    deploy(engine, PARENT)
    engine.start("parent")
    engine.work()
    return engine


# ── called instances that stand still ────────────────────────────────────────────────────────────────────────────────
def test_a_called_instance_that_is_suspended_has_not_ended(both: Engine, far: datetime) -> None:
    both.suspend(2, by="boss")
    both.work()
    both.resume(2, by="boss")
    both.work()
    assert how(both) == ["parent running", "child running"]
    both.answer(both.tasks("boss")[0].id, by="boss")
    both.work()
    assert how(both) == ["parent ended done", "child ended signed"]
    sure(both, far)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_suspended_called_instance_is_cancelled_with_its_caller(both: Engine, when: str, far: datetime) -> None:
    both.suspend(2, by="boss")
    if when == "after":
        both.work()
    both.cancel(1, by="boss")
    both.work()
    assert how(both) == ["parent cancelled", "child cancelled"]
    assert both.tasks() == []
    sure(both, far)


def test_a_caller_that_is_suspended_while_the_called_one_ends(both: Engine, far: datetime) -> None:
    both.suspend(1, by="boss")
    both.answer(both.tasks("boss")[0].id, by="boss")
    both.work()
    assert how(both) == ["parent suspended", "child ended signed"]
    both.resume(1, by="boss")
    assert how(both) == ["parent ended done", "child ended signed"]
    sure(both, far)


def broken(monkeypatch: pytest.MonkeyPatch, id: int) -> None:
    """A bpflow with a fault that shows in that instance only."""
    happen = transaction.Runner.happen

    def faulty(self: transaction.Runner, instance: int, *rest: object, **more: object) -> object:
        if instance == id:
            raise AssertionError("a fault of bpflow")
        return happen(self, instance, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(transaction.Runner, "happen", faulty)


def test_a_caller_that_cannot_take_the_answer_is_set_aside_and_gets_it_later(both: Engine, far: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        broken(patch, 1)
        both.answer(both.tasks("boss")[0].id, by="boss")
        both.work(limit=20)
        assert [row.instance for row in both.store.aside()] == [1]
        assert both.work(limit=20).total == 0
    both.retry(1, by="boss")
    both.work()
    assert how(both) == ["parent ended done", "child ended signed"]
    sure(both, far)


def test_a_called_instance_that_cannot_be_cancelled_is_set_aside_and_is_later(both: Engine, far: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        broken(patch, 2)
        both.cancel(1, by="boss")
        both.work(limit=20)
        assert [row.instance for row in both.store.aside()] == [2]
        assert both.work(limit=20).total == 0
    both.retry(2, by="boss")
    both.work()
    assert how(both) == ["parent cancelled", "child cancelled"]
    sure(both, far)


def test_what_a_suspended_instance_has_to_tell_is_told(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(engine, CHILD)
    deploy(engine, PARENT.replace("process: child", "process: child, wait: false"))
    engine.start("parent")
    engine.work(limit=1)
    engine.suspend(2, by="boss")
    engine.work()
    assert how(engine) == ["parent ended done", "child suspended"]
    sure(engine, far)


# ── messages for those who are away ──────────────────────────────────────────────────────────────────────────────────
WAITS = """\
id: waits
title: Ждёт
steps:
  - {id: paid, activity: wait-message, message: paid, key: '7'}
  - {activity: end, result: paid}
"""


def test_a_message_that_came_while_its_receiver_was_set_aside(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(engine, WAITS)
    engine.start("waits")
    engine.store.set_aside(1, engine.clock.now(), "a fault")
    engine.send_message("paid", 7)
    assert len(engine.messages()) == 1
    engine.retry(1, by="boss")
    engine.work()
    assert how(engine) == ["waits ended paid"]
    assert engine.messages() == []
    sure(engine, far)


def test_a_message_that_came_while_its_receiver_was_suspended(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(engine, WAITS)
    engine.start("waits")
    engine.suspend(1, by="boss")
    engine.send_message("paid", 7)
    assert len(engine.messages()) == 1
    engine.resume(1, by="boss")
    assert how(engine) == ["waits ended paid"]
    sure(engine, far)


BEGINS = """\
id: begins
title: По сообщению
start: [{on: message, message: order}]
steps:
  - {id: note, activity: notify, to: user("boss"), text: x}
  - {activity: end, result: x}
"""


def test_a_message_whose_start_breaks_begins_in_doubt_and_keeps_nobody_up(engine: Engine, deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(
        engine,
        BEGINS,
    )
    deploy(engine, WAITS)
    engine.start("waits")

    def breaks(*_: object) -> dict[str, object]:
        raise AssertionError("a fault of bpflow")

    with monkeypatch.context() as patch:
        patch.setitem(transaction.LOCAL, "notify", breaks)  # type: ignore[arg-type]
        engine.send_message("order", 1)
        engine.send_message("paid", 7)
    assert how(engine) == ["waits ended paid", "begins running"]
    (incident,) = engine.incidents()
    assert "a fault of bpflow" in str(incident.message)
    engine.retry(2, by="boss")
    assert how(engine) == ["waits ended paid", "begins ended x"]


ONCE = """\
id: once
title: Один раз
document: deal
unless-running: true
start: [{on: message, message: order, document: key}]
steps:
  - {id: ask, activity: request-info, to: user("boss")}
"""


def test_a_message_that_waited_for_the_end_of_the_one_that_runs_begins_the_next(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(engine, ONCE)
    deal = engine.create_document("deal", {"name": "a", "status": "new"})
    for _ in range(3):
        engine.send_message("order", deal)
    for number in range(1, 4):
        assert how(engine) == [*(["once ended"] * (number - 1)), "once running"]
        assert len(engine.messages()) == 3 - number
        engine.answer(engine.tasks("boss")[0].id, by="boss")
    assert how(engine) == ["once ended"] * 3
    sure(engine, far)


# ── errors of what deals with errors ─────────────────────────────────────────────────────────────────────────────────
FAILS = """\
id: fails
title: Ошибка в обработке ошибки
steps:
  - id: {id}
    activity: block
    steps:
      - id: inner
        activity: block
        steps: [{{id: first, activity: notify, to: 'members(department("empty"))', text: x}}]
        meanwhile:
          - {{error: true, cancels: {cancels}, steps: [{{id: again, activity: notify, to: 'members(department("empty"))', text: x}}]}}
    {outer}
"""
OUTER = "meanwhile: [{error: true, cancels: true, steps: [{activity: end, result: caught}]}]"


@pytest.mark.parametrize("cancels", ["true", "false"])
@pytest.mark.parametrize("outer, end", [("", "fails running"), (OUTER, "fails ended caught")])
def test_a_handler_of_errors_does_not_take_its_own(engine: Engine, deploy: Deploy, cancels: str, outer: str, end: str, far: datetime) -> None:
    deploy(engine, FAILS.format(id="whole", cancels=cancels, outer=outer))
    engine.start("fails")
    assert how(engine) == [end]
    assert [(incident.kind, str(incident.message)) for incident in engine.incidents()] == ([] if outer else [("failure", "there is nobody to notify")])
    assert len(engine.store.history(1)) == 1
    sure(engine, far)


# ── who has waited longest ───────────────────────────────────────────────────────────────────────────────────────────
def test_suspending_does_not_change_who_gets_a_message_in_the_instance(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(
        engine,
        """id: both
title: Блок ждёт раньше шага
steps:
  - id: whole
    activity: block
    steps: [{id: step, activity: wait-message, message: m}]
    meanwhile: [{message: m, cancels: false, steps: [{id: beside, activity: request-info, to: user("boss")}]}]
""",
    )
    engine.start("both")
    engine.send_message("m")
    engine.suspend(1, by="boss")
    engine.resume(1, by="boss")
    engine.send_message("m")
    assert len(engine.tasks("boss")) == 2
    sure(engine, far)


def test_the_answer_of_an_earlier_attempt_does_not_stand_in_for_that_of_the_last(engine: Engine, deploy: Deploy, clock: VirtualClock, far: datetime) -> None:
    """The first attempt is answered too late, the second one is under way, and only then both answers come to the suspended caller."""
    deploy(engine, CHILD)
    arguments = (("process", Expr('"child"')), ("initiator", Expr("initiator")))
    sub = Call("sub", "processes.start", arguments, Flow("sub>off"), gives="sub", retry=Retry(1, 1, 1), timeout=Expr("now + hours(1)"))
    engine.deploy_graph(Graph(process="parent", title="X", entry=(Flow(">sub", "sub"),), nodes=(sub,)))
    engine.start("parent")
    engine.work()
    engine.answer(engine.tasks("boss")[0].id, by="boss")
    for wait in (timedelta(hours=1), timedelta(seconds=1)):
        clock.forward(wait)
        (timer,) = engine.store.due(clock.now())
        engine._drain.fire(timer)
    late, _, begin = engine.store.outbox()
    engine._drain.send(begin)
    engine.suspend(1, by="boss")
    engine._drain.send(late)
    engine.answer(engine.tasks("boss")[0].id, by="boss")
    engine.work()
    engine.resume(1, by="boss")
    assert how(engine) == ["parent ended", "child ended signed", "child ended signed"]
    sure(engine, far)


# ── back into the body ───────────────────────────────────────────────────────────────────────────────────────────────
AGAIN = """id: again
title: С начала
variables: {n: {type: integer, default: 0}}
steps:
  - {id: first, activity: request-info, to: user("boss"), title: $(n)}
  - {id: second, activity: request-info, to: user("boss")}
  - {activity: end, result: done}
meanwhile:
  - {command: restart, cancels: true, BACK}
  - {command: withdraw, cancels: true, steps: [{activity: end, result: withdrawn}]}
  - {after: 1h, cancels: false, steps: [{activity: notify, to: user("boss"), text: x}]}
"""
BACK = ["next: first", "steps: [{activity: set-variables, set: {n: $(n + 1)}, next: first}]"]
BACK.append("steps: [{activity: block, steps: [{activity: set-variables, set: {n: $(n + 1)}, next: first}]}]")


@pytest.mark.parametrize("back", BACK)
def test_what_leads_back_into_the_body_arms_what_may_happen_meanwhile_anew(
    engine: Engine, deploy: Deploy, clock: VirtualClock, back: str, far: datetime
) -> None:
    deploy(engine, AGAIN.replace("BACK", back))
    engine.start("again")
    for _ in range(2):
        clock.forward(timedelta(minutes=40))
        engine.work()
        engine.answer(engine.tasks("boss")[0].id, by="boss")
        engine.command(1, "restart", by="boss")
        assert [task.node for task in engine.tasks("boss")] == ["first"]
        sure(engine, far)
    assert [notice.reason for notice in engine.notices()] == ["withdrawn", "withdrawn"]
    clock.forward(timedelta(hours=1))
    engine.work()
    assert [notice.reason for notice in engine.notices()].count("notify") == 1
    engine.command(1, "withdraw", by="boss")
    assert how(engine) == ["again ended withdrawn"]
    sure(engine, far)


# ── nothing fails in silence ─────────────────────────────────────────────────────────────────────────────────────────
def test_a_refusal_of_a_service_of_the_house_for_which_nobody_waits_is_seen(
    engine: Engine, deploy: Deploy, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, far: datetime
) -> None:
    deploy(engine, 'id: late\ntitle: X\nsteps:\n  - {id: ask, activity: request-info, to: user("boss"), due: 1h, on-overdue: {tell: user("ivanov")}}\n')
    engine.start("late")
    clock.forward(timedelta(hours=2))

    def refuses(*_: object) -> dict[str, object]:
        raise Refused(say("there is nobody to notify"))

    with monkeypatch.context() as patch:
        patch.setitem(transaction.LOCAL, "notify", refuses)  # type: ignore[arg-type]
        engine.work()
    assert [(incident.kind, "nobody to notify" in str(incident.message)) for incident in engine.incidents()] == [("broken", True)]
    engine.retry(1, by="boss")
    assert [notice.person for notice in engine.notices() if notice.reason == "overdue"] == ["ivanov"]
    sure(engine, far)
