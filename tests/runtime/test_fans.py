"""Large fans and long loops through the real process: what an answer costs does not depend on how many there are, nothing is lost or
done twice whatever happens in between, and each result is where it belongs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bpflow.diagnostics import Refused
from bpflow.engine.events import Event
from bpflow.engine.state import LARGE
from bpflow.loading import load_text
from bpflow.runtime import Engine, VirtualClock, open_engine
from bpflow.stores.contract import Conflict
from tests.runtime.looking import check_index, check_replay

FAR = datetime(2200, 1, 1, tzinfo=UTC)

SURVEY = """\
bpflow: 1
id: survey
title: Опрос
inputs:
  items: {type: integer, many: true}
steps:
  - id: each
    activity: for-each
    items: items
    as: item
    in-parallel: true
    %s
    collect: {item: $(item), said: $(ask.outcome)}
    steps:
      - id: ask
        activity: request-info
        title: Вопрос $(item)
        to: user("ivanov")
        outcomes: {good: {}, bad: {next: go-on}}
  - id: after
    activity: request-info
    title: Всего $(len(each.results))
    to: user("boss")
    outcomes:
      done: {fields: {first: {type: integer, default: $(len(each.results))}}}
"""

LOOP = """\
bpflow: 1
id: rounds
title: Круги
variables:
  n: {type: integer, default: 0}
  m: {type: integer}
steps:
  - id: again
    activity: loop
    until: n >= 2000
    steps:
      - {activity: set-variables, set: {n: $(n + 1)}}
      - %s
  - {activity: end, result: done}
"""


class Meter:
    """Counts what the store writes: statements that change rows, and the bytes of what they write."""

    def __init__(self, engine: Engine) -> None:
        self.work: Any = engine.store._work  # type: ignore[attr-defined]
        self.run = self.work._run
        self.rows = self.bytes = 0
        self.work._run = self.counted

    def counted(self, sql: str, values: tuple[Any, ...] = ()) -> Any:
        if sql.startswith(("insert", "update", "delete")):
            self.rows += 1
            self.bytes += sum(len(v) if isinstance(v, bytes) else len(str(v).encode()) for v in values)
        return self.run(sql, values)

    def read(self) -> tuple[int, int]:
        found = self.rows, self.bytes
        self.rows = self.bytes = 0
        return found


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 3, 2, 7, tzinfo=UTC))


@pytest.fixture
def engine(db: Path, clock: VirtualClock) -> Iterator[Engine]:
    with open_engine(str(db), clock=clock) as engine:
        yield engine


def deploy(engine: Engine, text: str) -> None:
    engine.deploy(load_text(text, "fans.yaml"))


def survey(engine: Engine, count: int, more: str = "") -> int:
    deploy(engine, SURVEY.replace("    %s\n", f"    {more}\n" if more else ""))
    return engine.start("survey", inputs={"items": list(range(count))})


def answer_one(engine: Engine, task: str, outcome: str = "good") -> None:
    engine.answer(task, by="ivanov", outcome=outcome)


def results(engine: Engine, instance: int) -> list[Any]:
    found: Any = engine.instance(instance).names["each"]
    return list(found["results"])


# ── what an answer costs ────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.sqlite
def test_an_answer_of_a_thousand_writes_no_more_than_one_of_a_few(engine: Engine):
    few, many = survey(engine, LARGE + 1), survey(engine, 1000)
    meter, costs = Meter(engine), {}
    for instance in (few, many):
        tasks = [task.id for task in engine.tasks(instance=instance)]
        random.Random(7).shuffle(tasks)
        meter.read()
        found = []
        for task in tasks[:30]:
            answer_one(engine, task)
            found.append(meter.read())
        costs[instance] = found
    assert max(rows for rows, _ in costs[many]) == max(rows for rows, _ in costs[few]) == 4, "history, state, task, and the turn that is now its result"
    assert max(size for _, size in costs[many]) <= max(size for _, size in costs[few]) + 20
    assert max(size for _, size in costs[many]) < 1000


@pytest.mark.sqlite
def test_a_thousand_answers_one_by_one(engine: Engine, db: Path, clock: VirtualClock):
    instance = survey(engine, 1000, "enough: any(r.said == none for r in results) or sum(r.item for r in results) < 0")
    meter = Meter(engine)
    tasks = [task.id for task in engine.tasks(instance=instance)]
    assert len(tasks) == 1000
    random.Random(3).shuffle(tasks)
    meter.read()
    for number, task in enumerate(tasks[:-1]):
        answer_one(engine, task, "bad" if number % 3 else "good")
        rows, size = meter.read()
        assert rows <= 4
        assert size <= 4096
    check_index(engine, instance, FAR)
    with open_engine(str(db), clock=clock) as other:
        answer_one(other, tasks[-1])
        found = results(other, instance)
    assert [one["item"] for one in found] == list(range(1000))
    said = {int(task.split(".")[1]): "bad" if number % 3 and number < 999 else "good" for number, task in enumerate(tasks)}
    assert [one["said"] for one in found] == [said[token] for token in sorted(said)]
    (task,) = engine.tasks(instance=instance)
    assert task.subject == "Всего 1000"
    assert engine.store.snapshot(instance).pages.keys() == {(-1, 0), (-2, 0)}, "the items and the results, large values of names"  # type: ignore[union-attr]
    meter.read()
    engine.answer(task.id, by="boss", values={"first": 1})
    assert meter.read()[1] < 1000, "the results are not written again"


@pytest.mark.sqlite
def test_one_by_one_in_turn_costs_as_little(engine: Engine):
    deploy(engine, SURVEY.replace("    in-parallel: true\n    %s\n", "").replace("survey", "queue"))
    instance = engine.start("queue", inputs={"items": list(range(300))})
    meter = Meter(engine)
    for _ in range(120):
        (task,) = engine.tasks(instance=instance)
        meter.read()
        answer_one(engine, task.id)
        rows, size = meter.read()
        assert rows <= 6
        assert size < 1000
    check_replay(engine, instance)


# ── what may happen in between ──────────────────────────────────────────────────────────────────────────────────────
COUNT = LARGE + 6


@pytest.mark.sqlite
def test_another_opens_it_after_every_answer(db: Path, clock: VirtualClock):
    with open_engine(str(db), clock=clock) as engine:
        instance = survey(engine, COUNT)
        tasks = [task.id for task in engine.tasks(instance=instance)]
    for task in reversed(tasks):
        with open_engine(str(db), clock=clock) as engine:
            meter = Meter(engine)
            answer_one(engine, task)
            assert task == tasks[0] or meter.read()[0] == 4, "who has just read it writes no more than who has it in memory"
            check_replay(engine, instance)
            check_index(engine, instance, FAR)
    with open_engine(str(db), clock=clock) as engine:
        assert [one["item"] for one in results(engine, instance)] == list(range(COUNT))


def test_two_take_turns(db: Path, clock: VirtualClock):
    """Each has the state of before the other in memory, and finds out."""
    with open_engine(str(db), clock=clock) as one, open_engine(str(db), clock=clock) as two:
        instance = survey(one, COUNT)
        for number, task in enumerate([task.id for task in one.tasks(instance=instance)]):
            answer_one((one, two)[number % 2], task)
            with pytest.raises(Refused):
                answer_one((two, one)[number % 2], task)
        assert results(one, instance) == results(two, instance)
        assert [one["item"] for one in results(one, instance)] == list(range(COUNT))
        check_replay(two, instance)


@pytest.mark.sqlite
@pytest.mark.parametrize("breaks", ["insert into history", "update instance", "insert or replace into page", "delete from task", "commit"])
def test_a_transaction_that_breaks_off_leaves_nothing(engine: Engine, breaks: str):
    instance = survey(engine, COUNT)
    tasks = [task.id for task in engine.tasks(instance=instance)]
    work: Any = engine.store._work  # type: ignore[attr-defined]
    run, armed = work._run, [False]

    def breaking(sql: str, values: tuple[Any, ...] = ()) -> Any:
        if armed[0] and sql.startswith(breaks):
            armed[0] = False
            raise MemoryError
        return run(sql, values)

    work._run = breaking
    for number, task in enumerate(tasks):
        if number % 9 == 4:
            before, armed[0] = engine.store.snapshot(instance), True
            with pytest.raises(MemoryError):
                answer_one(engine, task)
            if engine.store._db.in_transaction:  # type: ignore[attr-defined]
                run("rollback")
            assert engine.store.snapshot(instance) == before
        answer_one(engine, task)
        check_replay(engine, instance)
    assert [one["item"] for one in results(engine, instance)] == list(range(COUNT))


def test_a_conflict_is_worked_in_anew(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    instance = survey(engine, COUNT)
    write, left = engine.runner.write, [3]

    def conflicting(work: Any, held: Any, event: Event, depth: int) -> Any:
        done = write(work, held, event, depth)
        if left[0]:
            left[0] -= 1
            raise Conflict(held.id)
        return done

    monkeypatch.setattr(type(engine.runner), "write", lambda _, *rest: conflicting(*rest))
    for task in engine.tasks(instance=instance)[:3]:
        left[0] = 3
        answer_one(engine, task.id)
        check_replay(engine, instance)
    assert len(engine.tasks(instance=instance)) == COUNT - 3


def test_it_is_enough_and_the_rest_is_withdrawn(engine: Engine):
    instance = survey(engine, 100, 'enough: len(r for r in results if r.said == "bad") == 2')
    tasks = [task.id for task in engine.tasks(instance=instance)]
    for place, outcome in ((70, "good"), (3, "bad"), (99, "good"), (0, "bad")):
        answer_one(engine, tasks[place], outcome)
    found = results(engine, instance)
    assert {place: one["said"] for place, one in enumerate(found) if one} == {0: "bad", 3: "bad", 70: "good", 99: "good"}
    assert len(found) == 100
    assert found[1] is None
    (task,) = engine.tasks(instance=instance)
    assert task.subject == "Всего 100"
    with pytest.raises(Refused):
        answer_one(engine, tasks[5])
    check_index(engine, instance, FAR)
    check_replay(engine, instance)


def test_it_is_cancelled(engine: Engine):
    instance = survey(engine, 200)
    engine.cancel(instance, by="boss", why="Проба")
    assert engine.tasks(instance=instance) == engine.tasks() == []
    found = engine.store.snapshot(instance)
    assert found is not None
    assert set(found.pages) == {(-1, 0)} or not found.pages, "but what is a name's"
    check_replay(engine, instance)


# ── loops ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_two_thousand_turns_with_a_wait(engine: Engine, clock: VirtualClock):
    deploy(engine, LOOP % "{activity: pause, for: 1h}")
    instance = engine.start("rounds")
    sizes = []
    for turn in range(2000):
        if turn % 100 == 0:
            found = engine.store.snapshot(instance)
            assert found is not None
            sizes.append(len(found.root) + sum(map(len, found.pages.values())))
        clock.forward(timedelta(hours=1))
        engine.work()
    assert engine.store.instance(instance).result == "done"  # type: ignore[union-attr]
    assert max(sizes[1:]) - min(sizes[1:]) <= 8, "but for the digits of what is counted"


def test_a_loop_without_a_wait_is_stopped_by_the_bound_of_steps_and_goes_on(engine: Engine):
    """Ten thousand steps between two waits are the bound; who is sure that it ends tries again."""
    deploy(engine, LOOP % "{id: a, activity: set-variables, set: {m: 1}}\n      - {id: b, activity: set-variables, set: {m: 2}}")
    instance = engine.start("rounds")
    (incident,) = engine.incidents()
    assert "10000 steps without a wait" in str(incident.message)
    engine.retry(instance, incident.id, by="boss")
    assert engine.incidents() == []
    row = engine.store.instance(instance)
    assert row is not None
    assert row.result == "done"
    check_replay(engine, instance)


def test_a_loop_is_stopped_by_its_own_bound_and_repaired(engine: Engine):
    deploy(engine, LOOP.replace("until:", "max: 100\n    until:") % "{id: a, activity: set-variables, set: {m: 1}}")
    instance = engine.start("rounds")
    (incident,) = engine.incidents()
    assert "100 turns (`max`)" in str(incident.message)
    engine.correct(instance, {"n": 5000}, by="boss", why="enough")
    engine.skip(instance, incident.id, by="boss", why="enough")
    assert engine.incidents() == []
    row = engine.store.instance(instance)
    assert row is not None
    assert row.result == "done"
    check_replay(engine, instance)
