"""Who is woken on PostgreSQL by a timer that is set: nobody, where it is due so late that workers see it by themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from bpflow.diagnostics import say
from bpflow.runtime import open_engine
from bpflow.stores.contract import StoreError
from bpflow.stores.leases import LOOKS_AHEAD
from bpflow.stores.postgres_leases import CHANNEL, Notifier
from bpflow.stores.postgres_work import PostgresWork
from tests.runtime.test_workers import Running, ended, pausing, until

SOON = 'now + duration("1s")'
LATE = f'now + duration("{(2 * LOOKS_AHEAD).seconds + 10}s")'


@contextmanager
def heard(database: str) -> Iterator[Callable[[], int]]:
    """Gives how many notifications have come so far."""
    said: list[psycopg.Notify] = []
    with psycopg.connect(database, autocommit=True) as listening:
        listening.add_notify_handler(said.append)
        listening.execute(f"listen {CHANNEL}")

        def count() -> int:
            listening.execute("select 1")
            return len(said)

        yield count


@pytest.mark.parametrize("batch", [1, 100])
def test_a_timer_that_is_due_late_rings_nobody(database: str, batch: int) -> None:
    for when, rings in ((LATE, False), (SOON, True)):
        with heard(database) as count:
            with open_engine(database) as engine:
                engine.deploy_graph(pausing("pauses", when))
                engine.start_many("pauses", [{}] * 3, batch=batch)
            assert (count() > 0) is rings  # what is still to be told is told when the engine is closed


def test_a_store_that_is_closed_at_once_tells_all_the_same() -> None:
    """As when the thread of the notifier comes to its first turn after that."""
    told: list[bool] = []
    notifier = Notifier(lambda: told.append(True))
    notifier._closed.set()
    notifier.want()
    notifier.close()
    assert told


def test_nor_does_one_in_the_transaction_of_the_program(database: str) -> None:
    with open_engine(database) as engine, heard(database) as count:
        for when, rings in ((LATE, False), (SOON, True)):
            engine.deploy_graph(pausing("pauses", when))
            with psycopg.connect(database) as connection:
                engine.start("pauses", connection=connection)
            assert (count() > 0) is rings


def test_what_is_taken_back_rings_nobody(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Least of all the worker who could not write it, and would try it again at once."""
    real = PostgresWork.index

    def broken(work: PostgresWork, *given: Any) -> None:
        real(work, *given)
        raise StoreError(say("it is gone"))

    monkeypatch.setattr(PostgresWork, "index", broken)
    with heard(database) as count:
        with open_engine(database) as engine:
            engine.deploy_graph(pausing("pauses", SOON))
            with pytest.raises(StoreError):
                engine.start("pauses")
        assert count() == 0


def test_a_worker_sees_it_nevertheless(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that looks at his slots twice an hour only."""
    for module in ("bpflow.runtime.worker", "bpflow.stores.postgres_work"):
        monkeypatch.setattr(f"{module}.LOOKS_AHEAD", LOOKS_AHEAD / 10)
    with open_engine(database) as engine:
        engine.deploy_graph(pausing("pauses", SOON))
        worker = engine.worker(lease=6 * 1800.0)
        with Running(worker):
            until(lambda: engine.store.workers() and engine.store.workers()[0].slots)
            time.sleep(0.1)  # he sleeps
            engine.start("pauses")
            until(lambda: ended(engine, 1))
    assert worker.done.timers == 1
