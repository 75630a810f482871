"""The rows of schedules in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from bpflow.engine.codec import micros
from bpflow.stores.contract import ScheduleRow


def put_schedules(db: sqlite3.Connection, process: str, schedules: Sequence[ScheduleRow]) -> None:
    """The schedules of a process are these and no others; one that is written as it was keeps its time."""
    sql = (
        "insert into schedule values (?, ?, ?, ?) on conflict (process, number) do update "
        "set cron = excluded.cron, due = excluded.due where cron != excluded.cron"
    )
    for row in schedules:
        db.execute(sql, (process, row.number, row.cron, micros(row.due)))
    kept = [row.number for row in schedules]
    db.execute(f"delete from schedule where process = ? and number not in ({', '.join('?' * len(kept))})", (process, *kept))
