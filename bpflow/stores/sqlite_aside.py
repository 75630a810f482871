"""The rows of instances that are set aside, in SQLite."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from bpflow.engine.codec import micros
from bpflow.expressions.data import Document

IDS = "select instance from aside"
ALL = "select instance, at, reason from aside order by instance"


def put(db: sqlite3.Connection, instance: int, at: datetime, reason: str) -> bool:
    """Sets an instance aside. False if there is none."""
    return db.execute("insert or replace into aside select id, owner, ?, ? from instance where id = ?", (micros(at), reason, instance)).rowcount == 1


def take(db: sqlite3.Connection, instance: int) -> list[Document] | None:
    """Takes it back; gives the documents that it watches. None if it was not set aside."""
    if db.execute("delete from aside where instance = ?", (instance,)).rowcount != 1:
        return None
    sql = "select distinct d.type, d.id from watch w join document d on d.id = w.document where w.instance = ? order by d.id"
    return [Document(type, id) for type, id in db.execute(sql, (instance,))]
