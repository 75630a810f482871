"""The rows of instances that are set aside, in SQLite."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from bpflow.engine.codec import micros

IDS = "select instance from aside"
TROUBLED = f"{IDS} union all select instance from outbox where held is not null"
"""The instances that an operator must see to, besides those with incidents."""
ALL = "select instance, at, reason from aside union all select instance, at, held from outbox where held is not null order by instance"


def put(db: sqlite3.Connection, instance: int, at: datetime, reason: str) -> bool:
    """Sets an instance aside. False if there is none."""
    return db.execute("insert or replace into aside select id, owner, ?, ? from instance where id = ?", (micros(at), reason, instance)).rowcount == 1


def take(db: sqlite3.Connection, instance: int) -> bool:
    """Takes it back, and what it could not send. False if there was nothing to take back."""
    calls = db.execute("update outbox set held = null where instance = ? and held is not null", (instance,)).rowcount
    return db.execute("delete from aside where instance = ?", (instance,)).rowcount + calls > 0
