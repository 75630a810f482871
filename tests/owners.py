"""The guard of one law: no unit of work writes rows of two owners. It looks at the rows that SQLite really writes.

Small tables of the house belong to nobody, and may be written beside the rows of any owner: `definition`, `deployment` and `schedule` (what
there is to begin; a start on schedule moves the schedule on and begins the instance), `absence` and `turn` (who is away, and whose turn it
is, of all processes together), `worker` and `slot` (who works),
`chain` (by what the key of the histories is known again). All of them are small, and a store that is spread over machines keeps them in one piece.

Owners that begin in the unit of work itself may be many: an import makes many documents at once. Nobody waits for them, nobody holds
them, and nothing of any other owner is written beside them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bpflow.stores.leases import Lease
from bpflow.stores.sqlite import SqliteStore
from bpflow.stores.sqlite_work import SqliteWork

NOBODYS = frozenset({"definition", "deployment", "schedule", "absence", "turn", "worker", "slot", "chain"})
BEGINS = frozenset({"instance", "document"})
"""The tables whose rows begin an owner: their own number."""


class Guard:
    """What the present unit of work of a store has written, by owner."""

    def __init__(self) -> None:
        self.written: dict[int, list[str]] = {}
        self.begun: set[int] = set()
        self.broken: list[str] = []

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


@contextmanager
def guarded(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every store that is opened here is guarded. Gives what has broken the law, which is told at the end too."""
    guards: list[Guard] = []
    opened, started = SqliteStore.__init__, SqliteWork.start
    by_work: dict[int, Guard] = {}

    def open(store: SqliteStore, *given: object, **options: object) -> None:
        opened(store, *given, **options)  # type: ignore[arg-type]
        guard = Guard()
        guard.watch(store._db)
        guards.append(guard)
        by_work[id(store._work)] = guard

    def start(work: SqliteWork, owner: int | None, lease: Lease | None) -> None:
        by_work[id(work)].begin()
        started(work, owner, lease)

    patch.setattr(SqliteStore, "__init__", open)
    patch.setattr(SqliteWork, "start", start)
    broken: list[str] = []
    yield broken
    broken += [one for guard in guards for one in guard.broken]
    assert not broken, "\n".join(broken)
