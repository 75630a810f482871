"""What `verify-store` finds and puts right: rows of the index that are lost, that are left over, that are otherwise than the state says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from bpflow.engine.state import Assignee
from bpflow.engine.transition import Effects, Listen, TaskRow, put_row
from bpflow.expressions.data import Document, User
from bpflow.runtime import Difference, Engine, VirtualClock
from tests.runtime.looking import check_index, index_in, tamper

WAITS = """\
id: waits
title: Ждёт
document: deal
steps:
  - id: both
    activity: parallel
    branches:
      told: {steps: [{id: told, activity: wait-message, message: paid, key: document}]}
      rich: {steps: [{id: rich, activity: pause, until: 'coalesce(document.sum, 0) > 10'}]}
      ask:
        steps:
          - {id: ask, activity: task, title: Вопрос о $(document.name), to: with_role("clerk"), due: 2 working days, observers: user("ivanov")}
      later: {steps: [{id: later, activity: pause, until: now + days(3)}]}
"""
Damage = Callable[[Effects], None]


@pytest.fixture
def id(engine: Engine, deploy: Callable[[Engine, str], None]) -> int:
    """An instance that waits for everything that there is."""
    deploy(engine, WAITS)
    deal = engine.create_document("deal", {"name": "Труба", "status": "new"})
    engine.start("plain")
    return engine.start("waits", document=deal)


def damage(engine: Engine, id: int, lane: int | None = None) -> tuple[Callable[[Damage], None], int]:
    row = engine.store.instance(id)
    assert row is not None

    def write(how: Damage) -> None:
        effects = Effects()
        how(effects)
        with engine.store.begin(row.owner) as work:
            work.index(id, row.owner, lane or row.definition, effects, engine.clock.now())

    return write, row.owner


def kinds(engine: Engine, repair: bool = False) -> Counter[tuple[str, bool]]:
    """What differs: how many rows of each kind are missing, or should not be there."""
    told: list[Difference] = []
    done = engine.verify_store(repair, told.append)
    assert done.differences == len(told)
    assert done.repaired == (len(told) if repair else 0)
    return Counter((one.kind, one.missing) for one in told)


def test_a_store_that_is_as_it_should_be(engine: Engine, id: int, clock: VirtualClock) -> None:
    assert kinds(engine) == {}
    done = engine.verify_store()
    assert (done.instances, done.rows, done.repaired) == (2, 7, 0)
    clock.forward(timedelta(days=10))
    engine.work()
    engine.suspend(id)
    assert kinds(engine) == {}
    engine.cancel(id)
    assert kinds(engine) == {}


def test_what_is_lost_is_made_anew(engine: Engine, id: int, far: datetime) -> None:
    before, tasks = index_in(engine, id, far), engine.store.tasks(None, id)
    assert {kind: len(rows) for kind, rows in before.items()} == {"tasks": 1, "timers": 2, "watches": 1, "listens": 1}
    write, _ = damage(engine, id)
    (task,) = tasks
    deal = Document("deal", 1)

    def lose(effects: Effects) -> None:
        put_row(effects.tasks, (task.token, task.visit), TaskRow((Assignee(User("petrova")), *role(task.party)), observers=(User("ivanov"),)), None)
        for _, holder, arm, due in before["timers"]:
            put_row(effects.timers, (holder, arm), due, None)
        for holder in (row[0] for row in watches(engine, id)):
            effects.watches[holder, deal] = False
        for _, holder, arm, *_ in before["listens"]:
            effects.listens[holder, arm] = None

    write(lose)
    assert sum(map(len, index_in(engine, id, far).values())) == 0
    assert kinds(engine) == {("task", True): 1, ("observer", True): 1, ("timer", True): 2, ("watch", True): 1, ("listen", True): 1}
    assert kinds(engine, repair=True).total() == 6
    assert kinds(engine) == {}
    assert index_in(engine, id, far) == before
    assert engine.store.tasks(None, id) == tasks, "what it was called and since when it is open is known again"
    check_index(engine, id, far)


def role(party: str) -> tuple[Assignee, ...]:
    from bpflow.runtime.reading import party_of

    return (Assignee(party_of(party)),)


def watches(engine: Engine, id: int) -> set[tuple[int, int]]:
    return engine.store.indexed(id - 1, id)[id].watches


def test_what_is_left_over_goes(engine: Engine, id: int, far: datetime, clock: VirtualClock) -> None:
    before = index_in(engine, id, far)
    write, _ = damage(engine, id)

    def add(effects: Effects) -> None:
        put_row(effects.tasks, (77, 1), None, TaskRow((Assignee(User("boss")),), "both.ask", "Чужая", observers=(User("ivanov"),)))
        put_row(effects.timers, (77, 0), None, clock.now())
        effects.watches[77, Document("deal", 1)] = True
        effects.listens[77, 0] = Listen("paid", "x", 1)

    write(add)
    elsewhere, _ = damage(engine, id, lane=999)
    elsewhere(lambda effects: put_row(effects.timers, (1, 0), None, clock.now()))
    assert kinds(engine) == {("task", False): 1, ("observer", False): 1, ("timer", False): 2, ("watch", False): 1, ("listen", False): 1}
    assert kinds(engine, repair=True).total() == 6
    assert index_in(engine, id, far) == before
    assert kinds(engine) == {}


def test_what_is_otherwise_is_written_as_the_state_says(engine: Engine, id: int, far: datetime, clock: VirtualClock) -> None:
    before, (task,) = index_in(engine, id, far), engine.store.tasks(None, id)
    write, _ = damage(engine, id)
    as_it_is = TaskRow(role(task.party), task.node, task.subject, task.due)
    (_, holder, arm, *_), *_ = sorted(before["listens"])

    def change(effects: Effects) -> None:
        put_row(effects.tasks, (task.token, task.visit), as_it_is, replace(as_it_is, overdue=True, due=clock.now()))
        effects.listens[holder, arm] = Listen("paid", "another", 1)

    write(change)
    assert kinds(engine) == {("task", True): 1, ("task", False): 1, ("listen", True): 1, ("listen", False): 1}
    assert kinds(engine, repair=True).total() == 4
    assert index_in(engine, id, far) == before
    assert engine.store.tasks(None, id) == [task]


def test_rows_of_an_instance_that_is_over_go(engine: Engine, id: int, clock: VirtualClock) -> None:
    engine.cancel(id)
    write, _ = damage(engine, id)
    write(lambda effects: put_row(effects.timers, (1, 0), None, clock.now()))
    assert kinds(engine, repair=True) == {("timer", False): 1}
    assert kinds(engine) == {}
    assert engine.work().timers == 0


def test_rows_of_an_instance_that_is_not_there_go(engine: Engine, id: int, far: datetime, clock: VirtualClock) -> None:
    before, rows = index_in(engine, id, far), engine.verify_store().rows
    gone, effects = 999, Effects()
    put_row(effects.tasks, (1, 1), None, TaskRow((Assignee(User("boss")),), "ask", "Чужая", observers=(User("ivanov"),)))
    put_row(effects.timers, (2, 0), None, clock.now())
    effects.watches[3, Document("deal", 1)] = True
    effects.listens[4, 0] = Listen("paid", "x", 1)
    with engine.store.begin(gone) as work:
        work.index(gone, gone, 1, effects, clock.now())
    assert kinds(engine) == {(kind, False): 1 for kind in ("task", "observer", "timer", "watch", "listen")}
    assert kinds(engine, repair=True).total() == 5
    assert kinds(engine) == {}
    assert (index_in(engine, id, far), engine.verify_store().rows) == (before, rows)


def test_what_is_taken_from_an_instance_that_is_not_there_is_left_to_one_that_is(engine: Engine, id: int, far: datetime) -> None:
    """It may have begun since it was looked for."""
    before = index_in(engine, id, far)
    with engine.store.begin() as work:
        work.unindex(id)
    assert index_in(engine, id, far) == before


@pytest.mark.sqlite
@pytest.mark.parametrize("damaged", ["null", "'x'", "'{}'", "'[]'", "'[\"ivanov\"]'"])
def test_a_notice_that_no_history_tells_of_is_told_of_again(engine: Engine, deploy: Callable[[Engine, str], None], db: Path, damaged: str) -> None:
    """A purge finds the notices of an instance by that."""
    deploy(engine, "id: tells\ntitle: Говорит\nsteps:\n  - {activity: notify, to: [user('boss'), user('ivanov')], title: Всё, text: Всё}\n")
    first, _ = engine.start("tells", by="boss"), engine.start("tells", by="boss")
    assert kinds(engine) == {}
    before = engine.store.notices(instance=first)
    assert [row.person for row in before] == ["boss", "ivanov"]
    tamper(db, f"update history set told = {damaged} where instance = {first} and told is not null")
    lost = 1 if "ivanov" in damaged else 2
    assert kinds(engine) == {("notice", True): lost}
    assert kinds(engine, repair=True) == {("notice", True): lost}
    assert kinds(engine) == {}
    assert engine.store.notices(instance=first) == before


@pytest.mark.sqlite
def test_a_notice_whose_row_of_history_is_not_there_stays_told(engine: Engine, deploy: Callable[[Engine, str], None], db: Path) -> None:
    deploy(engine, "id: tells\ntitle: Говорит\nsteps:\n  - {activity: notify, to: user('boss'), title: Всё, text: Всё}\n")
    engine.start("tells", by="boss")
    tamper(db, "update notice set at = at + 1")
    done = engine.verify_store(True)
    assert (done.differences, done.repaired) == (1, 0)


def test_a_state_that_cannot_be_read_is_told(engine: Engine, id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = type(engine.runner).opened
    from bpflow.diagnostics import say
    from bpflow.runtime.transaction import Unreadable

    def broken(runner: object, instance: int, found: object) -> object:
        if instance == id:
            raise Unreadable(say("instance {id} cannot be read: {reason}", id=id, reason="x"))
        return opened(runner, instance, found)  # type: ignore[arg-type]

    monkeypatch.setattr(type(engine.runner), "opened", broken)
    told: list[Difference] = []
    done = engine.verify_store(True, told.append)
    assert [(one.instance, one.kind) for one in told] == [(id, "unreadable")]
    assert (done.differences, done.repaired) == (1, 0)
