"""The rows of instances that are set aside, in SQLite."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from bpflow.engine.codec import micros
from bpflow.expressions.data import Document

IDS = "select instance from aside"
TROUBLED = f"{IDS} union all select instance from outbox where held is not null"
"""The instances that an operator must see to, besides those with incidents."""
ALL = "select instance, at, reason from aside union all select instance, at, held from outbox where held is not null order by instance"


def put(db: sqlite3.Connection, instance: int, at: datetime, reason: str) -> bool:
    """Sets an instance aside. False if there is none."""
    return db.execute("insert or replace into aside select id, owner, ?, ? from instance where id = ?", (micros(at), reason, instance)).rowcount == 1


def take(db: sqlite3.Connection, instance: int) -> list[Document] | None:
    """Takes it back, and what it could not send; gives the documents that it watches. None if there was nothing to take back."""
    calls = db.execute("update outbox set held = null where instance = ? and held is not null", (instance,)).rowcount
    if db.execute("delete from aside where instance = ?", (instance,)).rowcount + calls < 1:
        return None
    sql = "select distinct d.type, d.id from watch w join document d on d.id = w.document where w.instance = ? order by d.id"
    return [Document(type, id) for type, id in db.execute(sql, (instance,))]
