"""How often PostgreSQL is asked: a round trip costs more than what is done in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest

from bpflow.engine.transition import NotAllowed
from bpflow.loading import LoadedWorkspace
from bpflow.runtime import Engine, VirtualClock, open_engine
from bpflow.stores.postgres_wire import Wire

HOUR = timedelta(hours=1)
DEAL = {"name": "Труба", "status": "open", "responsible": "petrova"}

Trips = Callable[[], AbstractContextManager[list[int]]]


@pytest.fixture
def engine(stored: str, workspace: LoadedWorkspace, clock: VirtualClock) -> Iterator[Engine]:
    with open_engine(stored, workspace, clock) as engine:
        engine.deploy_workspace()
        engine.start("plain")  # what is read once is read now
        yield engine


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Trips:
    """Counts the round trips of this thread."""
    here, count = threading.get_ident(), [0]
    real = Wire._receive

    def receive(wire: Wire) -> object:
        if threading.get_ident() == here:
            count[0] += 1
        return real(wire)

    monkeypatch.setattr(Wire, "_receive", receive)

    @contextmanager
    def counted() -> Iterator[list[int]]:
        count[0] = 0
        yield count

    return counted


def test_an_event_of_an_instance_at_hand_is_one_round_trip(engine: Engine, trips: Trips) -> None:
    id = engine.start("plain")
    (task,) = engine.tasks(instance=id)
    with trips() as count:
        engine.answer(task.id, by="boss", values={"parts": 3})
    assert count == [1]


def test_one_of_an_instance_that_must_be_read_is_two(engine: Engine, trips: Trips) -> None:
    id = engine.start("plain")
    (task,) = engine.tasks(instance=id)
    engine.runner.cache.clear()
    with trips() as count:
        engine.answer(task.id, by="boss", values={"parts": 3})
    assert count == [2]


def test_one_whose_tasks_were_looked_at_before_is_one(engine: Engine, trips: Trips) -> None:
    """A look brings the instance to hand, and whoever looks at it acts on it next."""
    id = engine.start("plain")
    engine.runner.cache.clear()
    (task,) = engine.tasks(instance=id)
    engine.runner.cache.clear()
    engine.form(task.id)
    with trips() as count:
        engine.answer(task.id, by="boss", values={"parts": 3})
    assert count == [1]


def test_one_that_another_program_has_changed_is_two_as_well(
    engine: Engine, stored: str, workspace: LoadedWorkspace, clock: VirtualClock, trips: Trips
) -> None:
    """By what is at hand the answer is refused; that asks the server nothing, nor has anything to be taken back."""
    id = engine.start("plain")
    with open_engine(stored, workspace, clock) as other:
        (first,) = other.tasks(instance=id)
        other.answer(first.id, by="boss", values={"parts": 3})
        (second,) = other.tasks(instance=id)
    with trips() as count:
        engine.answer(second.id, by="petrova", outcome="done")
    assert count == [2]


def test_timers_that_are_due_have_their_instances_read_at_once(
    engine: Engine, deploy: Callable[[Engine, str], None], clock: VirtualClock, trips: Trips
) -> None:
    """And then each is one round trip, whoever has begun the instance."""
    deploy(engine, "id: rests\ntitle: Отдых\nsteps:\n  - {id: rest, activity: pause, for: 1h}\n  - {id: last, activity: request-info, to: user('boss')}\n")
    for _ in range(5):
        engine.start("rests")
    engine.runner.cache.clear()
    clock.forward(HOUR)
    drain = engine._drain
    due = engine.store.due(clock.now())
    with trips() as count:
        drain.read_ahead(due)
    assert count == [1]
    with trips() as count:
        drain.read_ahead(due)
        for timer in due:
            drain.fire(timer)
    assert count == [5]


def test_what_is_refused_is_read_once(engine: Engine, trips: Trips) -> None:
    id = engine.start("plain")
    (task,) = engine.tasks(instance=id)
    with trips() as count, pytest.raises(NotAllowed):
        engine.answer(task.id, by="petrova", values={"parts": 3})
    assert count == [2], "the instance anew; the transaction is given up"


def test_a_start_asks_for_a_number_and_commits(engine: Engine, trips: Trips) -> None:
    with trips() as count:
        engine.start("plain")
    assert count == [2]


def test_an_event_with_a_document_reads_it_once(engine: Engine, trips: Trips) -> None:
    deal = engine.create_document("deal", DEAL)
    (task,) = engine.tasks(instance=engine.start("ask", document=deal))
    engine.runner.left = False
    with trips() as count:
        engine.answer(task.id, by="petrova", outcome="later", values={"call_at": "2026-03-03T10:00+03:00"}, comment=None)
    assert count == [2], "the document; the commit"


def test_an_absence_that_another_program_enters_is_heeded_at_once(
    engine: Engine, stored: str, workspace: LoadedWorkspace, clock: VirtualClock, trips: Trips
) -> None:
    """The event that did not know of it is worked in anew."""
    id = engine.start("plain")
    (task,) = engine.tasks(instance=id)
    with open_engine(stored, workspace, clock) as other:
        other.absent("petrova", "2026-03-02", "2026-03-20")
    with trips() as count:
        engine.answer(task.id, by="boss", values={"parts": 3})
    assert count[0] > 2
    assert engine.world.directory is not None
    assert [row.absence.person for row in engine.store.absences()] == ["petrova"]
    assert engine.runner.mark == engine.store.absence_mark() != 0
