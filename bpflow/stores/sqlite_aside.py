"""The rows of instances that are set aside, in SQLite."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from bpflow.engine.codec import micros

IDS = "select instance from aside"
ALL = "select instance, at, reason from aside order by instance"


def put(db: sqlite3.Connection, instance: int, at: datetime, reason: str) -> bool:
    """Sets an instance aside. False if there is none."""
    return db.execute("insert or replace into aside select id, owner, ?, ? from instance where id = ?", (micros(at), reason, instance)).rowcount == 1


def take(db: sqlite3.Connection, instance: int) -> bool:
    """Takes it back. False if it was not set aside."""
    return db.execute("delete from aside where instance = ?", (instance,)).rowcount == 1
