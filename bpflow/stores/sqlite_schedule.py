"""The rows of schedules in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from bpflow.engine.codec import micros
from bpflow.stores.contract import ScheduleRow

DUE = "select process, number, cron, due from schedule where ? is null or due <= ? order by due, process, number"


def put(db: sqlite3.Connection, process: str, schedules: Sequence[ScheduleRow]) -> None:
    """The schedules of a process are these and no others; one that is written as it was keeps its time."""
    sql = (
        "insert into schedule values (?, ?, ?, ?) on conflict (process, number) do update "
        "set cron = excluded.cron, due = excluded.due where cron != excluded.cron"
    )
    for row in schedules:
        db.execute(sql, (process, row.number, row.cron, micros(row.due)))
    kept = [row.number for row in schedules]
    db.execute(f"delete from schedule where process = ? and number not in ({', '.join('?' * len(kept))})", (process, *kept))


def move(db: sqlite3.Connection, row: ScheduleRow, due: datetime | None) -> bool:
    """Sets the next time (None: never again). False if the schedule is not as the row says any more."""
    same, where = "where process = ? and number = ? and cron = ? and due = ?", (row.process, row.number, row.cron, micros(row.due))
    if due is None:
        return db.execute(f"delete from schedule {same}", where).rowcount == 1
    return db.execute(f"update schedule set due = ? {same}", (micros(due), *where)).rowcount == 1
