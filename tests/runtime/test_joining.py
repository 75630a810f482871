"""Calls in the program's own transaction: one commit with what the program writes, and nothing at all without it."""

from __future__ import annotations

import contextlib
import inspect
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from bpflow.engine.transition import InvalidAnswer, UnexpectedEvent
from bpflow.loading import LoadedWorkspace
from bpflow.runtime import Engine, VirtualClock, open_engine
from bpflow.runtime.joining import Connection
from bpflow.stores.contract import StoreError

Orders = Any
"""A connection of the program's own, sqlite3's or psycopg's."""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(request.getfixturevalue("database")) if request.param == "postgres" else f"sqlite:///{tmp_path / 'bpflow.db'}"


@pytest.fixture
def engine(url: str, workspace: LoadedWorkspace, clock: VirtualClock) -> Iterator[Engine]:
    with open_engine(url, workspace, clock) as engine:
        engine.deploy_workspace()
        yield engine


def connect(url: str, **options: Any) -> Orders:
    if url.startswith("sqlite"):
        return sqlite3.connect(url.removeprefix("sqlite:///"), **options)
    return psycopg.connect(url, **options)


@pytest.fixture
def orders(url: str, engine: Engine) -> Iterator[Orders]:
    """The program's own connection to the database, with a table of its own."""
    connection = connect(url)
    connection.execute("create table orders (number integer)")
    connection.commit()
    yield connection
    connection.close()


def dump(url: str) -> dict[str, list[str]]:
    """Every row that is committed."""
    connection = connect(url)
    schema = "select name from sqlite_master where type = 'table'" if url.startswith("sqlite") else TABLES
    tables = [name for (name,) in connection.execute(schema).fetchall()]
    found = {table: sorted(map(repr, connection.execute(f"select * from {table}").fetchall())) for table in tables}
    connection.close()
    return found


TABLES = "select 'bpflow.' || tablename from pg_tables where schemaname = 'bpflow'"


def test_the_order_and_its_process_are_one_commit(engine: Engine, orders: Orders) -> None:
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


def test_a_rollback_leaves_nothing(engine: Engine, orders: Orders, url: str) -> None:
    deal = engine.create_document("deal", {"name": "Заря", "status": "new"})
    before = dump(url)
    orders.execute("insert into orders values (17)")
    all_kinds(engine, orders, f"deal:{deal.id}")
    orders.rollback()
    assert dump(url) == before
    assert engine.work().total == 0


def test_what_it_leaves_is_told_after_the_commit(engine: Engine, orders: Orders) -> None:
    """The same calls as without a connection come to the same: the changes of documents are told by the next `work`."""
    deal = engine.create_document("deal", {"name": "Заря", "status": "new"})
    all_kinds(engine, orders, f"deal:{deal.id}")
    assert [row.process for row in engine.instances()] == []
    engine.tell()
    assert engine.instances() == []
    orders.commit()
    assert engine.work().changes == 3
    assert [row.process for row in engine.instances()] == ["plain", "plain", "plain", "ask"]


def test_a_call_that_is_refused_takes_back_itself_alone(engine: Engine, orders: Orders) -> None:
    orders.execute("insert into orders values (1)")
    instance = engine.start("plain", connection=orders)
    (task,) = engine.tasks(instance=instance, connection=orders)
    with pytest.raises(InvalidAnswer):
        engine.answer(task.id, by="boss", values={"parts": "many"}, connection=orders)
    engine.answer(task.id, by="boss", values={"parts": 2}, connection=orders)
    orders.commit()
    assert [line.kind for line in engine.timeline(instance)] == ["started", "step", "answered", "step"]


def test_what_began_nothing_leaves_no_transaction_open(engine: Engine, orders: Orders) -> None:
    with pytest.raises(UnexpectedEvent):
        engine.cancel(99, connection=orders)
    assert not in_transaction(orders)
    engine.start("plain", connection=orders)
    assert in_transaction(orders)
    orders.rollback()


def in_transaction(connection: Orders) -> bool:
    if isinstance(connection, sqlite3.Connection):
        return connection.in_transaction
    return bool(connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE)


def test_nothing_uncommitted_is_in_the_memory_of_the_engine(engine: Engine, orders: Orders) -> None:
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


def test_numbers_that_were_rolled_back_are_given_again(engine: Engine, orders: Orders) -> None:
    """As SQLite gives them: what was known of the instance that never was is nothing to the one that has its number."""
    engine.start("plain", inputs={"who": "petrova"}, connection=orders)
    orders.rollback()
    begun = engine.start("plain", inputs={"who": "ivanov"})
    assert {entry.party for entry in engine.tasks(instance=begun)} == {"user:ivanov"}


# ── the connection ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_connection_is_given_back_as_it_was(engine: Engine, orders: Orders) -> None:
    if isinstance(orders, sqlite3.Connection):
        orders.row_factory, orders.text_factory = lambda cursor, row: {"row": row}, bytes
    else:
        orders.row_factory = dict_row
    factories = orders.row_factory, getattr(orders, "text_factory", None)
    instance = engine.start("plain", connection=orders)
    assert [entry.subject for entry in engine.tasks(instance=instance, connection=orders)] == ["Первый"]
    assert (orders.row_factory, getattr(orders, "text_factory", None)) == factories
    for number in range(3):
        orders.execute(f"insert into orders values ({number})")
    orders.commit()
    assert len(engine.instances()) == 1


def test_a_transaction_that_the_program_has_begun_itself(engine: Engine, url: str) -> None:
    orders = connect(url, **({"isolation_level": None} if url.startswith("sqlite") else {"autocommit": True}))
    with pytest.raises(StoreError, match='commits each statement by itself: execute "begin" on it first'):
        engine.start("plain", connection=orders)
    orders.execute("begin")
    engine.start("plain", connection=orders)
    orders.execute("commit")
    assert len(engine.instances()) == 1
    orders.close()


def test_a_savepoint_of_the_program_around_it(engine: Engine, orders: Orders) -> None:
    orders.execute("insert into orders values (1)")
    orders.execute("savepoint mine")
    engine.start("plain", connection=orders)
    orders.execute("rollback to mine")
    orders.commit()
    assert engine.instances() == []


@pytest.fixture
def on_sqlite(db: Path, workspace: LoadedWorkspace, clock: VirtualClock) -> Iterator[Engine]:
    with open_engine(f"sqlite:///{db}", workspace, clock) as engine:
        engine.deploy_workspace()
        yield engine


@pytest.fixture
def on_postgres(database: str, workspace: LoadedWorkspace, clock: VirtualClock) -> Iterator[Engine]:
    with open_engine(database, workspace, clock) as engine:
        engine.deploy_workspace()
        yield engine


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


@pytest.mark.sqlite
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("make, message", WRONG)
def test_a_connection_to_sqlite_that_will_not_do(on_sqlite: Engine, db: Path, make: Make, message: str) -> None:
    before = dump(f"sqlite:///{db}")
    connection = make(db)
    with pytest.raises(StoreError, match=message):
        on_sqlite.start("plain", connection=connection)  # type: ignore[arg-type]
    assert dump(f"sqlite:///{db}") == before
    if isinstance(connection, sqlite3.Connection) and make is not in_another_thread:
        connection.close()


def test_a_store_in_memory(clock: VirtualClock) -> None:
    connection = sqlite3.connect(":memory:")
    with open_engine(":memory:", None, clock) as engine, pytest.raises(StoreError, match="a store in memory"):
        engine.tasks(connection=connection)
    connection.close()


@pytest.mark.sqlite
def test_a_file_that_has_tables_of_the_program_already(db: Path, workspace: LoadedWorkspace, clock: VirtualClock) -> None:
    """They stay as they are, and are written in one transaction with those of bpflow; a clash of names is refused, and nothing is made."""
    orders = sqlite3.connect(db)
    orders.execute("create table orders (number integer)")
    orders.execute("insert into orders values (1)")
    orders.commit()
    url = f"sqlite:///{db}?beside=yes"
    with pytest.raises(StoreError, match=r'is a database of another program — to put the tables of bpflow beside its own, open it with "\?beside=yes"'):
        open_engine(f"sqlite:///{db}")
    for made, message in (("table task (id integer)", 'would call so too: "task"'), ("index listen_name on orders (number)", '"listen_name"')):
        orders.execute(f"create {made}")
        with pytest.raises(StoreError, match=message):
            open_engine(url)
        orders.execute(f"drop {made.partition(' ')[0]} {made.split()[1]}")
    orders.execute("pragma user_version = 3")
    with pytest.raises(StoreError, match="another program keeps its version"):
        open_engine(url)
    orders.execute("pragma user_version = 0")
    assert orders.execute("select count(*) from sqlite_master").fetchone() == (1,)
    for _ in range(2):
        with open_engine(url, workspace, clock) as engine:
            engine.deploy_workspace()
            orders.execute("insert into orders values (2)")
            engine.start("plain", connection=orders)
            orders.commit()
    with open_engine(f"sqlite:///{db}", workspace, clock) as engine:
        assert len(engine.instances()) == 2
    assert len(orders.execute("select * from orders").fetchall()) == 3
    orders.close()


@pytest.mark.sqlite
def test_who_read_before_another_wrote_is_told_so(on_sqlite: Engine, db: Path) -> None:
    orders = sqlite3.connect(db, isolation_level=None)
    orders.execute("begin")
    orders.execute("select count(*) from instance").fetchall()
    on_sqlite.start("plain")
    with pytest.raises(StoreError, match="was written by another since the transaction began to read"):
        on_sqlite.start("plain", connection=orders)
    orders.execute("rollback")
    orders.close()


def failed(connection: psycopg.Connection[Any]) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.execute("select nothing from nowhere")


def level(connection: psycopg.Connection[Any]) -> None:
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE


AMISS: list[tuple[Callable[[psycopg.Connection[Any]], object], str]] = [
    (lambda connection: connection.close(), "the connection cannot be used: closed"),
    (failed, "has failed: roll it back first"),
    (level, 'is "serializable"; bpflow needs "read committed"'),
    (lambda connection: connection.pgconn.enter_pipeline_mode(), "in pipeline mode: leave it first"),
]


@pytest.mark.parametrize("change, message", AMISS)
def test_a_connection_to_postgres_that_will_not_do(on_postgres: Engine, database: str, change: Callable[..., object], message: str) -> None:
    connection = psycopg.connect(database)
    change(connection)
    with pytest.raises(StoreError, match=message):
        on_postgres.start("plain", connection=connection)
    connection.close()
    assert on_postgres.instances() == []


def test_another_database_of_the_same_server(on_postgres: Engine, postgres: str) -> None:
    with psycopg.connect(postgres) as other, pytest.raises(StoreError, match='the connection is to another database, "postgres"'):
        on_postgres.start("plain", connection=other)
    with pytest.raises(StoreError, match="a connection of psycopg is expected, not Connection"):
        on_postgres.start("plain", connection=sqlite3.connect(":memory:"))


def test_on_postgres_readers_see_what_is_committed_and_writers_of_one_owner_wait(on_postgres: Engine, database: str) -> None:
    """Two transactions that change one instance: the second goes on when the first is committed, and is refused by what that has done."""
    instance = on_postgres.start("plain")
    (task,) = on_postgres.tasks(instance=instance)
    first, second = psycopg.connect(database), psycopg.connect(database)
    on_postgres.answer(task.id, by="boss", values={"parts": 1}, connection=first)
    assert on_postgres.task(task.id).subject == "Первый"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(on_postgres.answer, task.id, by="boss", values={"parts": 2}, connection=second)
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        first.commit()
        with pytest.raises(UnexpectedEvent):
            waiting.result(30)
    second.close()
    first.close()
    assert [line.kind for line in on_postgres.timeline(instance)] == ["started", "step", "answered", "step"]


def test_such_a_call_waits_for_no_other_thread(engine: Engine, orders: Orders) -> None:
    """Which may have the lock of the instance already, and wait for this very transaction."""
    instance = engine.start("plain")
    (task,) = engine.tasks(instance=instance)
    locks = engine.runner.locks

    def release() -> None:
        for lock in locks:
            lock.release()

    for lock in locks:
        lock.acquire()
    late = threading.Timer(30, release)
    late.start()
    engine.answer(task.id, by="boss", values={"parts": 3}, connection=orders)
    assert all(lock.locked() for lock in locks), "it has waited for them"
    late.cancel()
    release()
    orders.commit()
    assert [one.kind for one in engine.timeline(instance)] == ["started", "step", "answered", "step"]


def test_two_threads_each_in_a_transaction_of_its_own(engine: Engine, url: str) -> None:
    """Twenty starts by two threads, half of them rolled back, beside the engine's own."""

    def some(number: int) -> None:
        orders = connect(url, **({"timeout": 60} if url.startswith("sqlite") else {}))
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
