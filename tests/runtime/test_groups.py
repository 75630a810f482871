"""Timers that are due together are fired in one transaction, where the store may do so; nothing else is another than one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bpflow.engine.events import TimerFired
from bpflow.runtime import Engine, VirtualClock, groups, open_engine
from bpflow.runtime.drain import Drain
from bpflow.runtime.leases import Leasing
from bpflow.runtime.observing import Happening, Observer
from bpflow.runtime.rounds import Rounds
from bpflow.stores.contract import LeaseLost
from bpflow.stores.leases import SLOTS
from bpflow.stores.sqlite import SqliteStore
from tests.runtime.conftest import Open
from tests.runtime.looking import check_index, check_replay, events_of, select, stored, tamper

Deploy = Callable[[Engine, str], None]
HERD = """\
id: herd
title: Стадо
document: deal
variables: {n: {type: integer, default: 1}}
steps:
  - {id: rest, activity: pause, for: 1h}
  - id: some
    activity: condition
    branches:
      - {when: document.sum % 4 == 1, steps: [{activity: update-document, set: {status: open}}]}
      - {when: document.sum % 4 == 3, steps: [{activity: pause, for: 1h}, {activity: set-variables, set: {n: $(6 // document.sum)}}]}
    otherwise: {next: go-on}
  - {id: last, activity: request-info, to: user("boss")}
"""
HOUR = timedelta(hours=1)


def herd(engine: Engine, deploy: Deploy, count: int) -> None:
    """Instances that all wait for the same instant."""
    deploy(engine, HERD)
    for number in range(count):
        document = engine.create_document("deal", {"name": f"Сделка {number}", "status": "new", "responsible": "petrova", "sum": number})
        engine.start("herd", document=document)


def timers_fired(engine: Engine) -> list[int]:
    return [len([one for one in events_of(engine, row.id) if isinstance(one, TimerFired)]) for row in engine.instances("herd")]


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many timers were fired in each group, as far as it was written."""
    found, real = [], groups.happen_together

    def noted(*given: Any) -> int:
        found.append(real(*given))
        return found[-1]

    monkeypatch.setattr("bpflow.runtime.drain.happen_together", noted)
    monkeypatch.setattr(groups, "LONGEST", 60.0)
    return found


def test_in_groups_all_goes_as_one_by_one(deploy: Deploy, tmp_path: Path, workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same events in the same order, also where one of them leaves something that is to be told before the next: it starts a process."""
    told = []
    for grouped in (True, False):
        monkeypatch.setattr(SqliteStore, "groups", grouped)
        path, clock = tmp_path / f"{grouped}.db", VirtualClock(datetime(2026, 3, 2, 7, tzinfo=UTC))
        with open_engine(str(path), workspace, clock) as engine:
            engine.deploy_workspace()
            herd(engine, deploy, 24)
            done = []
            for _ in range(2):
                clock.forward(HOUR)
                done.append(engine.work())
            events = [(row.id, events_of(engine, row.id), stored(engine, row.id).state) for row in engine.instances()]
            order = select(path, "select instance, revision, at from history order by id")
            assert len(engine.instances("ask")) == 6
            told.append((done, events, order, engine.tasks(), engine.notices(), engine.documents()))
    assert [one.timers for one in told[0][0]] == [24, 6]
    assert told[0] == told[1]


@pytest.mark.sqlite
def test_those_that_leave_nothing_are_fired_in_one_transaction(engine: Engine, deploy: Deploy, clock: VirtualClock, sizes: list[int]) -> None:
    herd(engine, deploy, 24)
    clock.forward(HOUR)
    engine.work()
    assert sizes == [2, 4, 4, 4, 4, 4, 2], "each ends with one that changes its document"
    for row in engine.instances():
        check_replay(engine, row.id)


def test_on_postgresql_each_owner_has_his_own(database: str, workspace: Any, clock: VirtualClock, deploy: Deploy, sizes: list[int]) -> None:
    with open_engine(database, workspace, clock) as engine:
        engine.deploy_workspace()
        herd(engine, deploy, 8)
        clock.forward(HOUR)
        assert engine.work().timers == 8
    assert sizes == []


@pytest.mark.sqlite
def test_a_limit_holds(engine: Engine, deploy: Deploy, clock: VirtualClock, sizes: list[int]) -> None:
    deploy(engine, HERD.replace("document.sum % 4 == 1", "document.sum == 99"))
    for _ in range(5):
        engine.start("herd", document=engine.create_document("deal", {"name": "Сделка", "status": "new", "sum": 2}))
    clock.forward(HOUR)
    assert [engine.work(limit=3).total, engine.work(limit=1).total, engine.work(limit=9).total] == [3, 1, 1]
    assert timers_fired(engine) == [1] * 5
    assert sizes == [3]


@pytest.mark.sqlite
def test_a_group_does_not_hold_the_store_for_long(engine: Engine, deploy: Deploy, clock: VirtualClock, sizes: list[int], monkeypatch: Any) -> None:
    monkeypatch.setattr(groups, "LONGEST", 0.0)
    herd(engine, deploy, 6)
    clock.forward(HOUR)
    assert engine.work().timers == 6
    assert sizes == [1] * 5, "the last of them is alone anyway"
    assert timers_fired(engine) == [1] * 6


@pytest.mark.sqlite
def test_one_that_cannot_be_read_holds_up_no_other(opened: Open, engine: Engine, deploy: Deploy, clock: VirtualClock, db: Path, sizes: list[int]) -> None:
    herd(engine, deploy, 9)
    tamper(db, "update instance set state = '[9]' where id = 5")
    clock.forward(HOUR)
    other = opened()
    assert other.work().timers == 9
    assert [one.instance for one in other.store.aside()] == [5]
    assert [len(other.store.history(row.id)) for row in other.instances("herd")] == [1 + (row.id != 5) for row in other.instances("herd")]
    assert all(size for size in sizes)


def test_a_fault_in_one_is_a_fault_of_that_one(engine: Engine, deploy: Deploy, clock: VirtualClock) -> None:
    """What a process does wrong is an incident of its instance; the group goes on."""
    deploy(engine, HERD.replace("document.sum % 4 == 1, steps: [{activity: update-document, set: {status: open}}]", "6 // document.sum > 100, next: last"))
    for number in range(5):
        engine.start("herd", document=engine.create_document("deal", {"name": "Сделка", "status": "new", "sum": number}))
    clock.forward(HOUR)
    assert engine.work().timers == 5
    assert [(one.instance, str(one.message)) for one in engine.incidents()] == [(1, "division by zero")]
    assert timers_fired(engine) == [1] * 5


ASKS = """\
id: asks
title: Вопрос
steps:
  - {id: first, activity: request-info, to: user("boss")}
  - {id: rest, activity: pause, for: 1h}
  - {id: last, activity: request-info, to: user("boss")}
"""


@pytest.mark.sqlite
@pytest.mark.parametrize("meanwhile", [False, True], ids=["before", "meanwhile"])
def test_what_another_has_changed_is_read_anew(
    meanwhile: bool, opened: Open, engine: Engine, deploy: Deploy, clock: VirtualClock, sizes: list[int], far: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the instances are at hand as they were. If that is seen only in the group, nothing of it is written, and each is fired alone."""
    deploy(engine, ASKS)
    for _ in range(4):
        engine.start("asks")
    other = opened()
    for task in other.tasks():
        other.answer(task.id, by="boss", outcome="done")
    assert [held.revision for held in engine.runner.cache.values()] == [1] * 4
    if meanwhile:
        monkeypatch.setattr(Drain, "read_ahead", lambda *_: None)
    clock.forward(HOUR)
    assert engine.work().timers == 4
    assert sizes == ([] if meanwhile else [4])
    for row in engine.instances():
        assert len([one for one in events_of(engine, row.id) if isinstance(one, TimerFired)]) == 1
        check_replay(engine, row.id)
        check_index(engine, row.id, far)


@pytest.mark.sqlite
def test_two_timers_of_one_instance_are_fired_one_after_the_other(engine: Engine, deploy: Deploy, clock: VirtualClock, sizes: list[int]) -> None:
    deploy(
        engine,
        """\
id: twice
title: Дважды
steps:
  - id: both
    activity: parallel
    branches:
      one: {steps: [{activity: pause, for: 1h}]}
      two: {steps: [{activity: pause, for: 1h}]}
  - {id: last, activity: request-info, to: user("boss")}
""",
    )
    assert engine.start("twice") == 1
    clock.forward(HOUR)
    assert engine.work().timers == 2
    assert sizes == [2]
    assert [one.node for one in engine.tasks()] == ["last"]
    check_replay(engine, 1)


@pytest.mark.sqlite
def test_under_a_lease_that_is_lost_nothing_of_a_group_is_written(engine: Engine, deploy: Deploy, clock: VirtualClock, db: Path) -> None:
    herd(engine, deploy, 6)
    clock.forward(HOUR)
    leasing = Leasing(engine.store, clock, standing=True)
    leasing.open()
    try:
        leasing.take_all()
        owner = engine.store.due(clock.now())[-1].owner
        tamper(db, f"update slot set epoch = epoch + 1 where number = {owner % SLOTS}")
        with pytest.raises(LeaseLost, match=f"slot {owner % SLOTS}"):
            Rounds(engine._drain, leasing).work()
    finally:
        leasing.close()
    assert timers_fired(engine) == [0] * 6


def test_observers_are_told_of_each_when_it_is_written(engine: Engine, deploy: Deploy, clock: VirtualClock, sizes: list[int]) -> None:
    class Told(Observer):
        seen: ClassVar[list[int]] = []

        def happened(self, what: Happening) -> None:
            self.seen.append(what.instance)

    herd(engine, deploy, 5)
    engine.observe(Told())
    clock.forward(HOUR)
    engine.work()
    assert [id for id in Told.seen if id <= 5][:2] == [1, 2]
    assert sizes == []


@contextmanager
def broken(monkeypatch: pytest.MonkeyPatch, at: int) -> Iterator[None]:
    """The commit of a group does not come about: what it was about to write is not there."""
    real = groups.work_in

    def work_in(runner: Any, work: Any, known: Any, id: int, event: Any) -> None:
        real(runner, work, known, id, event)
        if id == at:
            raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(groups, "work_in", work_in)
        yield


@pytest.mark.sqlite
def test_of_a_group_that_breaks_off_nothing_is_written_nor_known(
    engine: Engine, deploy: Deploy, clock: VirtualClock, monkeypatch: Any, sizes: list[int]
) -> None:
    herd(engine, deploy, 7)
    clock.forward(HOUR)
    with broken(monkeypatch, 5):
        assert engine.work().timers == 7
    assert sizes == [2]
    assert timers_fired(engine) == [1] * 7
    for row in engine.instances():
        held = engine.runner.cache[row.id]
        assert (held.revision, held.state) == ((again := stored(engine, row.id)).revision, again.state)
        check_replay(engine, row.id)
