"""Processes that processes call: begun once, answered once, cancelled with their caller; whose error is whose; whatever crashes."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bpflow.diagnostics import Refused, say
from bpflow.engine.events import Cancel, Done, Failed
from bpflow.expressions.data import User
from bpflow.runtime import Engine, VirtualClock
from tests.runtime.conftest import Open
from tests.runtime.looking import check_index, check_replay, events_of

Deploy = Callable[[Engine, str], None]

CHILD = """\
id: child
title: Вызванный
inputs: {amount: {type: money, required: true}, day: {type: date}, whose: {type: user}}
outputs: {double: amount * 2, day: day, whose: whose, said: ask.comment}
steps:
  - {id: ask, activity: request-info, to: user("boss"), title: $(amount)}
  - {activity: end, result: signed}
"""
PARENT = """\
id: parent
title: Вызывающий
outputs: {double: sub.double, day: sub.day, whose: sub.whose, how: sub.result, said: sub.said}
steps:
  - id: sub
    activity: call-process
    process: child
    inputs: {amount: 12.50, day: 2026-03-05, whose: $(user("ivanov"))}
  - {activity: end, result: done}
"""
CAUGHT = """\
id: parent
title: Вызывающий
variables: {failed: {type: string}, why: {type: string}}
outputs: {name: failed, text: why}
steps:
  - id: sub
    activity: call-process
    process: child
    on-error:
      steps:
        - {activity: set-variables, set: {failed: $(error.name), why: $(error.message)}}
        - {activity: end, result: caught}
  - {activity: end, result: done}
"""
CHOOSY = """\
id: choosy
title: Разборчивый
inputs: {amount: {type: integer}}
start: [{on: manual}, {on: call, when: amount > 1}]
steps:
  - {activity: end, result: x}
"""
BREAKS = """\
id: child
title: Ломается
inputs: {to: {type: user}}
steps:
  - {id: beside, activity: notify, to: 'with_role("clerk")', text: Начали}
  - {id: tell, activity: notify, to: 'members(department("empty"))', text: Никому}
  - {activity: end, result: done}
"""


def sure(engine: Engine, far: datetime) -> None:
    """All that was recorded gives what is stored, and the index is what the states say."""
    for row in engine.instances():
        check_replay(engine, row.id)
        check_index(engine, row.id, far)


def answers(engine: Engine, id: int) -> list[Done | Failed]:
    return [event for event in events_of(engine, id) if isinstance(event, Done | Failed) and not getattr(event, "local", False)]


def how(engine: Engine) -> list[str]:
    return [f"{row.process} {row.status} {row.result or ''}".strip() for row in engine.instances()]


@pytest.fixture
def both(engine: Engine, deploy: Deploy) -> Engine:
    deploy(engine, CHILD)
    deploy(engine, PARENT)
    return engine


# ── the plain way ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_called_process_gives_its_result_and_its_outputs_with_their_types(both: Engine, far: datetime) -> None:
    id = both.start("parent", by="petrova")
    both.work()
    (task,) = both.tasks("boss")
    assert (task.instance, task.subject) == (2, "12.50")
    view = both.instance(2)
    assert view.inputs == {"amount": Decimal("12.50"), "day": datetime(2026, 3, 5).date(), "whose": User("ivanov")}
    assert view.row.caller is not None
    assert view.row.caller.instance == id
    both.answer(task.id, by="boss", comment="Хорошо")
    assert both.instance(id).row.status == "running"
    both.work()
    outputs = {"double": Decimal("25.00"), "day": datetime(2026, 3, 5).date(), "whose": User("ivanov"), "how": "signed", "said": "Хорошо"}
    assert both.instance(id).outputs == outputs
    assert len(answers(both, id)) == 1
    assert both.store.outbox() == []
    sure(both, far)


def test_a_crash_after_each_commit(both: Engine, opened: Open, far: datetime) -> None:
    """Each step is done by an engine of its own, as if the one before had broken down right after its commit."""
    id = both.start("parent")
    assert opened().work(limit=1).calls == 1
    assert opened().work(limit=1).total == 0
    again = opened()
    again.answer(again.tasks("boss")[0].id, by="boss")
    assert opened().work(limit=1).calls == 1
    assert opened().work(limit=1).total == 0
    assert opened().instance(id).row.result == "done"
    assert how(again) == ["parent ended done", "child ended signed"]
    assert len(answers(opened(), id)) == 1
    sure(opened(), far)


def test_a_call_that_two_see_begins_once(both: Engine, opened: Open) -> None:
    both.start("parent")
    (row,) = both.store.outbox()
    for engine in (opened(), opened()):
        engine._drain.send(row)
    assert how(both) == ["parent running", "child running"]
    both.answer(both.tasks("boss")[0].id, by="boss")
    (row,) = both.store.outbox()
    for engine in (opened(), opened()):
        engine._drain.send(row)
    assert how(opened()) == ["parent ended done", "child ended signed"]
    assert len(answers(opened(), 1)) == 1


def test_a_process_that_ends_at_once(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(engine, "id: child\ntitle: X\nsteps:\n  - {activity: end, result: quick}\n")
    deploy(engine, "id: parent\ntitle: X\noutputs: {how: sub.result}\nsteps:\n  - {id: sub, activity: call-process, process: child}\n")
    engine.start("parent")
    engine.work()
    assert engine.instance(1).outputs == {"how": "quick"}
    sure(engine, far)


def test_the_child_runs_on_a_document(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(
        engine, 'id: child\ntitle: X\ndocument: deal\nunless-running: true\nsteps:\n  - {activity: request-info, to: user("boss"), title: $(document.name)}\n'
    )
    deploy(engine, "id: parent\ntitle: X\ndocument: deal\nsteps:\n  - {activity: call-process, process: child, document: document.parent}\n")
    top = engine.create_document("deal", {"name": "Верх", "status": "new"})
    deal = engine.create_document("deal", {"name": "Низ", "status": "new", "parent": top})
    for _ in range(2):
        engine.start("parent", document=deal)
    engine.start("parent", document=top)
    engine.work()
    assert [(task.subject, engine.instance(task.instance).row.document) for task in engine.tasks("boss")] == [("Верх", top)]
    assert [str(one.message) for one in engine.incidents()] == [f'"child" runs on "deal:{top.id}" already', '"child" runs on a document of the type "deal"']
    sure(engine, far)


def test_without_wait_it_is_on_its_own_once_it_has_begun(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(engine, CHILD)
    deploy(
        engine,
        """\
id: parent
title: X
steps:
  - {activity: call-process, process: child, inputs: {amount: 1}, wait: false}
  - {id: after, activity: request-info, to: user("ivanov"), title: После}
""",
    )
    id = engine.start("parent")
    assert engine.tasks("ivanov") == []
    engine.work()
    assert [task.subject for task in engine.tasks("ivanov")] == ["После"]
    engine.cancel(id)
    engine.work()
    assert how(engine) == ["parent cancelled", "child running"]
    engine.answer(engine.tasks("boss")[0].id, by="boss")
    engine.work()
    assert engine.store.outbox() == []
    sure(engine, far)


# ── what cannot be called ───────────────────────────────────────────────────────────────────────────────────────────
def call(process: str, more: str = "") -> str:
    return f"id: parent\ntitle: X\nsteps:\n  - {{id: sub, activity: call-process, process: {process}{more}}}\n"


@pytest.mark.parametrize(
    "text, reason",
    [
        (call("no-such"), 'the process "no-such" is not deployed'),
        (call("child"), '"amount" must be filled'),
        (call("child", ", inputs: {amount: much}"), '"amount": "much" is not a number'),
        (call("child", ", inputs: {amount: 1, sum: 2}"), 'the process "child" has no input "sum"'),
        (call("child", ', inputs: {amount: 1}, document: user("boss")'), 'the process "child" has no document'),
        (call("by-hand"), 'the process "by-hand" cannot be called: it has no start "on: call"'),
        (call("choosy", ", inputs: {amount: 1}"), 'the process "choosy" cannot be called so: the condition of its start does not hold'),
    ],
)
def test_a_call_that_is_refused_is_a_failure_of_the_step(engine: Engine, deploy: Deploy, text: str, reason: str, far: datetime) -> None:
    deploy(engine, CHILD)
    deploy(engine, "id: by-hand\ntitle: X\nstart: [{on: manual}]\nsteps:\n  - {activity: end, result: x}\n")
    deploy(engine, CHOOSY)
    deploy(engine, text)
    engine.start("parent")
    engine.work()
    (incident,) = engine.incidents()
    assert (incident.path, str(incident.message)) == ("sub", reason)
    assert engine.store.outbox() == []
    assert len(engine.instances()) == 1
    sure(engine, far)


def test_what_is_called_may_be_deployed_later_and_the_step_tried_again(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, call("choosy", ", inputs: {amount: 2}"))
    engine.start("parent")
    engine.work()
    deploy(engine, CHOOSY)
    engine.retry(1, engine.incidents()[0].id)
    engine.work()
    assert how(engine) == ["parent ended", "choosy ended x"]


def test_it_runs_in_the_version_that_it_had_when_the_caller_began(engine: Engine, deploy: Deploy) -> None:
    text = "id: child\ntitle: X\nsteps:\n  - {activity: end, result: one}\n"
    deploy(engine, text)
    deploy(
        engine,
        """\
id: parent
title: X
outputs: {how: sub.result}
steps:
  - {id: ask, activity: request-info, to: user("boss"), title: Начать?}
  - {id: sub, activity: call-process, process: child}
""",
    )
    engine.start("parent")
    deploy(engine, text.replace("one", "two"))
    deploy(engine, text.replace("one", "three"))
    engine.start("parent")
    for task in engine.tasks("boss"):
        engine.answer(task.id, by="boss")
    engine.work()
    assert [engine.instance(id).outputs for id in (1, 2)] == [{"how": "one"}, {"how": "three"}]
    assert engine.store.deployment("child").version == 3  # type: ignore[union-attr]


def test_recursion_ends(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(engine, "id: self\ntitle: X\nsteps:\n  - {id: sub, activity: call-process, process: self}\n")
    engine.start("self")
    engine.work()
    (incident,) = engine.incidents()
    assert str(incident.message) == "processes call each other more than 32 deep"
    assert len(engine.instances()) == 33
    engine.cancel(1)
    engine.work()
    assert {row.status for row in engine.instances()} == {"cancelled"}
    assert engine.store.outbox() == []
    sure(engine, far)


def test_recursion_without_waiting_ends_too(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, "id: self\ntitle: X\nsteps:\n  - {id: sub, activity: call-process, process: self, wait: false}\n")
    engine.start("self")
    engine.work()
    assert len(engine.incidents()) == 1
    assert len(engine.instances()) == 33


# ── cancelled ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_caller_that_is_cancelled_before_the_call_is_sent(both: Engine, opened: Open, far: datetime) -> None:
    id = both.start("parent")
    (row,) = both.store.outbox()
    both.cancel(id)
    assert [row.call.service for row in both.store.outbox()] == ["processes.cancel"]
    opened()._drain.send(row)  # another program had read it before
    both.work()
    assert how(opened()) == ["parent cancelled"]
    assert both.store.outbox() == []
    sure(opened(), far)


def test_a_caller_that_is_cancelled_while_the_call_runs(both: Engine, opened: Open, far: datetime) -> None:
    id = both.start("parent")
    both.work()
    both.cancel(id)
    assert [row.call.service for row in both.store.outbox()] == ["processes.cancel"]
    assert opened().work(limit=1).calls == 1
    again = opened()
    assert how(again) == ["parent cancelled", "child cancelled"]
    assert again.tasks() == []
    assert again.store.outbox() == []
    assert [event.caller for event in events_of(again, 2) if isinstance(event, Cancel)] == [id]
    assert any(line.kind == "cancel" and str(line.text) == "instance 1 waits for it no longer" for line in again.timeline(2))
    sure(again, far)


def test_a_called_instance_that_ends_before_its_cancellation_comes(both: Engine, opened: Open, far: datetime) -> None:
    id = both.start("parent")
    both.work()
    both.cancel(id)
    both.answer(both.tasks("boss")[0].id, by="boss")
    assert [row.call.service for row in both.store.outbox()] == ["processes.cancel", "processes.ended"]
    for _ in range(2):
        assert opened().work(limit=1).calls == 1
    again = opened()
    assert how(again) == ["parent cancelled", "child ended signed"]
    assert again.store.outbox() == []
    assert answers(again, id) == []
    sure(again, far)


def test_an_answer_that_comes_after_the_cancellation_is_dropped(both: Engine, far: datetime) -> None:
    id = both.start("parent")
    both.work()
    both.answer(both.tasks("boss")[0].id, by="boss")
    both.cancel(id)
    assert [row.call.service for row in both.store.outbox()] == ["processes.ended", "processes.cancel"]
    both.work()
    assert (how(both), both.store.outbox()) == (["parent cancelled", "child ended signed"], [])
    sure(both, far)


def test_leaving_the_step_cancels_what_it_has_called(engine: Engine, deploy: Deploy, clock: VirtualClock, far: datetime) -> None:
    deploy(engine, CHILD)
    deploy(
        engine,
        """\
id: parent
title: X
steps:
  - activity: block
    steps:
      - {id: sub, activity: call-process, process: child, inputs: {amount: 1}}
    meanwhile:
      - {after: 1h, cancels: true, steps: [{id: late, activity: request-info, to: user("ivanov"), title: Поздно}]}
""",
    )
    engine.start("parent")
    engine.work()
    clock.forward(timedelta(hours=1))
    engine.work()
    assert how(engine) == ["parent running", "child cancelled"]
    assert [task.subject for task in engine.tasks()] == ["Поздно"]
    sure(engine, far)


def test_a_called_instance_that_an_operator_cancels_is_a_failure_of_the_step(both: Engine, far: datetime) -> None:
    both.start("parent")
    both.work()
    both.cancel(2, by="boss", why="Не нужно")
    both.work()
    (incident,) = both.incidents()
    assert (incident.instance, str(incident.message)) == (1, "the called instance was cancelled")
    both.retry(1, incident.id)
    both.work()
    assert how(both) == ["parent running", "child cancelled", "child running"]
    both.answer(both.tasks("boss")[0].id, by="boss")
    both.work()
    assert how(both) == ["parent ended done", "child cancelled", "child ended signed"]
    sure(both, far)


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_error_of_the_child_that_the_caller_takes(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(engine, BREAKS)
    deploy(engine, CAUGHT)
    engine.start("parent")
    engine.work()
    assert how(engine) == ["parent ended caught", "child failed"]
    assert engine.incidents() == []
    assert engine.instance(1).outputs == {"name": "notify", "text": "there is nobody to notify"}
    failure = engine.instance(2).failure
    assert failure is not None
    assert (failure.error, str(failure.reason)) == ("notify", "there is nobody to notify")
    assert engine.instances(status="failed") == [engine.instance(2).row]
    sure(engine, far)


def test_an_error_of_the_child_that_nobody_would_take_stays_there_and_can_be_repaired(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(engine, BREAKS)
    deploy(engine, "id: parent\ntitle: X\noutputs: {how: sub.result}\nsteps:\n  - {id: sub, activity: call-process, process: child}\n")
    engine.start("parent")
    engine.work()
    (incident,) = engine.incidents()
    assert incident.instance == 2
    engine.skip(2, incident.id)
    engine.work()
    assert engine.instance(1).outputs == {"how": "done"}
    sure(engine, far)


def test_an_error_of_another_name_stays_in_the_child(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, BREAKS)
    for name, caught in (("other", False), ("notify", True)):
        deploy(
            engine,
            f"""\
id: parent
title: X
steps:
  - activity: block
    steps:
      - {{id: sub, activity: call-process, process: child}}
    meanwhile:
      - {{error: {name}, cancels: true, steps: [{{activity: end, result: caught}}]}}
""",
        )
        id = engine.start("parent")
        engine.work()
        assert (engine.instance(id).row.result == "caught") is caught
        assert bool(engine.instance(id + 1).incidents) is not caught


def test_an_error_goes_up_through_several_callers(engine: Engine, deploy: Deploy, far: datetime) -> None:
    deploy(engine, BREAKS.replace("id: child", "id: inner"))
    deploy(engine, "id: child\ntitle: X\nsteps:\n  - {id: sub, activity: call-process, process: inner}\n")
    deploy(engine, CAUGHT)
    engine.start("parent")
    engine.work()
    assert how(engine) == ["parent ended caught", "child failed", "inner failed"]
    assert engine.instance(1).outputs["name"] == "notify"
    sure(engine, far)


def test_the_child_deals_with_its_error_itself(engine: Engine, deploy: Deploy) -> None:
    deploy(engine, BREAKS.replace("text: Никому}", "text: Никому, on-error: {steps: [{activity: end, result: own}]}}"))
    deploy(engine, CAUGHT)
    engine.start("parent")
    engine.work()
    assert how(engine) == ["parent ended done", "child ended own"]


def test_a_retry_starts_a_new_child_and_the_last_one_keeps_its_incident(engine: Engine, deploy: Deploy, clock: VirtualClock, far: datetime) -> None:
    deploy(engine, BREAKS)
    deploy(engine, "id: parent\ntitle: X\nsteps:\n  - {id: sub, activity: call-process, process: child, retry: {times: 2, first: 10s}}\n")
    engine.start("parent")
    for _ in range(4):
        engine.work()
        clock.forward(timedelta(minutes=5))
    assert how(engine) == ["parent running", "child failed", "child failed", "child running"]
    (incident,) = engine.incidents()
    assert incident.instance == 4
    engine.skip(4, incident.id)
    engine.work()
    assert how(engine)[0] == "parent ended"
    sure(engine, far)


def test_the_answer_of_an_earlier_attempt_comes_too_late(engine: Engine, deploy: Deploy, clock: VirtualClock, far: datetime) -> None:
    """The first child was cancelled by an operator, and a second one runs: what the first says again changes nothing."""
    deploy(engine, CHILD)
    deploy(engine, PARENT)
    engine.start("parent")
    engine.work()
    engine.runner.happen(1, Failed(clock.now(), 1, 1, 1, say("it broke"), "cancelled"))
    engine.retry(1, engine.incidents()[0].id)
    engine.work()
    first, second = (task for task in engine.tasks("boss"))
    engine.answer(first.id, by="boss", comment="первый")
    engine.work()
    assert how(engine) == ["parent running", "child ended signed", "child running"]
    engine.answer(second.id, by="boss", comment="второй")
    engine.work()
    assert engine.instance(1).outputs["said"] == "второй"
    sure(engine, far)


# ── outputs ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("ending", ["  - {activity: end, result: over}\n", ""])
def test_outputs_that_cannot_be_evaluated_are_an_incident_and_the_instance_does_not_end(engine: Engine, deploy: Deploy, ending: str, far: datetime) -> None:
    text = 'id: child\ntitle: X\ndocument: deal\noutputs: {half: 100 / document.sum}\nsteps:\n  - {activity: notify, to: user("boss"), text: X}\n'
    deploy(engine, text + ending)
    step = "id: sub, activity: call-process, process: child, document: document"
    deploy(engine, f"id: parent\ntitle: X\ndocument: deal\noutputs: {{half: sub.half}}\nsteps:\n  - {{{step}}}\n")

    deal = engine.create_document("deal", {"name": "Труба", "status": "new", "sum": 0})
    engine.start("parent", document=deal)
    engine.work()
    (incident,) = engine.incidents()
    assert incident.instance == 2
    assert "zero" in str(incident.message)
    engine.retry(2, incident.id)
    (incident,) = engine.incidents()
    sure(engine, far)
    engine.set_document(deal, {"sum": 50})
    engine.retry(2, incident.id)
    engine.work()
    assert engine.instance(1).outputs == {"half": 2}
    sure(engine, far)


def test_an_operator_may_give_the_outputs(engine: Engine, deploy: Deploy, far: datetime) -> None:
    head = "id: lone\ntitle: X\nvariables: {n: {type: integer, default: 0}}\noutputs: {half: 100 / n}\n"
    deploy(engine, head + "steps:\n  - {activity: set-variables, set: {n: 0}}\n")

    engine.start("lone")
    (incident,) = engine.incidents()
    engine.skip(1, incident.id, results={"half": 7})
    view = engine.instance(1)
    assert (view.row.status, view.outputs, view.incidents) == ("ended", {"half": 7}, [])
    sure(engine, far)


# ── random walks ────────────────────────────────────────────────────────────────────────────────────────────────────
def deeds(engine: Engine) -> Iterator[Callable[[], object]]:
    """What can be done now."""
    for task in engine.tasks():
        yield lambda task=task: engine.answer(task.id, by="boss")
    for row in engine.instances(status="running"):
        yield lambda row=row: engine.cancel(row.id)
    for incident in engine.incidents():
        yield lambda incident=incident: engine.retry(incident.instance, incident.id)
        yield lambda incident=incident: engine.skip(incident.instance, incident.id)
    yield lambda: engine.work(limit=1)
    yield lambda: engine.work(limit=1)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_nobody_waits_for_nothing(engine: Engine, opened: Open, deploy: Deploy, clock: VirtualClock, far: datetime, seed: int) -> None:
    """Callers and called instances, crashes and cancellations in any order: a caller waits only for what runs or is about to, and what
    runs for a caller has one that waits."""
    chance = random.Random(seed)
    deploy(engine, CHILD.replace("id: child", "id: leaf"))
    deploy(
        engine,
        """\
id: child
title: X
steps:
  - id: turns
    activity: parallel
    join: 1
    branches:
      a: {steps: [{id: one, activity: call-process, process: leaf, inputs: {amount: 1}, retry: {times: 1, first: 10s}}]}
      b: {steps: [{id: two, activity: call-process, process: leaf, inputs: {amount: 2}}]}
""",
    )
    deploy(engine, CAUGHT)
    for _ in range(60):
        if len(engine.instances(status="running")) < 3:
            engine.start("parent")
        act = chance.choice([*deeds(opened() if chance.random() < 0.1 else engine)])
        with contextlib.suppress(Refused):
            act()
        if chance.random() < 0.2:
            clock.forward(timedelta(minutes=10))
        engine = opened() if chance.random() < 0.1 else engine
    while engine.work().total:
        clock.forward(timedelta(minutes=10))
    again = opened()
    sure(again, far)
    running = {row.id: row for row in again.instances(status="running")}
    for row in running.values():
        assert row.caller is None or row.caller.instance in running, "a caller has gone, and what it called runs"
        waits = [place.path for place in again.instance(row.id).where if place.kind in ("call", "process", "retry")]
        called = [other for other in running.values() if other.caller and other.caller.instance == row.id]
        due = [timer for timer in again.store.due(far, 10_000) if timer.instance == row.id]
        assert len(waits) <= len(called) + len(due), "it waits for an answer that will never come"
        assert len(called) <= len(waits), "what is not waited for runs"
    assert again.store.outbox() == []
