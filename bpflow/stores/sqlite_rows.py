"""Reading instances and documents from SQLite, inside and outside of units of work."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from bpflow.engine.codec import STATUSES, instant, loads
from bpflow.expressions.data import Document
from bpflow.stores.contract import Caller, DocumentRow, InstanceRow, Snapshot

_COLUMNS = (
    "i.id, i.owner, i.definition, d.process, i.status, i.revision, i.incidents, i.document, c.type, i.started, i.ended, i.result, i.history, "
    "i.deployed, i.level, i.caller, i.caller_token, i.caller_visit, i.caller_attempt"
)
_JOINED = "from instance i join definition d on d.id = i.definition left join document c on c.id = i.document"
NUMBER = (
    "1 + max((select coalesce(max(id), 0) from instance), (select coalesce(max(child), 0) from called), "
    "(select coalesce(max(receiver), 0) from message where receiver is not null))"
)
"""A number that no instance has, nor one that is about to begin."""
INSTANCE = f"select {_COLUMNS} {_JOINED}"
DOCUMENT = "select id, owner, type, version, created, changed, fields from document"


def instance(row: Any) -> InstanceRow:
    id, owner, definition, process, status, revision, incidents, document, type, started, ended, result, history, deployed, level, *call = row
    ref = Document(type, document) if document is not None else None
    closed = instant(ended) if ended is not None else None
    caller = Caller(call[0], call[1], call[2], call[3], level) if call[0] is not None else None
    how = STATUSES[status], revision, incidents, ref, instant(started), closed, result, history
    return InstanceRow(id, owner, definition, process, *how, caller, deployed)


def new_number(run: Callable[..., Any]) -> int:
    """The number of an instance that is about to begin, in the unit of work that writes down that it is."""
    return int(run(f"select {NUMBER}").fetchone()[0])


def one_instance(db: sqlite3.Connection, id: int) -> InstanceRow | None:
    row = db.execute(f"{INSTANCE} where i.id = ?", (id,)).fetchone()
    return instance(row) if row else None


def one_snapshot(db: sqlite3.Connection, id: int) -> Snapshot | None:
    """Within a transaction, so that the root and the pages belong together."""
    row = db.execute(f"select i.state, {_COLUMNS} {_JOINED} where i.id = ?", (id,)).fetchone()
    if row is None:
        return None
    pages = {(holder, part): data for holder, part, data in db.execute("select holder, part, data from page where instance = ?", (id,))}
    return Snapshot(instance(row[1:]), row[0], pages)


def document(row: Any) -> DocumentRow:
    id, owner, type, version, created, changed, fields = row
    return DocumentRow(Document(type, id), owner, version, instant(created), instant(changed), loads(fields))


def one_document(db: sqlite3.Connection, id: int) -> DocumentRow | None:
    row = db.execute(f"{DOCUMENT} where id = ?", (id,)).fetchone()
    return document(row) if row else None


__all__ = ["DOCUMENT", "INSTANCE", "NUMBER", "STATUSES", "document", "instance", "new_number", "one_document", "one_instance", "one_snapshot"]
