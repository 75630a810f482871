"""Calls in the program's own transaction: one commit with what the program writes, and nothing at all without it."""

from __future__ import annotations

import inspect
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bpflow.engine.transition import InvalidAnswer, UnexpectedEvent
from bpflow.runtime import Engine, VirtualClock, open_engine
from bpflow.runtime.joining import Connection
from bpflow.stores.contract import StoreError


@pytest.fixture
def orders(db: Path, engine: Engine) -> Iterator[sqlite3.Connection]:
    """The program's own connection to the file, with a table of its own."""
    connection = sqlite3.connect(db)
    connection.execute("create table orders (number integer)")
    yield connection
    connection.close()


def dump(db: Path) -> list[str]:
    with sqlite3.connect(db) as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines


def test_the_order_and_its_process_are_one_commit(engine: Engine, orders: sqlite3.Connection) -> None:
    orders.execute("insert into orders values (17)")
    instance = engine.start("plain", by="boss", connection=orders)
    (task,) = engine.tasks("boss", connection=orders)
    engine.answer(task.id, by="boss", values={"parts": 3}, connection=orders)
    assert engine.instances() == []
    assert engine.tasks() == []
    orders.commit()
    assert [row.id for row in engine.instances()] == [instance]
    assert {entry.party for entry in engine.tasks()} == {"role:clerk"}
    assert orders.execute("select number from orders").fetchall() == [(17,)]


def all_kinds(engine: Engine, connection: Connection | None, deal: str) -> int:
    """Every call that takes a connection, on the instance that it starts."""
    started = engine.start("plain", by="boss", key="once", connection=connection)
    engine.start_many("plain", [{}, {}], connection=connection)
    (task,) = engine.tasks("boss", instance=started, connection=connection)
    assert engine.task(task.id, connection=connection).subject == "Первый"
    engine.answer(task.id, by="boss", values={"parts": 3}, connection=connection)
    (task,) = engine.tasks("petrova", instance=started, connection=connection)
    engine.claim(task.id, by="petrova", connection=connection)
    engine.release(task.id, by="petrova", connection=connection)
    engine.cancel(started, connection=connection)
    assert engine.instance(started, connection=connection).row.status == "cancelled"
    made = engine.create_document("deal", {"name": "Новая", "status": "new"}, connection=connection)
    engine.set_document(deal, {"sum": 5}, connection=connection)
    engine.set_document(made, {"status": "open", "responsible": "petrova"}, connection=connection)
    assert engine.document(made, connection=connection).fields["status"] == "open"
    engine.send_message("paid", "7", {"sum": 5}, connection=connection)
    return started


def test_a_rollback_leaves_nothing(engine: Engine, orders: sqlite3.Connection, db: Path) -> None:
    deal = engine.create_document("deal", {"name": "Заря", "status": "new"})
    before = dump(db)
    orders.execute("insert into orders values (17)")
    all_kinds(engine, orders, f"deal:{deal.id}")
    orders.rollback()
    assert dump(db) == before
    assert engine.work().total == 0


def test_what_it_leaves_is_told_after_the_commit(engine: Engine, orders: sqlite3.Connection) -> None:
    """The same calls as without a connection come to the same: the changes of documents are told by the next `work`."""
    deal = engine.create_document("deal", {"name": "Заря", "status": "new"})
    all_kinds(engine, orders, f"deal:{deal.id}")
    assert [row.process for row in engine.instances()] == []
    engine.tell()
    assert engine.instances() == []
    orders.commit()
    assert engine.work().changes == 3
    assert [row.process for row in engine.instances()] == ["plain", "plain", "plain", "ask"]


def test_a_call_that_is_refused_takes_back_itself_alone(engine: Engine, orders: sqlite3.Connection) -> None:
    orders.execute("insert into orders values (1)")
    instance = engine.start("plain", connection=orders)
    (task,) = engine.tasks(instance=instance, connection=orders)
    with pytest.raises(InvalidAnswer):
        engine.answer(task.id, by="boss", values={"parts": "many"}, connection=orders)
    with pytest.raises(StoreError, match="commits each"), sqlite3.connect(engine.store.path, isolation_level=None) as other:  # type: ignore[attr-defined]
        engine.start("plain", connection=other)
    other.close()
    engine.answer(task.id, by="boss", values={"parts": 2}, connection=orders)
    orders.commit()
    assert [line.kind for line in engine.timeline(instance)] == ["started", "step", "answered", "step"]


def test_what_began_nothing_leaves_no_transaction_open(engine: Engine, orders: sqlite3.Connection) -> None:
    with pytest.raises(UnexpectedEvent):
        engine.cancel(99, connection=orders)
    assert not orders.in_transaction
    assert engine.tasks(connection=orders) == []
    assert not orders.in_transaction
    engine.start("plain", connection=orders)
    assert orders.in_transaction
    orders.rollback()


def test_nothing_uncommitted_is_in_the_memory_of_the_engine(engine: Engine, orders: sqlite3.Connection) -> None:
    instance = engine.start("plain")
    (task,) = engine.tasks(instance=instance)
    engine.answer(task.id, by="boss", values={"parts": 2}, connection=orders)
    assert engine.task(task.id).subject == "Первый"  # as it is committed
    orders.rollback()
    engine.answer(task.id, by="boss", values={"parts": 3})
    assert [line.kind for line in engine.timeline(instance)] == ["started", "step", "answered", "step"]
    (second,) = {entry.id for entry in engine.tasks(instance=instance)}
    engine.answer(second, by="petrova", connection=orders)
    orders.commit()
    with pytest.raises(UnexpectedEvent):
        engine.answer(second, by="petrova")
    assert engine.instance(instance).row.status == "ended"


def test_numbers_that_were_rolled_back_are_given_again(engine: Engine, orders: sqlite3.Connection) -> None:
    gone = engine.start("plain", inputs={"who": "petrova"}, connection=orders)
    orders.rollback()
    assert engine.start("plain", inputs={"who": "ivanov"}) == gone
    assert {entry.party for entry in engine.tasks(instance=gone)} == {"user:ivanov"}


# ── the connection ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_connection_is_given_back_as_it_was(engine: Engine, orders: sqlite3.Connection) -> None:
    orders.row_factory, orders.text_factory = lambda cursor, row: {"row": row}, bytes
    factories = orders.row_factory, orders.text_factory
    instance = engine.start("plain", connection=orders)
    assert [entry.subject for entry in engine.tasks(instance=instance, connection=orders)] == ["Первый"]
    assert (orders.row_factory, orders.text_factory) == factories
    orders.commit()


def test_a_transaction_that_the_program_has_begun_itself(engine: Engine, db: Path) -> None:
    orders = sqlite3.connect(db, isolation_level=None)
    orders.execute("begin immediate")
    engine.start("plain", connection=orders)
    orders.execute("commit")
    assert len(engine.instances()) == 1
    orders.close()


def test_a_savepoint_of_the_program_around_it(engine: Engine, orders: sqlite3.Connection) -> None:
    orders.execute("insert into orders values (1)")
    orders.execute("savepoint mine")
    engine.start("plain", connection=orders)
    orders.execute("rollback to mine")
    orders.commit()
    assert engine.instances() == []


Make = Callable[[Path], object]


def closed(db: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(db)
    connection.close()
    return connection


def in_another_thread(db: Path) -> sqlite3.Connection:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(sqlite3.connect, db).result()


WRONG: list[tuple[Make, str]] = [
    (lambda db: sqlite3.connect(db.with_name("other.db")), 'the connection is to another database, ".*other.db": ".*bpflow.db" is needed'),
    (lambda db: sqlite3.connect(":memory:"), "the connection is to another database, "),
    (lambda db: sqlite3.connect(db, isolation_level=None), 'commits each statement by itself: execute "begin" on it first'),
    (closed, "the connection cannot be used: Cannot operate on a closed database"),
    (in_another_thread, "the connection cannot be used: SQLite objects created in a thread"),
    (lambda db: "sqlite:///bpflow.db", "a connection of sqlite3 is expected, not str"),
]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("make, message", WRONG)
def test_a_connection_that_will_not_do(engine: Engine, db: Path, make: Make, message: str) -> None:
    before = dump(db)
    connection = make(db)
    with pytest.raises(StoreError, match=message):
        engine.start("plain", connection=connection)  # type: ignore[arg-type]
    assert dump(db) == before
    if isinstance(connection, sqlite3.Connection) and make is not in_another_thread:
        connection.close()


def test_a_store_in_memory(clock: VirtualClock) -> None:
    connection = sqlite3.connect(":memory:")
    with open_engine(":memory:", None, clock) as engine, pytest.raises(StoreError, match="a store in memory"):
        engine.tasks(connection=connection)
    connection.close()


def test_who_read_before_another_wrote_is_told_so(engine: Engine, db: Path) -> None:
    orders = sqlite3.connect(db, isolation_level=None)
    orders.execute("begin")
    orders.execute("select count(*) from instance").fetchall()
    engine.start("plain")
    with pytest.raises(StoreError, match="was written by another since the transaction began to read"):
        engine.start("plain", connection=orders)
    orders.execute("rollback")
    orders.close()


def test_two_threads_each_in_a_transaction_of_its_own(engine: Engine, db: Path) -> None:
    """Twenty starts by two threads, half of them rolled back, beside the engine's own."""

    def some(number: int) -> None:
        orders = sqlite3.connect(db, timeout=60)
        for turn in range(10):
            engine.start("plain", connection=orders)
            (orders.commit if turn % 2 else orders.rollback)()
        orders.close()

    threads = [threading.Thread(target=some, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        engine.start("plain")
    for thread in threads:
        thread.join()
    assert len(engine.instances()) == 15


def test_every_call_of_a_program_takes_a_connection() -> None:
    """All that people and programs do; not what operators repair, and nothing that works by itself."""
    taking = {name for name, method in inspect.getmembers(Engine, inspect.isfunction) if "connection" in inspect.signature(method).parameters}
    assert taking - {"_within"} == {
        *("start", "start_many", "answer", "tick", "claim", "release", "delegate", "command", "move", "cancel"),
        *("create_document", "set_document", "send_message", "task", "tasks", "instance", "document"),
    }
