"""The unit of work on PostgreSQL: what one transaction reads and writes.

The law of this file: it has the lock of its owner, from its first statement on or from the first row on that it reads, so what it reads of that
owner cannot change under it; a document of another owner is read `for share`. What gives nothing back is sent with what comes after it, the
last of it with the commit. What would be written over something that is not as it was read makes the statement itself fail, and all is a
Conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from bpflow.engine.codec import STATUS_NUMBERS, dumps, micros
from bpflow.engine.pages import Encoded
from bpflow.engine.state import OVER, State
from bpflow.engine.transition import CallOut, Effects
from bpflow.expressions.data import Document
from bpflow.stores import rows, tasks
from bpflow.stores.contract import Caller, Conflict, InstanceRow, OutboxRow, ScheduleRow, Snapshot, Standing, party_text
from bpflow.stores.indexed import unindexing
from bpflow.stores.leases import LOOKS_AHEAD, SLOTS, Lease
from bpflow.stores.mail import findable
from bpflow.stores.postgres_documents import Documents
from bpflow.stores.postgres_lines import Address
from bpflow.stores.postgres_looking import Looking
from bpflow.stores.postgres_messages import PostgresMessages
from bpflow.stores.postgres_rows import INSTANCE, PAGES, SECRET, SNAPSHOT
from bpflow.stores.postgres_unit import LOCK_OF_INSTANCE, Known
from bpflow.stores.postgres_wire import Wire

_NUMBER = (
    "select coalesce($1::bigint, case when coalesce($3::bigint, last) = last then nextval('bpflow.instance_id') end), "
    "exists (select from bpflow.instance where exclusive = $2), last from (select coalesce(max(id), 0) as last from bpflow.deployment) d"
)
"""No number is taken where it is a Conflict."""
_BEGUN = (
    "insert into bpflow.instance (owner, id, definition, document, started, exclusive, caller, caller_token, caller_visit, caller_attempt, level, deployed, "
    "revision, state, seal, incidents, status, ended, result) "
    "values ($1, $2, $3, $4, $5, case when $17::bigint is null then $6 end, $7, $8, $9, $10, $11, $12, 1, $13, $14, $15, $16, $17, $18)"
)
"""Written once, whole: a row that is written twice takes the room of two until it is swept."""
_NO_CALLER = (None, None, None, None, 0)
_HISTORY = "insert into bpflow.history (owner, instance, revision, at, link, data) values ($1, $2, $3, $4, $5, $6)"
_IN_HISTORY = "select from bpflow.history where owner = %s and instance = %s and revision = %s and data = %s"
_SAVE = (
    "update bpflow.instance set revision = revision + 1 / (revision = $3)::integer, state = $4, seal = $5, incidents = $6, status = $7{} "
    "where id = $2 and owner = $1"
)
"""Over another revision it is a division by zero, and all is a Conflict: so nobody needs to be asked whether it was written."""
_SAVE_RUNNING, _SAVE_ENDED = _SAVE.format(""), _SAVE.format(", ended = $8, result = $9, exclusive = null")
_OPEN_TASK = (
    "insert into bpflow.task (owner, instance, token, visit, party, node, subject, opened, overdue, due, in_place_of, claimed_of) "
    "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
)
_PUT_TASK = (
    f"{_OPEN_TASK} on conflict (party, instance, token, visit, owner) do update set in_place_of = excluded.in_place_of, "
    "subject = excluded.subject, due = excluded.due, overdue = excluded.overdue, claimed_of = excluded.claimed_of"
)
_TASK = "owner = $1 and instance = $2 and token = $3 and visit = $4 and party = $5"
_CLOSE_TASK = f"delete from bpflow.task where {_TASK}"
_SEND = (
    "insert into bpflow.outbox (owner, instance, token, visit, attempt, waits, told, service, arguments, at, depth, lane) "
    "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
)
_SEND_BEGINS = (
    "with n as (select nextval('bpflow.instance_id') as child), "
    "c as (insert into bpflow.called (owner, child, instance, token, visit) select $1::bigint, child, $2::bigint, $3::integer, $4::integer from n) "
    f"{_SEND.partition(' values ')[0]} "
    "select $1, $2, $3, $4, $5::integer, $6::boolean, child + $7::bigint, $8::text, $9::bytea, $10::bigint, $11::integer, $12::bigint from n"
)
"""A call by which an instance begins, of that number; $7 is 0 then."""
_UNSET_TIMER = (
    f"delete from bpflow.timer where abs(owner % {SLOTS}) = abs($1::bigint % {SLOTS}) and owner = $1 and lane = $2 and due = $3 "
    "and instance = $4 and holder = $5 and arm = $6"
)
_CALL = "owner = $1 and id = $2 and instance = $3 and token = $4 and visit = $5 and attempt = $6"


def _call(row: OutboxRow) -> tuple[int, ...]:
    """What `_CALL` needs."""
    return row.owner, row.id, row.instance, row.call.token, row.call.visit, row.call.attempt


class PostgresWork(Documents, Looking):
    """The unit of work on PostgreSQL."""

    __slots__ = ("_begun", "messages")

    def __init__(
        self,
        wire: Wire,
        address: Address,
        owner: int | None,
        done: Callable[[], None],
        leases: Sequence[Lease] = (),
        known: Known | None = None,
        anew: bool = False,
    ) -> None:
        super().__init__(wire, address, owner, done, leases, known, anew)
        self._read = {}
        self._begun: dict[int, tuple[Any, ...]] = {}
        """Instances that have begun: they are written with their first state."""
        self.messages = PostgresMessages(self)

    # ── instances ──────────────────────────────────────────────────────────────────────────────────────────────────
    def instance(self, id: int) -> InstanceRow | None:
        owner = self.own_that_of(LOCK_OF_INSTANCE, id)
        row = self.ask(INSTANCE + " where i.id = $1", id).one()
        self.owned(owner)
        return rows.instance(row) if row else None

    def snapshot(self, id: int) -> Snapshot | None:
        owner = self.own_that_of(LOCK_OF_INSTANCE, id)
        pages = self.later(PAGES, id)
        row = self.ask(SNAPSHOT, id).one()
        self.owned(owner)
        return rows.snapshot(row, {(holder, part): data for holder, part, data in pages.rows}) if row else None

    def revision(self, id: int) -> int | None:
        row = self.ask("select revision from bpflow.instance where id = $1", id).one()
        return row[0] if row else None

    def new_instance(
        self,
        definition: int,
        document: Document | None,
        at: datetime,
        exclusive: str | None,
        owner: int | None = None,
        caller: Caller | None = None,
        number: int | None = None,
        deployed: int | None = None,
    ) -> tuple[int, int] | None:
        if owner is not None:
            self.own(owner)
        ((id, taken, last),) = self.ask(_NUMBER, number, exclusive, deployed).rows
        if deployed is not None and deployed != last:
            raise Conflict(definition)
        if taken or (exclusive is not None and any(exclusive in begun for begun in self._begun.values())):
            return None
        if owner is None:
            self.own(id)  # a document may have that number, and be read here
        self._begun[id] = (owner or id, id, definition, document.id if document else None, micros(at), exclusive, *(caller or _NO_CALLER), last)
        return id, owner or id

    def running(self, exclusive: str) -> int | None:
        row = self.ask("select id from bpflow.instance where exclusive = $1", exclusive).one()
        return row[0] if row else None

    def uncalled(self, id: int, token: int, visit: int) -> list[int]:
        sql = "delete from bpflow.called where instance = $1 and token = $2 and visit = $3 returning child"
        return sorted(row[0] for row in self.ask(sql, id, token, visit).rows)

    def answered(self, child: int) -> None:
        self.put("delete from bpflow.called where child = $1", child)

    def save(self, was: Standing, state: State, out: Encoded, history: bytes, link: bytes, seal: bytes) -> int:
        owner, id, expected, at, over = was.owner, was.id, was.revision, out.at, state.status in OVER
        self.own(owner)
        self.traced(_IN_HISTORY, owner, id, expected + 1, history)
        self.put(_HISTORY, owner, id, expected + 1, at, link, history)
        key, what = (owner, id, expected), (out.root, seal, len(state.incidents), STATUS_NUMBERS[state.status])
        if not expected:
            self.put(_BEGUN, *self._begun.pop(id), *what, at if over else None, state.result if over else None)
        elif over:
            self.put(_SAVE_ENDED, *key, *what, at, state.result)
        else:
            self.put(_SAVE_RUNNING, *key, *what)
        for holder in out.gone:
            self.put("delete from bpflow.page where owner = $1 and instance = $2 and holder = $3", owner, id, holder)
        for (holder, part), data in out.pages.items():
            sql = "insert into bpflow.page values ($1, $2, $3, $4, $5) on conflict (instance, holder, part, owner) do update set data = excluded.data"
            self.put(sql, owner, id, holder, part, data)
        return expected + 1

    def index(self, id: int, owner: int, lane: int, effects: Effects, at: datetime) -> None:
        self.own(owner)
        for (token, visit), (was, task) in effects.tasks.items():
            key = (owner, id, token, visit)
            if was is None and task is not None:
                for seat in task.people:
                    self.put(_OPEN_TASK, *key, *tasks.seat_row(seat, task, at))
                for party in task.observers:
                    self.put("insert into bpflow.observer values ($1, $2, $3, $4, $5) on conflict do nothing", *key, party_text(party))
            elif task is None and was is not None:
                for seat in was.people:
                    self.put(_CLOSE_TASK, *key, party_text(seat.party))
                for party in was.observers:
                    self.put(f"delete from bpflow.observer where {_TASK}", *key, party_text(party))
            elif was is not None and task is not None:
                gone, come = tasks.changed(was, task, at)
                for left in gone:
                    self.put(_CLOSE_TASK, *key, left)
                for row in come:
                    self.put(_PUT_TASK, *key, *row)
        for (holder, arm), (before, due) in effects.timers.items():
            if before is not None and before != due:
                self.put(_UNSET_TIMER, owner, lane, micros(before), id, holder, arm)
            if due is not None and before != due:
                self.put("insert into bpflow.timer values ($1, $2, $3, $4, $5, $6) on conflict do nothing", owner, lane, micros(due), id, holder, arm)
                self.armed = self.armed or due - at <= 2 * LOOKS_AHEAD
        for (holder, document), on in effects.watches.items():
            if on:
                self.put("insert into bpflow.watch values ($1, $2, $3, $4) on conflict do nothing", owner, document.id, id, holder)
            else:
                sql = "delete from bpflow.watch where owner = $1 and document = $2 and instance = $3 and holder = $4"
                self.put(sql, owner, document.id, id, holder)
        for (holder, arm), listen in effects.listens.items():
            if listen is None:
                self.messages.unlisten(id, holder, arm)
            else:
                self.messages.listen(owner, id, holder, arm, listen, at)
        for token, visit in effects.withdrawn:
            self.put("delete from bpflow.outbox where owner = $1 and instance = $2 and token = $3 and visit = $4 and waits", owner, id, token, visit)

    def unindex(self, id: int) -> None:
        for sql in unindexing("bpflow.", "$1"):
            self.put(sql, id)

    # ── outbox and inbox ───────────────────────────────────────────────────────────────────────────────────────────
    def send(self, id: int, owner: int, lane: int, calls: Sequence[CallOut], at: datetime, depth: int) -> None:
        self.own(owner)
        self.left = self.left or bool(calls)
        for call in calls:
            what = (call.token, call.visit, call.attempt, call.wait, call.to, call.service, dumps(call.arguments))
            self.put(_SEND_BEGINS if call.begins else _SEND, owner, id, *what, micros(at), depth, lane)

    def stands(self, row: OutboxRow) -> bool:
        return self.ask(f"select from bpflow.outbox where {_CALL} for update", *_call(row)).count == 1

    def sent(self, row: OutboxRow) -> bool:
        return self.ask(f"delete from bpflow.outbox where {_CALL}", *_call(row)).count == 1

    def hold(self, row: OutboxRow, reason: str) -> None:
        self.own(row.owner)
        self.put(f"update bpflow.outbox set held = $7 where {_CALL}", *_call(row), reason)

    def worked(self, owner: int, key: str) -> bytes | None:
        self.own(owner)
        row = self.ask("select result from bpflow.inbox where owner = $1 and key = $2", owner, findable(key)).one()
        return row[0] if row else None

    def remember(self, owner: int, key: str, result: bytes, at: datetime) -> None:
        self.own(owner)
        known = findable(key)
        self.traced("select from bpflow.inbox where owner = %s and key = %s and result = %s", owner, known, result)
        self.put("insert into bpflow.inbox (owner, key, result, at) values ($1, $2, $3, $4)", owner, known, result, micros(at))

    # ── secrets ────────────────────────────────────────────────────────────────────────────────────────────────────
    def keep_secret(self, owner: int, handle: int, value: bytes, at: datetime, instance: int | None) -> None:
        self.own(owner)
        self.put("insert into bpflow.secret (owner, handle, instance, at, value) values ($1, $2, $3, $4, $5)", owner, handle, instance, micros(at), value)

    def secret(self, handle: int) -> bytes | None:
        row = self.ask(SECRET, handle).one()
        return row[0] if row else None

    def reschedule(self, row: ScheduleRow, due: datetime | None) -> bool:
        same, values = "process = $1 and number = $2 and cron = $3 and due = $4", (row.process, row.number, row.cron, micros(row.due))
        if due is None:
            return self.ask(f"delete from bpflow.schedule where {same}", *values).count == 1
        return self.ask(f"update bpflow.schedule set due = $5 where {same}", *values, micros(due)).count == 1

    def take_back(self, instance: int) -> bool:
        calls = self.ask("update bpflow.outbox set held = null where instance = $1 and held is not null", instance).count
        there = self.ask("delete from bpflow.aside where instance = $1", instance).count + calls > 0
        if there:
            self.messages.look_for(instance)
        return there

    # ── calendars, absences, notices ───────────────────────────────────────────────────────────────────────────────────
    def add_calendar(self, owner: int, person: str, title: str, at: datetime, ends: datetime, remind_before: int | None, instance: int | None) -> None:
        self.own(owner)
        sql = "insert into bpflow.calendar (owner, person, title, at, ends, remind_before, instance) values ($1, $2, $3, $4, $5, $6, $7)"
        self.put(sql, owner, person, title, micros(at), micros(ends), remind_before, instance)

    def add_notice(self, owner: int, person: str, reason: str, title: str, text: str, channel: str, at: datetime, instance: int) -> None:
        self.own(owner)
        sql = "insert into bpflow.notice (owner, person, at, reason, title, text, channel, instance) values ($1, $2, $3, $4, $5, $6, $7, $8)"
        self.put(sql, owner, person, micros(at), reason, title, text, channel, instance)
