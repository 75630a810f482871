"""What waits to be worked, in PostgreSQL: timers that are due, changes to be told, messages and calls.

The law of this file: each slot, and in it each lane, is read by an index from its front; so it does not matter how much of others waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bpflow.engine.codec import micros
from bpflow.stores import rows
from bpflow.stores.contract import ChangeRow, OutboxRow, ScheduleRow
from bpflow.stores.entries import TimerEntry
from bpflow.stores.leases import IDLE, SLOTS, Busy, Depth, Slots
from bpflow.stores.mail import LookRow, MessageRow
from bpflow.stores.postgres_rows import ASIDE
from bpflow.stores.postgres_wire import Row

SLOT = f"abs(owner % {SLOTS})"
"""The slot of a row, as the indexes have it."""
_OF = "unnest($1::bigint[]) s(slot)"
_LANES = (
    f"with recursive lanes (slot, lane) as (select s.slot, (select min(lane) from bpflow.timer where {SLOT} = s.slot) from {_OF} union all "
    f"select l.slot, (select min(t.lane) from bpflow.timer t where {SLOT} = l.slot and t.lane > l.lane) from lanes l where l.lane is not null) "
)
_LANE = f"bpflow.timer where {SLOT} = l.slot and lane = l.lane and instance not in ({ASIDE})"
_REVISION = "coalesce((select i.revision from bpflow.instance i where i.owner = y.owner and i.id = y.instance), 0)"
_DUE = (
    f"{_LANES} select {rows.TIMER}, {_REVISION} from (select x.*, row_number() over (partition by l.lane order by due, instance, holder, arm) as place "
    f"from lanes l cross join lateral (select {rows.TIMER} from {_LANE} and due <= $2 order by due, instance, holder, arm limit $3) x) y "
    "order by place, due, instance, holder, arm limit $3"
)
_NEXT = f"{_LANES} select min(x.due) from lanes l cross join lateral (select due from {_LANE} order by due limit 1) x"
_FIRST = f"select service, lane from bpflow.outbox where {SLOT}"
_CALL = (
    f"select {rows.OUTBOX}, lane from bpflow.outbox o where held is null and case when told = 0 or waits then instance else told end not in ({ASIDE}) "
    "and ((told != 0 and not waits) or not exists (select from bpflow.instance i where i.id = o.instance and i.status = 4))"
)
_CALLS = (
    f"with recursive lanes (slot, service, lane) as (select s.slot, f.* from {_OF} cross join lateral ({_FIRST} = s.slot order by service, lane limit 1) f "
    f"union all select l.slot, n.* from lanes l cross join lateral ({_FIRST} = l.slot and (service, lane) > (l.service, l.lane) "
    "order by service, lane limit 1) n) "
    f"select {rows.OUTBOX} from (select x.*, row_number() over (partition by x.service, x.lane order by id) as place from lanes l cross join lateral "
    f"({_CALL} and {SLOT} = l.slot and service = l.service and lane = l.lane and id != all($4::bigint[]) order by id limit $2) x "
    "where l.service != all($3::text[])) y order by place, id limit $2"
)
_CHANGE = f"select {rows.CHANGE} from bpflow.change c join bpflow.document d on d.id = c.document and d.owner = c.owner"


def numbered(slots: Slots) -> list[int]:
    """The slots, all of them named."""
    return list(range(SLOTS) if slots is None else slots)


def first(table: str, where: str = "true") -> str:
    """The first rows of a table by id, of some slots: $1 the slots, $2 how many, $3 after which."""
    its = f"select * from bpflow.{table} where {SLOT} = s.slot and id > $3 and {where} order by id limit $2"
    return f"(select x.* from {_OF} cross join lateral ({its}) x order by x.id limit $2)"


class PostgresQueues:
    """The part of the store that has to do with what waits to be worked."""

    _all: Callable[..., list[Row]]

    # ── timers ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def due(self, at: datetime, limit: int = 100, slots: Slots = None) -> list[TimerEntry]:
        found = [rows.timer(row) for row in self._all(_DUE, numbered(slots), micros(at), limit)]
        return sorted(found, key=lambda timer: (timer.due, timer.instance, timer.holder, timer.arm))

    def next_due(self, slots: Slots = None) -> datetime | None:
        schedules = "(select min(due) from bpflow.schedule)" if slots is None or 0 in slots else "null"
        ((at,),) = self._all(f"select least(({_NEXT}), {schedules})", numbered(slots))
        return rows.maybe(at)

    def schedules(self, at: datetime | None = None) -> list[ScheduleRow]:
        sql = "select process, number, cron, due from bpflow.schedule where $1::bigint is null or due <= $1 order by due, process, number"
        return [rows.schedule(row) for row in self._all(sql, rows.maybe_micros(at))]

    # ── what is to be sent or told ─────────────────────────────────────────────────────────────────────────────────
    def outbox(self, limit: int = 100, slots: Slots = None, but: Busy = IDLE) -> list[OutboxRow]:
        found = [rows.outbox(row) for row in self._all(_CALLS, numbered(slots), limit, list(but.services), list(but.calls))]
        return sorted(found, key=lambda row: row.id)

    def messages(self, *, fresh: bool = False, name: str | None = None, limit: int | None = None, slots: Slots = None, after: int = 0) -> list[MessageRow]:
        if fresh and name is None:
            found = self._all(f"select {rows.MESSAGE} from {first('message', 'fresh')} m order by id", numbered(slots), limit, after)
        else:
            sql = f"select {rows.MESSAGE} from bpflow.message m where {SLOT} = any($1::bigint[]) and id > $3"
            named = " and name = $4" if name is not None else ""
            found = self._all(f"{sql}{named}{' and fresh' if fresh else ''} order by id limit $2", numbered(slots), limit, after, *([name] if name else []))
        return [rows.message(row) for row in found]

    def looks(self, limit: int = 100, slots: Slots = None, after: int = 0) -> list[LookRow]:
        return [rows.look(row) for row in self._all(f"select {rows.LOOK} from {first('look')} l order by id", numbered(slots), limit, after)]

    def changes(self, limit: int | None = 100, document: int | None = None, slots: Slots = None, after: int = 0) -> list[ChangeRow]:
        if document is not None:
            found = self._all(f"{_CHANGE} where c.document = $1 and c.id > $3 order by c.id limit $2", document, limit, after)
        else:
            found = self._all(f"{_CHANGE.replace('bpflow.change c', first('change') + ' c')} order by c.id", numbered(slots), limit, after)
        return [rows.change(row) for row in found]

    def depths(self, at: datetime) -> Mapping[str, Depth]:
        asked = {
            "timers": ("due", f"timer where due <= $1 and instance not in ({ASIDE})"),
            "schedules": ("due", "schedule where due <= $1"),
            "changes": ("at", "change"),
            "messages": ("sent", "message where fresh"),
            "calls": ("at", "outbox where held is null"),
        }
        kinds = (f"select '{kind}', count(*), min({since}) from bpflow.{what}" for kind, (since, what) in asked.items())
        return {kind: Depth(waiting, rows.maybe(oldest)) for kind, waiting, oldest in self._all(" union all ".join(kinds), micros(at))}
