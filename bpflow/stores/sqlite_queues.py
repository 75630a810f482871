"""What waits to be worked, in SQLite: timers that are due, changes to be told, messages and calls.

The law of this file: what is read first is read by an index, however long the queue is; the slots of others are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bpflow.engine.codec import instant, micros
from bpflow.stores import rows
from bpflow.stores import sqlite_aside as aside
from bpflow.stores import sqlite_messages as mail
from bpflow.stores import sqlite_schedule as schedule
from bpflow.stores.contract import ChangeRow, OutboxRow, ScheduleRow
from bpflow.stores.entries import TimerEntry
from bpflow.stores.lanes import fair
from bpflow.stores.leases import IDLE, SLOTS, Busy, Depth, Slots
from bpflow.stores.mail import LookRow, MessageRow

_LANES = (
    "with recursive l (lane) as (select min(lane) from timer union all select (select min(lane) from timer where lane > l.lane) from l where lane notnull) "
    "select lane from l where lane notnull"
)
_SERVICES = (
    "with recursive l (service, lane) as (select * from (select service, lane from outbox order by service, lane limit 1) union all "
    "select n.service, n.lane from l join outbox n on n.id = ("
    "select id from outbox where (service, lane) > (l.service, l.lane) order by service, lane limit 1)) select service, lane from l"
)
_REVISION = "coalesce((select i.revision from instance i where i.id = timer.instance), 0)"
_TIMER = f"select {rows.TIMER}, {_REVISION} from timer where lane = ? and due <= ? and instance not in ({aside.IDS})"
_NEXT = f"select due from timer where lane = ? and instance not in ({aside.IDS})"
_CALL = (
    f"select {rows.OUTBOX} from outbox where held is null and iif(told and not waits, told, instance) not in ({aside.IDS}) "
    "and ((told and not waits) or coalesce((select status from instance i where i.id = outbox.instance), 0) != 4)"
)
_CHANGE = f"select {rows.CHANGE} from change c join document d on d.id = c.document"


def among(slots: Slots, owner: str = "owner") -> str:
    """The condition that an owner is in one of the slots."""
    return "1" if slots is None else f"abs({owner} % {SLOTS}) in ({', '.join(map(str, slots))})"


def where(**columns: object) -> tuple[str, list[object]]:
    """The condition that columns have those values, but those that are None; only what is asked is in it, so that its index is used."""
    asked = {column: value for column, value in columns.items() if value is not None}
    return " and ".join(f"{column} = ?" for column in asked) or "true", list(asked.values())


def limited(limit: int | None) -> int:
    return -1 if limit is None else limit


class SqliteQueues:
    """The part of the store that has to do with what waits to be worked."""

    _all: Callable[..., list[Any]]

    # ── timers ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def due(self, at: datetime, limit: int = 100, slots: Slots = None) -> list[TimerEntry]:
        sql, latest = f"{_TIMER} and {among(slots)} order by due, instance, holder, arm limit ?", micros(at)
        lanes = [self._all(sql, lane, latest, limit) for (lane,) in self._all(_LANES)]
        found = lanes[0] if len(lanes) == 1 else fair(lanes, limit, lambda row: (row[3], *row[:3]))
        return [rows.timer(row) for row in found]

    def next_due(self, slots: Slots = None) -> datetime | None:
        sql = f"{_NEXT} and {among(slots)} order by due limit 1"
        found = [due for (lane,) in self._all(_LANES) for (due,) in self._all(sql, lane)]
        if slots is None or 0 in slots:
            found += [due for (due,) in self._all("select min(due) from schedule") if due is not None]
        return instant(min(found)) if found else None

    def schedules(self, at: datetime | None = None) -> list[ScheduleRow]:
        latest = rows.maybe_micros(at)
        return [rows.schedule(row) for row in self._all(schedule.DUE, latest, latest)]

    # ── what is to be sent or told ─────────────────────────────────────────────────────────────────────────────────
    def outbox(self, limit: int = 100, slots: Slots = None, but: Busy = IDLE) -> list[OutboxRow]:
        its = f"{_CALL} and {among(slots)}" + (f" and id not in ({', '.join(map(str, but.calls))})" if but.calls else "")
        if not but.services:
            found = self._all(f"{its} order by id limit ?", limit)
            if len(found) < limit:
                return [rows.outbox(row) for row in found]
        sql = f"{its} and service = ? and lane = ? order by id limit ?"
        lanes = [self._all(sql, service, lane, limit) for service, lane in self._all(_SERVICES) if service not in but.services]
        return [rows.outbox(row) for row in fair(lanes, limit, lambda row: row[0])]

    def messages(self, *, fresh: bool = False, name: str | None = None, limit: int | None = None, slots: Slots = None, after: int = 0) -> list[MessageRow]:
        return mail.messages(self._all, fresh=fresh, name=name, limit=limited(limit), where=among(slots), after=after)

    def looks(self, limit: int = 100, slots: Slots = None, after: int = 0) -> list[LookRow]:
        return mail.looks(self._all, limit, among(slots), after)

    def changes(self, limit: int | None = 100, document: int | None = None, slots: Slots = None, after: int = 0) -> list[ChangeRow]:
        its, values = ("c.document = ?", [document]) if document is not None else (among(slots, "c.owner"), [])
        return [rows.change(row) for row in self._all(f"{_CHANGE} where {its} and c.id > ? order by c.id limit ?", *values, after, limited(limit))]

    def depths(self, at: datetime) -> Mapping[str, Depth]:
        now = micros(at)
        asked = {
            "timers": ("due", f"timer where due <= ? and instance not in ({aside.IDS})", now),
            "schedules": ("due", "schedule where due <= ?", now),
            "changes": ("at", "change where ?", 1),
            "messages": ("sent", "message where fresh and ?", 1),
            "calls": ("at", "outbox where held is null and ?", 1),
        }
        found = {}
        for kind, (since, what, value) in asked.items():
            ((count, oldest),) = self._all(f"select count(*), min({since}) from {what}", value)
            found[kind] = Depth(count, rows.maybe(oldest))
        return found
