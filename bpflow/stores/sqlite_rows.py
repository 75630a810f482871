"""Reading instances and documents from SQLite, inside and outside of units of work."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from bpflow.stores import rows
from bpflow.stores.contract import DocumentRow, InstanceRow, Snapshot

_JOINED = "from instance i join definition d on d.id = i.definition left join document c on c.id = i.document"
_NEW_NUMBER = (
    "1 + max((select coalesce(max(id), 0) from instance), (select coalesce(max(child), 0) from called), "
    "(select coalesce(max(receiver), 0) from message where receiver is not null))"
)
"""A number that no instance has, nor one that is about to begin."""
BEGINNING = f"select coalesce(?, {_NEW_NUMBER}), (select coalesce(max(id), 0) from deployment)"
"""The number of an instance that begins, and the end of the log of deployments."""
INSTANCE = f"select {rows.INSTANCE} {_JOINED}"
_PAGED = "exists (select 1 from page where instance = i.id)"
_OF = "from instance i left join document c on c.id = i.document left join history h on h.id = i.history where i.id"
_SNAPSHOT = f"select {rows.SNAPSHOT}, {_PAGED} {_OF} = ?"
SNAPSHOTS = f"select {rows.SNAPSHOT} {_OF} in (select value from json_each(?)) and not {_PAGED}"
"""Those of instances whose numbers are given as JSON, but for such as have pages."""
DOCUMENT = f"select {rows.DOCUMENT} from document"
CHAIN = (
    "with recursive chain (id) as (select history from instance where id = ?1 "
    "union all select h.previous from chain join history h on h.id = chain.id where h.previous is not null)"
)
"""The rows of history of an instance."""
ITS_NOTICES = f"instance = ?1 and (person, at) in ({CHAIN} select told.value, h.at from chain join history h on h.id = chain.id, json_each(h.told) told)"
"""The condition that a notice is of an instance."""


def new_number(run: Callable[..., Any]) -> int:
    """The number of an instance that is about to begin, in the unit of work that writes down that it is."""
    return int(run(f"select {_NEW_NUMBER}").fetchone()[0])


def one_instance(db: sqlite3.Connection, id: int) -> InstanceRow | None:
    row = db.execute(f"{INSTANCE} where i.id = ?", (id,)).fetchone()
    return rows.instance(row) if row else None


def one_snapshot(db: sqlite3.Connection, run: Callable[..., Any], id: int) -> Snapshot | None:
    """In one transaction, so that the root and the pages belong together; outside of one, a transaction is opened where there are pages."""
    row = run(_SNAPSHOT, (id,)).fetchone()
    if row is None:
        return None
    if not row[-1]:
        return rows.snapshot(row, {})
    if not db.in_transaction:
        return _in_a_transaction(db, id)
    pages = {(holder, part): data for holder, part, data in run("select holder, part, data from page where instance = ?", (id,))}
    return rows.snapshot(row, pages)


def _in_a_transaction(db: sqlite3.Connection, id: int) -> Snapshot | None:
    db.execute("begin")
    try:
        return one_snapshot(db, db.execute, id)
    finally:
        if db.in_transaction:
            db.execute("commit")


def one_document(db: sqlite3.Connection, id: int) -> DocumentRow | None:
    row = db.execute(f"{DOCUMENT} where id = ?", (id,)).fetchone()
    return rows.document(row) if row else None
