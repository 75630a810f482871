"""The unit of work on PostgreSQL: what one transaction reads and writes.

The law of this file: it has the lock of its owner, from its first statement on or from the first row on that it reads, so what it reads of that
owner cannot change under it; a document of another owner is read `for share`. What gives nothing back is sent with what comes after it, the
last of it with the commit. What would be written over something that is not as it was read makes the statement itself fail, and all is a
Conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import psycopg

from bpflow.engine.codec import STATUSES, dumps, micros
from bpflow.engine.state import OVER
from bpflow.engine.transition import CallOut, Effects
from bpflow.expressions.data import Document, Value
from bpflow.stores import rows
from bpflow.stores import tasks as seating
from bpflow.stores.absent import NewAbsence
from bpflow.stores.contract import Caller, ChangeRow, Conflict, DocumentRow, InstanceRow, LeaseLost, OutboxRow, Saved, ScheduleRow, Snapshot, StoreError
from bpflow.stores.leases import SLOTS, Lease
from bpflow.stores.postgres_looking import Looking
from bpflow.stores.postgres_messages import PostgresMessages
from bpflow.stores.postgres_rows import ABSENCE_END, ABSENCE_ENTER, DOCUMENT, INSTANCE, PAGES, SNAPSHOT, terms
from bpflow.stores.postgres_schema import LOCK
from bpflow.stores.postgres_trouble import trouble
from bpflow.stores.postgres_wire import Answer, Wire

_BEGIN = "begin isolation level read committed read write"
_LOCK = f"select pg_advisory_xact_lock({LOCK}, hashint8($1))"
_LOCK_OF = f"select owner, pg_advisory_xact_lock({LOCK}, hashint8(owner)) from bpflow.{{}} where id = $1"
_LOCK_OF_INSTANCE, _LOCK_OF_DOCUMENT = _LOCK_OF.format("instance"), _LOCK_OF.format("document")
_NEW_INSTANCE = (
    "insert into bpflow.instance (owner, id, definition, status, revision, incidents, document, started, exclusive, "
    "caller, caller_token, caller_visit, caller_attempt, level, deployed, seal, state) "
    "select coalesce($1::bigint, n.id), n.id, $2::bigint, 0, 0, 0, $3::bigint, $4::bigint, $5::text, $6::bigint, $7::integer, $8::integer, $9::integer, "
    "$10::integer, (select coalesce(max(id), 0) from bpflow.deployment), ''::bytea, ''::bytea "
    "from (select coalesce($11::bigint, nextval('bpflow.instance_id')) as id) n "
    "where $5::text is null or not exists (select from bpflow.instance where exclusive = $5) returning id, owner"
)
_NO_CALLER = (None, None, None, None, 0)
_HISTORY = "insert into bpflow.history (owner, instance, revision, at, link, data) values ($1, $2, $3, $4, $5, $6)"
_SAVE = (
    "update bpflow.instance set revision = revision + 1 / (revision = $3)::integer, state = $4, seal = $5, incidents = $6, status = $7{} "
    "where id = $2 and owner = $1"
)
"""Over another revision it is a division by zero, and all is a Conflict: so nobody needs to be asked whether it was written."""
_SAVE_RUNNING, _SAVE_ENDED = _SAVE.format(""), _SAVE.format(", ended = $8, result = $9, exclusive = null")
_OPEN_TASK = (
    "insert into bpflow.task (owner, instance, token, visit, party, in_place_of, node, subject, opened, due, overdue, claimed_of) "
    "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
)
_PUT_TASK = (
    f"{_OPEN_TASK} on conflict (party, instance, token, visit, owner) do update set in_place_of = excluded.in_place_of, "
    "subject = excluded.subject, due = excluded.due, overdue = excluded.overdue, claimed_of = excluded.claimed_of"
)
_TASK = "owner = $1 and instance = $2 and token = $3 and visit = $4 and party = $5"
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
_FENCE = "select case when epoch = $2 then 0 else ('lost in ' || epoch)::integer end from bpflow.slot where number = $1"
"""Fails, and all with it, unless the slot is still held in that epoch: nobody needs to be asked."""
_LOST = "22P02"
"""How it fails."""
_UNSET_TIMER = (
    f"delete from bpflow.timer where abs(owner % {SLOTS}) = abs($1::bigint % {SLOTS}) and owner = $1 and lane = $2 and due = $3 "
    "and instance = $4 and holder = $5 and arm = $6"
)
_CALL = "owner = $1 and id = $2 and instance = $3 and token = $4 and visit = $5 and attempt = $6"
_CHANGE_DOCUMENT = (
    "update bpflow.document set version = version + 1 / (version = $3)::integer, changed = $4, fields = $5, terms = $6 where id = $2 and owner = $1"
)


def _call(row: OutboxRow) -> tuple[int, ...]:
    """What `_CALL` needs."""
    return row.owner, row.id, row.instance, row.call.token, row.call.visit, row.call.attempt


class PostgresWork(Looking):
    """The unit of work on PostgreSQL: what is between `begin` and `commit`. `done` is called at the end, whatever that is."""

    __slots__ = ("_done", "_failed", "_lease", "_url", "_wire", "armed", "left", "messages", "owner")

    def __init__(self, wire: Wire, url: str, owner: int | None, done: Callable[[], None], lease: Lease | None = None) -> None:
        self._wire, self._url, self._done, self._lease = wire, url, done, lease
        self.left = False
        self.armed = False
        """Whether timers were set."""
        self._failed: StoreError | Conflict | None = None
        self.owner: int | None = None
        self.messages = PostgresMessages(self)
        self.put(_BEGIN)
        if owner is not None:
            self.own(owner)

    # ── the transaction ────────────────────────────────────────────────────────────────────────────────────────────
    def __enter__(self) -> PostgresWork:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if kind is None and self._failed is None:
                self._commit()
            else:
                self._break_off()
        finally:
            self._done()
        if self._failed is not None and error is not self._failed:
            raise self._failed

    def _commit(self) -> None:
        if self._lease is not None:
            self.put(_FENCE, *self._lease)  # at the end: what was done meanwhile counts
        self.put("commit")
        try:
            self._wire.settle()
        except psycopg.Error as error:
            lost = self._lease is not None and error.sqlstate == _LOST
            self._failed = LeaseLost(self._lease) if self._lease and lost else trouble(self._url, error, committing=True)
            self._failed.__cause__ = error
            self._break_off()

    def _break_off(self) -> None:
        try:
            self._wire.rollback()
        except psycopg.Error as error:
            self._failed = self._failed or trouble(self._url, error)

    def put(self, sql: str, *values: Any) -> None:
        """A statement that gives nothing back."""
        self._guarded(self._wire.put, sql, *values)

    def later(self, sql: str, *values: Any) -> Answer:
        """One whose answer is looked at later."""
        answer: Answer = self._guarded(self._wire.later, sql, *values)
        return answer

    def ask(self, sql: str, *values: Any) -> Answer:
        """One whose answer is needed now: a round trip. Conflict or StoreError, and then the unit of work can only be broken off."""
        answer: Answer = self._guarded(self._wire.ask, sql, *values)
        return answer

    def _guarded(self, run: Callable[..., Any], sql: str, *values: Any) -> Any:
        if self._failed is not None:
            raise self._failed
        try:
            return run(sql, *values)
        except psycopg.Error as error:
            self._failed = trouble(self._url, error)
            raise self._failed from error

    # ── the owner ──────────────────────────────────────────────────────────────────────────────────────────────────
    def own(self, owner: int) -> None:
        """What is written is this owner's: the lock of the first that is named is held until the end."""
        if self.owner is None:
            self.owner = owner
            self.put(_LOCK, owner)

    def _own_that_of(self, sql: str, id: int) -> Answer | None:
        """The lock of the owner of a row, whoever that is, unless there is an owner already."""
        return self.later(sql, id) if self.owner is None else None

    def _owned(self, answer: Answer | None) -> None:
        row = answer.one() if answer else None
        if row is not None and self.owner is None:
            self.owner = row[0]

    # ── instances ──────────────────────────────────────────────────────────────────────────────────────────────────
    def instance(self, id: int) -> InstanceRow | None:
        owner = self._own_that_of(_LOCK_OF_INSTANCE, id)
        row = self.ask(INSTANCE + " where i.id = $1", id).one()
        self._owned(owner)
        return rows.instance(row) if row else None

    def snapshot(self, id: int) -> Snapshot | None:
        owner = self._own_that_of(_LOCK_OF_INSTANCE, id)
        pages = self.later(PAGES, id)
        row = self.ask(SNAPSHOT, id).one()
        self._owned(owner)
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
    ) -> tuple[int, int] | None:
        if owner is not None:
            self.own(owner)
        values = (owner, definition, document.id if document else None, micros(at), exclusive, *(caller or _NO_CALLER), number)
        row = self.ask(_NEW_INSTANCE, *values).one()
        if row is not None:
            self.own(row[1])  # a document may have that number, and be read here
        return (row[0], row[1]) if row else None

    def running(self, exclusive: str) -> int | None:
        row = self.ask("select id from bpflow.instance where exclusive = $1", exclusive).one()
        return row[0] if row else None

    def uncalled(self, id: int, token: int, visit: int) -> list[int]:
        sql = "delete from bpflow.called where instance = $1 and token = $2 and visit = $3 returning child"
        return sorted(row[0] for row in self.ask(sql, id, token, visit).rows)

    def answered(self, child: int) -> None:
        self.put("delete from bpflow.called where child = $1", child)

    def save(self, saved: Saved) -> int:
        self.own(saved.owner)
        at, revision = micros(saved.at), saved.expected + 1
        self.put(_HISTORY, saved.owner, saved.id, revision, at, saved.link, saved.history)
        values = (saved.owner, saved.id, saved.expected, saved.root, saved.seal, saved.incidents, STATUSES.index(saved.status))
        if saved.status not in OVER:
            self.put(_SAVE_RUNNING, *values)
        else:
            self.put(_SAVE_ENDED, *values, at, saved.result)
        for holder in saved.gone:
            self.put("delete from bpflow.page where owner = $1 and instance = $2 and holder = $3", saved.owner, saved.id, holder)
        for (holder, part), data in saved.pages.items():
            sql = "insert into bpflow.page values ($1, $2, $3, $4, $5) on conflict (instance, holder, part, owner) do update set data = excluded.data"
            self.put(sql, saved.owner, saved.id, holder, part, data)
        return revision

    def index(self, id: int, owner: int, lane: int, effects: Effects, at: datetime) -> None:
        self.own(owner)
        for (token, visit), (was, task) in effects.tasks.items():
            key = (owner, id, token, visit)
            gone, come = seating.seats(was, task, at)
            for party in gone:
                self.put(f"delete from bpflow.task where {_TASK}", *key, party)
            for seat in come:
                self.put(_OPEN_TASK if was is None else _PUT_TASK, *key, *seat)
            gone, seeing = seating.observers(was, task)
            for party in gone:
                self.put(f"delete from bpflow.observer where {_TASK}", *key, party)
            for party in seeing:
                self.put("insert into bpflow.observer values ($1, $2, $3, $4, $5) on conflict do nothing", *key, party)
        for (holder, arm), (before, due) in effects.timers.items():
            if before is not None and before != due:
                self.put(_UNSET_TIMER, owner, lane, micros(before), id, holder, arm)
            if due is not None and before != due:
                self.put("insert into bpflow.timer values ($1, $2, $3, $4, $5, $6) on conflict do nothing", owner, lane, micros(due), id, holder, arm)
                self.armed = True
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
        row = self.ask("select result from bpflow.inbox where owner = $1 and key = $2", owner, key).one()
        return row[0] if row else None

    def remember(self, owner: int, key: str, result: bytes, at: datetime) -> None:
        self.own(owner)
        self.put("insert into bpflow.inbox (owner, key, result, at) values ($1, $2, $3, $4)", owner, key, result, micros(at))

    # ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────
    def document(self, id: int) -> DocumentRow | None:
        owner = self._own_that_of(_LOCK_OF_DOCUMENT, id)
        known = self.owner
        row = self.ask(DOCUMENT + " where id = $1", id).one()
        self._owned(owner)
        if row is not None and known is not None and row[1] != known:
            row = self.ask(DOCUMENT + " where id = $1 and owner = $2 for share", id, row[1]).one()
        return rows.document(row) if row else None

    def add_document(
        self, type: str, fields: Mapping[str, Value], at: datetime, by: str | None, cause: str | None, depth: int, owner: int | None = None
    ) -> DocumentRow:
        if owner is not None:
            self.own(owner)
        now = micros(at)
        sql = (
            "insert into bpflow.document (owner, id, type, version, created, changed, fields, terms) "
            "select coalesce($1::bigint, n.id), n.id, $2::text, 1, $3::bigint, $3::bigint, $4::bytea, $5::integer[] "
            "from (select nextval('bpflow.document_id') as id) n returning id"
        )
        ((id,),) = self.ask(sql, owner, type, now, dumps(fields), terms(type, fields)).rows
        row = DocumentRow(Document(type, id), owner if owner is not None else id, 1, at, at, dict(fields))
        self._tell(row, {}, at, by, cause, depth, None)
        return row

    def change_document(
        self, row: DocumentRow, fields: Mapping[str, Value], at: datetime, by: str | None, cause: str | None, depth: int, note: str | None
    ) -> DocumentRow:
        self.own(row.owner)
        self.put(_CHANGE_DOCUMENT, row.owner, row.ref.id, row.version, micros(at), dumps(fields), terms(row.ref.type, fields))
        new = DocumentRow(row.ref, row.owner, row.version + 1, row.created, at, dict(fields))
        self._tell(new, row.fields, at, by, cause, depth, note)
        return new

    def _tell(self, row: DocumentRow, previous: Mapping[str, Value], at: datetime, by: str | None, cause: str | None, depth: int, note: str | None) -> None:
        """Writes the document's own history, and the row from which starts and watchers are told."""
        changes, now = rows.changes(row, previous), micros(at)
        sql = "insert into bpflow.feed (owner, document, version, at, data) values ($1, $2, $3, $4, $5)"
        self.put(sql, row.owner, row.ref.id, row.version, now, dumps([changes, by, note]))
        if changes:
            self.left = True
            sql = "insert into bpflow.change (owner, document, version, at, data) values ($1, $2, $3, $4, $5)"
            self.put(sql, row.owner, row.ref.id, row.version, now, dumps([dict(previous), by, cause, depth]))

    def reschedule(self, row: ScheduleRow, due: datetime | None) -> bool:
        same, values = "process = $1 and number = $2 and cron = $3 and due = $4", (row.process, row.number, row.cron, micros(row.due))
        if due is None:
            return self.ask(f"delete from bpflow.schedule where {same}", *values).count == 1
        return self.ask(f"update bpflow.schedule set due = $5 where {same}", *values, micros(due)).count == 1

    def told(self, change: ChangeRow) -> None:
        sql = "delete from bpflow.change where owner = $1 and id = $2 and document = $3 and version = $4"
        self.put(sql, change.owner, change.id, change.document.id, change.version)

    # ── calendars, absences, notices ───────────────────────────────────────────────────────────────────────────────────
    def add_calendar(self, owner: int, person: str, title: str, at: datetime, ends: datetime, remind_before: int | None, instance: int | None) -> int:
        self.own(owner)
        sql = "insert into bpflow.calendar (owner, person, title, at, ends, remind_before, instance) values ($1, $2, $3, $4, $5, $6, $7) returning id"
        ((id,),) = self.ask(sql, owner, person, title, micros(at), micros(ends), remind_before, instance).rows
        return int(id)

    def enter_absence(self, owner: int, new: NewAbsence, at: datetime, *, key: str | None = None, by: str | None = None, instance: int | None = None) -> None:
        self.put("lock table bpflow.absence in share row exclusive mode")  # who writes comes after who has written; who reads goes on
        self.put(ABSENCE_ENTER, *rows.absence_values(owner, key, new, at, by, instance))

    def end_absence(self, id: int, last: date) -> None:
        self.put("lock table bpflow.absence in share row exclusive mode")
        self.put(ABSENCE_END, last.isoformat(), id)

    def add_notice(self, owner: int, person: str, reason: str, title: str, text: str, channel: str, at: datetime, instance: int | None) -> None:
        self.own(owner)
        sql = "insert into bpflow.notice (owner, person, at, reason, title, text, channel, instance) values ($1, $2, $3, $4, $5, $6, $7, $8)"
        self.put(sql, owner, person, micros(at), reason, title, text, channel, instance)
