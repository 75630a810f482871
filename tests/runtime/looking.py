"""What the tests of the runtime look at: whole databases, replays of recorded events, the index that a state stands for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from bpflow.engine.codec import decode_history
from bpflow.engine.events import Event
from bpflow.engine.interpreter import advance
from bpflow.engine.pages import encode
from bpflow.engine.program import Program
from bpflow.engine.state import State
from bpflow.engine.transition import Replayed
from bpflow.graph import Task
from bpflow.runtime import Engine
from bpflow.runtime.transaction import Held, Runner
from bpflow.stores.contract import party_text
from bpflow.stores.mail import key_text
from bpflow.stores.sqlite import SqliteStore
from bpflow.stores.sqlite_work import SqliteWork
from tests.postgres import plain

Rows = dict[str, list[tuple[Any, ...]]]


def dump(db: Path | str) -> Rows:
    """Every row of every table of a database, as another program reads it."""
    return _dump_postgres(str(db)) if str(db).startswith("postgresql://") else _dump_sqlite(db)


def _dump_postgres(url: str) -> Rows:
    with psycopg.connect(plain(url)) as db:
        names = db.execute("select table_name from information_schema.tables where table_schema = 'bpflow' order by 1").fetchall()
        return {name: sorted(db.execute(f"select * from bpflow.{name}".encode()).fetchall(), key=repr) for (name,) in names}


def _dump_sqlite(path: Path | str) -> Rows:
    db = sqlite3.connect(path)
    try:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        tables = [name for (name,) in db.execute("select name from sqlite_master where type = 'table' order by name")]
        return {table: sorted(db.execute(f"select * from {table}").fetchall(), key=repr) for table in tables}
    finally:
        db.close()


def work_class(engine: Engine) -> Any:
    """What its store's units of work are."""
    if isinstance(engine.store, SqliteStore):
        return SqliteWork
    from bpflow.stores.postgres_work import PostgresWork

    return PostgresWork


def connected(db: Path | str) -> Any:
    """A connection of another program to a database."""
    return psycopg.connect(plain(str(db)), options="-c search_path=bpflow") if str(db).startswith("postgresql://") else sqlite3.connect(db)


def select(db: Path | str, sql: str) -> list[tuple[Any, ...]]:
    """Rows, as another program reads them."""
    with closing(connected(db)) as other:
        return list(other.execute(sql).fetchall())


def tamper(db: Path | str, *statements: str) -> None:
    """Changes rows behind the back of the store."""
    for sql in statements:
        with closing(connected(db)) as other, other:
            assert other.execute(sql).rowcount != 0, "there is no such row"


def stored(engine: Engine, id: int) -> Held:
    """The instance as it is in the store, whatever is cached."""
    row = engine.store.instance(id)
    assert row is not None
    return Runner(engine.store, engine.world, engine.runner.programs).read(row)


def events_of(engine: Engine, id: int) -> list[Event]:
    program = stored(engine, id).program
    return [event for row in engine.store.history(id) for event, _ in decode_history(program, row.data, row.at)[0]]


def replays(engine: Engine, id: int) -> Iterator[tuple[int, State]]:
    """The states that the recorded events make, one a transaction, with its revision."""
    program, state = stored(engine, id).program, None
    for row in engine.store.history(id):
        for event, answers in decode_history(program, row.data, row.at)[0]:
            state = advance(program, state, event, Replayed(answers)).state
        assert state is not None
        yield row.revision, state


def check_replay(engine: Engine, id: int) -> State:
    """The replay of all that was recorded gives what is stored, and no transaction is missing; gives the state."""
    held = stored(engine, id)
    states = list(replays(engine, id))
    assert [revision for revision, _ in states] == list(range(1, held.revision + 1))
    assert held.state is not None
    assert states[-1][1] == held.state
    assert encode(held.program, states[-1][1]) == encode(held.program, held.state)
    cached = engine.runner.cache.get(id)
    assert cached is None or cached.revision < held.revision or cached.state == held.state
    return held.state


def index_of(program: Program, id: int, state: State) -> dict[str, set[tuple[Any, ...]]]:
    """The rows of the index that the state stands for."""
    tasks: set[tuple[Any, ...]] = set()
    timers: set[tuple[Any, ...]] = set()
    watches: set[tuple[Any, ...]] = set()
    listens: set[tuple[Any, ...]] = set()
    holders = {token.id: token.waiting.arms for token in state.tokens.values() if token.waiting is not None}
    holders |= {scope.id: scope.arms for scope in state.scopes.values() if scope.arms is not None}
    for holder, arms in holders.items() if state.status != "suspended" else ():
        timers |= {(id, holder, arm, due) for arm, due in arms.due.items()}
        watches |= {(document.id, id, holder) for document in arms.watched}
        visit = state.tokens[holder].visit if holder in state.tokens else 0
        listens |= {(id, holder, arm, visit, name, key_text(key)) for arm, (name, key) in arms.listening.items()}
    for token in state.tokens.values():
        if token.waiting is not None and isinstance(program.nodes[token.node], Task):
            tasks |= {(party_text(a.party), id, token.id, token.visit, token.node) for a in token.waiting.holders()}
    return {"tasks": tasks, "timers": timers, "watches": watches, "listens": listens}


def listens(engine: Engine, id: int) -> list[tuple[Any, ...]]:
    """The rows of an instance that waits for messages: instance, holder, arm, visit, name, key."""
    columns, all = "instance, holder, arm, visit, name, key", engine.store._all  # type: ignore[attr-defined]
    if isinstance(engine.store, SqliteStore):
        return list(all(f"select {columns} from listen where instance = ?", id))
    return list(all(f"select {columns} from bpflow.listen where instance = $1", id))


def index_in(engine: Engine, id: int, at: Any) -> dict[str, set[tuple[Any, ...]]]:
    """The rows of the index that the store has of an instance; timers up to `at`."""
    store = engine.store
    documents = [row.ref.id for row in store.documents()]
    watching = {(document, i) for document in documents for i in store.watchers(document) if i == id}
    return {
        "tasks": {(t.party, t.instance, t.token, t.visit, t.node) for t in store.tasks(None, id)},
        "timers": {(t.instance, t.holder, t.arm, t.due) for t in store.due(at, 10_000) if t.instance == id},
        "watches": watching,
        "listens": set(listens(engine, id)),
    }


def check_index(engine: Engine, id: int, far: Any) -> None:
    """The rows of tasks, timers, watches and listens are those that the state stands for."""
    held = stored(engine, id)
    assert held.state is not None
    meant, there = index_of(held.program, id, held.state), index_in(engine, id, far)
    assert there["tasks"] == meant["tasks"]
    assert there["timers"] == meant["timers"]
    assert there["listens"] == meant["listens"]
    assert there["watches"] == {(document, i) for document, i, _ in meant["watches"]}
