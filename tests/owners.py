"""The guard of one law: no unit of work writes rows of two owners. It looks at the rows that SQLite and PostgreSQL really write.

Small tables of the house belong to nobody, and may be written beside the rows of any owner: `definition`, `deployment` and `schedule` (what
there is to begin; a start on schedule moves the schedule on and begins the instance), `absence` and `turn` (who is away, and whose turn it
is, of all processes together), `worker` and `slot` (who works),
`chain` (by what the key of the histories is known again). All of them are small, and a store that is spread over machines keeps them in one piece.

Owners that begin in the unit of work itself may be many: an import makes many documents at once. Nobody waits for them, nobody holds
them, and nothing of any other owner is written beside them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from bpflow.runtime import groups
from bpflow.runtime.transaction import Runner
from bpflow.stores.leases import Lease
from bpflow.stores.postgres import PostgresStore
from bpflow.stores.postgres_joined import Savepoint
from bpflow.stores.postgres_lines import Address
from bpflow.stores.sqlite import SqliteStore
from bpflow.stores.sqlite_work import SqliteWork

NOBODYS = frozenset({"definition", "deployment", "schedule", "absence", "turn", "worker", "slot", "chain"})
BEGINS = frozenset({"instance", "document"})
"""The tables whose rows begin an owner: their own number."""


class Guard:
    """What the present unit of work of a store has written, by owner."""

    def __init__(self, broken: list[str]) -> None:
        self.written: dict[int, list[str]] = {}
        self.begun: set[int] = set()
        self.broken = broken

    def begin(self) -> None:
        self.written.clear()
        self.begun.clear()

    def watch(self, db: sqlite3.Connection) -> None:
        """Has the store tell of each row that it writes, by triggers of this connection alone."""
        db.create_function("wrote", 3, self.wrote)
        for table in tables(db):
            for event, row in (("insert", "new"), ("update", "new"), ("delete", "old")):
                id = f"{row}.id" if table in BEGINS and event != "delete" else "null"
                body = f"select wrote({row}.owner, '{event} {table}', {id});"
                db.execute(f"create temp trigger guard_{event}_{table} after {event} on main.{table} begin {body} end")

    def wrote(self, owner: int, what: str, id: int | None) -> None:
        if owner == 0 and id is not None:
            return  # it is its own owner as soon as it has its number
        if owner == id and what in ("update instance", "update document") and owner not in self.written:
            self.begun.add(owner)
        self.written.setdefault(owner, []).append(what)
        if len(self.written) > 1 and not self.written.keys() <= self.begun:
            self.broken.append(f"rows of several owners in one unit of work: {self.written}")


def tables(db: sqlite3.Connection) -> list[str]:
    """The tables whose rows have owners. Every table is one, but for those of nobody."""
    names = [name for (name,) in db.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")]
    return [name for name in names if name not in NOBODYS]


ON_POSTGRES = """
create function bpflow.guard() returns trigger language plpgsql as $$
declare
  its bigint := case tg_op when 'DELETE' then old.owner else new.owner end;
  written bigint[] := coalesce(nullif(current_setting('guard.written', true), ''), '{}')::bigint[];
  begun bigint[] := coalesce(nullif(current_setting('guard.begun', true), ''), '{}')::bigint[];
begin
  if tg_op = 'INSERT' and tg_table_name ~ '^(instance|document)' and to_jsonb(new)->>'id' = its::text and not its = any(written) then
    begun := begun || its;
    perform set_config('guard.begun', begun::text, true);
  end if;
  if not its = any(written) then
    written := written || its;
    perform set_config('guard.written', written::text, true);
  end if;
  if cardinality(written) > 1 and not written <@ begun then
    raise exception 'rows of several owners in one unit of work: % %, owners %', lower(tg_op), tg_table_name, written;
  end if;
  return null;
end $$
"""


def watch(url: str) -> None:
    """Has a database on PostgreSQL refuse what would break the law, whoever it is that writes."""
    owned = (
        "select c.table_name from information_schema.columns c join pg_class t on t.relname = c.table_name and t.relnamespace = 'bpflow'::regnamespace "
        "where c.table_schema = 'bpflow' and c.column_name = 'owner' and not t.relispartition"
    )
    with Address(url).connect() as db, db.transaction():
        db.execute("select pg_advisory_xact_lock(20261126)")  # several programs may open the database at once
        if db.execute("select 1 from pg_proc where proname = 'guard' and pronamespace = 'bpflow'::regnamespace").fetchone() is None:
            db.execute(ON_POSTGRES)
            for (table,) in db.execute(owned).fetchall():
                if table not in NOBODYS:
                    db.execute(f"create trigger guard after insert or update or delete on bpflow.{table} for each row execute function bpflow.guard()".encode())


@contextmanager
def guarded(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every store that is opened here is guarded. Gives what has broken the law, which is told at the end too."""
    broken: list[str] = []
    opened, started, worked_in = SqliteStore.__init__, SqliteWork.open, groups.work_in
    by_db: dict[int, Guard] = {}
    """By the connection: units of work that are savepoints of one transaction are units too, and so are the events of a group."""

    def open(store: SqliteStore, *given: object, **options: object) -> None:
        opened(store, *given, **options)  # type: ignore[arg-type]
        by_db[id(store._db)] = guard = Guard(broken)
        guard.watch(store._db)

    def start(work: SqliteWork, leases: Sequence[Lease]) -> None:
        if id(work._db) in by_db:  # else it is a connection of the program's own
            by_db[id(work._db)].begin()
        started(work, leases)

    def next_one(runner: Runner, work: SqliteWork, *one: Any) -> None:
        if id(work._db) in by_db:
            by_db[id(work._db)].begin()
        worked_in(runner, work, *one)

    connected = PostgresStore.__init__

    def connect(store: PostgresStore, url: str) -> None:
        connected(store, url)
        watch(url)

    saved = Savepoint.__init__

    def save(work: Savepoint, *given: Any) -> None:
        saved(work, *given)
        work.put("select set_config('guard.written', '', true), set_config('guard.begun', '', true)")

    patch.setattr(Savepoint, "__init__", save)
    patch.setattr(PostgresStore, "__init__", connect)
    patch.setattr(SqliteStore, "__init__", open)
    patch.setattr(SqliteWork, "open", start)
    patch.setattr(groups, "work_in", next_one)
    yield broken
    assert not broken, "\n".join(broken)
