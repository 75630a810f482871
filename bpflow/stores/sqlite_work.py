"""The unit of work on SQLite: what one transaction reads and writes.

The law of this file: it is `begin immediate … commit`, so it has the write lock from its first statement, and what it reads cannot change
under it; what it saves over a revision that is not the expected one is a Conflict.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

from bpflow.engine.codec import STATUS_NUMBERS, dumps, micros
from bpflow.engine.pages import Encoded
from bpflow.engine.state import OVER, State
from bpflow.engine.transition import CallOut, Effects
from bpflow.expressions.data import Document, Value
from bpflow.stores import rows, sqlite_rows, tasks
from bpflow.stores import sqlite_absences as away
from bpflow.stores import sqlite_aside as aside
from bpflow.stores import sqlite_schedule as schedule
from bpflow.stores import sqlite_secrets as secrets
from bpflow.stores.absent import NewAbsence
from bpflow.stores.contract import Caller, ChangeRow, Conflict, DocumentRow, InstanceRow, OutboxRow, ScheduleRow, Snapshot, Standing, party_text
from bpflow.stores.indexed import unindexing
from bpflow.stores.leases import Lease
from bpflow.stores.mail import findable
from bpflow.stores.sqlite_files import trouble
from bpflow.stores.sqlite_leases import fence
from bpflow.stores.sqlite_looking import Looking
from bpflow.stores.sqlite_messages import SqliteMessages

_HISTORY = "insert into history (owner, instance, revision, previous, at, link, data) values (?, ?, ?, ?, ?, ?, ?)"
_HISTORY_TOLD = "insert into history (owner, instance, revision, previous, at, link, data, told) values (?, ?, ?, ?, ?, ?, ?, ?)"
_SAVE_RUNNING = "update instance set revision = ?7 + 1, state = ?1, seal = ?2, incidents = ?3, history = ?4, status = ?5 where id = ?6 and revision = ?7"
_SAVE_ENDED = (
    "update instance set revision = ?7 + 1, state = ?1, seal = ?2, incidents = ?3, history = ?4, status = ?5, ended = ?8, result = ?9, exclusive = null "
    "where id = ?6 and revision = ?7"
)
_NEW_INSTANCE = (  # written once, whole: a row that grows afterwards moves those beside it
    "insert into instance (state, seal, incidents, history, status, id, revision, ended, result, exclusive, "
    "owner, definition, document, started, deployed, caller, caller_token, caller_visit, caller_attempt, level) "
    "values (?1, ?2, ?3, ?4, ?5, ?6, ?7 + 1, ?8, ?9, iif(?8 is null, ?10, null), ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
)
_NO_CALLER = (None, None, None, None, 0)
_SET_TIMER = "insert or ignore into timer values (?, ?, ?, ?, ?, ?)"
_UNSET_TIMER = "delete from timer where lane = ? and due = ? and instance = ? and holder = ? and arm = ?"
_CLOSE_TASK = "delete from task where party = ? and instance = ? and token = ? and visit = ?"
_UNSEEN = "delete from observer where party = ? and instance = ? and token = ? and visit = ?"
_SEEN = "insert or ignore into observer (owner, party, instance, token, visit) values (?, ?, ?, ?, ?)"
_OPEN_TASK = (
    "insert into task (owner, instance, token, visit, party, node, subject, opened, overdue, due, in_place_of, claimed_of) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_OPEN_PLAIN = "insert into task (owner, instance, token, visit, party, node, subject, opened, overdue) values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PLAIN = (None, None, None)
"""The last columns of most tasks: each none that is handed over takes Python an eighth of a microsecond."""
_PUT_TASK = (
    f"{_OPEN_TASK} on conflict (party, instance, token, visit) do update set in_place_of = excluded.in_place_of, "
    "subject = excluded.subject, due = excluded.due, overdue = excluded.overdue, claimed_of = excluded.claimed_of"
)
_NOTICE = (
    "insert into notice (person, at, instance, n, owner, reason, title, text, channel) values (?1, ?2, ?3, "
    "(select coalesce(max(n), 0) + 1 from notice where person = ?1 and at = ?2 and instance = ?3), ?4, ?5, ?6, ?7, ?8)"
)


_THAT_CALL = "where id = ? and instance = ? and token = ? and visit = ? and attempt = ?"


def _that_call(row: OutboxRow) -> tuple[int, ...]:
    """What tells a call from another that was given its number since."""
    return row.id, row.instance, row.call.token, row.call.visit, row.call.attempt


class SqliteWork(Looking):
    """The unit of work on SQLite: the statements between `begin immediate` and `commit`."""

    __slots__ = ("_lock", "_new", "_path", "_run", "_told", "left", "messages")
    BEGIN: ClassVar[str] = "begin immediate"
    COMMIT: ClassVar[str] = "commit"

    def __init__(self, db: sqlite3.Connection, lock: threading.RLock, path: str) -> None:
        self._db, self._lock, self._path = db, lock, path
        self._run = db.cursor().execute  # one cursor for all: a row is always fetched before the next statement
        self.left = False
        self.messages = SqliteMessages(self._run, self._leave)
        self._new: dict[int, tuple[Any, ...]] = {}
        """Instances that have begun and that are not written yet, but for their state."""
        self._told: dict[int, dict[str, None]] = {}
        """Who was given a notice of an instance that is not written yet."""

    def open(self, leases: Sequence[Lease]) -> None:
        """Begins the transaction. It takes the write lock, which is that of every owner. LeaseLost if that is to be under a lease that is lost."""
        self._run(self.BEGIN)
        self.left = False
        if leases:
            fence(self._run, leases)

    def _leave(self) -> None:
        self.left = True

    def __enter__(self) -> SqliteWork:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if kind is None:
                self._run(self.COMMIT)
            else:
                self.roll_back()
        except BaseException as failed:
            self.roll_back()
            if isinstance(failed, sqlite3.Error):
                raise trouble(self._path, failed) from failed
            raise
        finally:
            self._lock.release()
        if error is not None and isinstance(error, sqlite3.DatabaseError):
            raise trouble(self._path, error) from error

    def roll_back(self) -> None:
        """What was done is taken back, unless SQLite has done that already."""
        self.forget()
        if self._db.in_transaction:
            self._run("rollback")

    def forget(self) -> None:
        """What was to be written with the instances is not."""
        self._new.clear()
        self._told.clear()

    # ── instances ──────────────────────────────────────────────────────────────────────────────────────────────────
    def instance(self, id: int) -> InstanceRow | None:
        return sqlite_rows.one_instance(self._db, id)

    def snapshot(self, id: int) -> Snapshot | None:
        return sqlite_rows.one_snapshot(self._db, self._run, id)

    def revision(self, id: int) -> int | None:
        row = self._run("select revision from instance where id = ?", (id,)).fetchone()
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
        id, last = self._run(sqlite_rows.BEGINNING, (number,)).fetchone()
        if deployed is not None and deployed != last:
            raise Conflict(definition)
        if exclusive is not None and (self.running(exclusive) or any(exclusive in new for new in self._new.values())):
            return None
        if number is None and self._new:
            id = max(id, max(self._new) + 1)
        self._new[id] = (exclusive, owner or id, definition, document.id if document else None, micros(at), last, *(caller or _NO_CALLER))
        return id, owner or id

    def running(self, exclusive: str) -> int | None:
        row = self._run("select id from instance where exclusive = ?", (exclusive,)).fetchone()
        return row[0] if row else None

    def uncalled(self, id: int, token: int, visit: int) -> list[int]:
        where, of = "from called where instance = ? and token = ? and visit = ?", (id, token, visit)
        children = [row[0] for row in self._run(f"select child {where} order by child", of).fetchall()]
        if children:
            self._run(f"delete {where}", of)
        return children

    def answered(self, child: int) -> None:
        self._run("delete from called where child = ?", (child,))

    def save(self, was: Standing, state: State, out: Encoded, history: bytes, link: bytes, seal: bytes) -> int:
        run, id, expected, status, at = self._run, was.id, was.revision, state.status, out.at
        line = (was.owner, id, expected + 1, was.history, at, link, history)
        told = self._told.pop(id, None)
        row = (run(_HISTORY_TOLD, (*line, dumps([*told]).decode())) if told else run(_HISTORY, line)).lastrowid
        assert row is not None
        what = (out.root, seal, len(state.incidents), row, STATUS_NUMBERS[status], id, expected)
        if not expected:
            run(_NEW_INSTANCE, (*what, at if status in OVER else None, state.result, *self._new.pop(id)))
        elif (run(_SAVE_ENDED, (*what, at, state.result)) if status in OVER else run(_SAVE_RUNNING, what)).rowcount != 1:
            raise Conflict(id)
        for holder in out.gone:
            run("delete from page where instance = ? and holder = ?", (id, holder))
        for (holder, part), data in out.pages.items():
            run("insert or replace into page values (?, ?, ?, ?, ?)", (was.owner, id, holder, part, data))
        return row

    def index(self, id: int, owner: int, lane: int, effects: Effects, at: datetime) -> None:
        run = self._run
        for (token, visit), (was, task) in effects.tasks.items():
            if was is None and task is not None:
                for seat in task.people:
                    row = tasks.seat_row(seat, task, at)
                    if row[5:] == _PLAIN:
                        run(_OPEN_PLAIN, (owner, id, token, visit, *row[:5]))
                    else:
                        run(_OPEN_TASK, (owner, id, token, visit, *row))
                for party in task.observers:
                    run(_SEEN, (owner, party_text(party), id, token, visit))
            elif task is None and was is not None:
                for seat in was.people:
                    run(_CLOSE_TASK, (party_text(seat.party), id, token, visit))
                for party in was.observers:
                    run(_UNSEEN, (party_text(party), id, token, visit))
            elif was is not None and task is not None:
                self._change_task(id, owner, token, visit, *tasks.changed(was, task, at))
        for (holder, arm), (before, due) in effects.timers.items():
            if before == due:
                continue
            if before is not None:
                run(_UNSET_TIMER, (lane, micros(before), id, holder, arm))
            if due is not None:
                run(_SET_TIMER, (lane, micros(due), id, holder, arm, owner))
        if effects.watches or effects.listens or effects.withdrawn:
            self._index_rest(id, owner, effects, at)

    def _change_task(self, id: int, owner: int, token: int, visit: int, gone: Sequence[str], come: Sequence[tasks.SeatRow]) -> None:
        for party in gone:
            self._run(_CLOSE_TASK, (party, id, token, visit))
        for seat in come:
            self._run(_PUT_TASK, (owner, id, token, visit, *seat))

    def unindex(self, id: int) -> None:
        for sql in unindexing("", "?1"):
            self._run(sql, (id,))

    def _index_rest(self, id: int, owner: int, effects: Effects, at: datetime) -> None:
        run = self._run
        for (holder, document), on in effects.watches.items():
            if on:
                run("insert or ignore into watch values (?, ?, ?, ?)", (owner, document.id, id, holder))
            else:
                run("delete from watch where document = ? and instance = ? and holder = ?", (document.id, id, holder))
        for (holder, arm), listen in effects.listens.items():
            if listen is None:
                self.messages.unlisten(id, holder, arm)
            else:
                self.messages.listen(owner, id, holder, arm, listen, at)
        for token, visit in effects.withdrawn:
            run("delete from outbox where instance = ? and token = ? and visit = ? and waits", (id, token, visit))

    # ── outbox and inbox ───────────────────────────────────────────────────────────────────────────────────────────
    def send(self, id: int, owner: int, lane: int, calls: Sequence[CallOut], at: datetime, depth: int) -> None:
        self.left = self.left or bool(calls)
        called = "insert into called (child, owner, instance, token, visit) values (?, ?, ?, ?, ?)"
        columns = "owner, instance, token, visit, attempt, waits, told, service, arguments, at, depth, lane"
        sql = f"insert into outbox ({columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        for call in calls:
            to = sqlite_rows.new_number(self._run) if call.begins else call.to
            if call.begins:
                self._run(called, (to, owner, id, call.token, call.visit))
            what = (call.token, call.visit, call.attempt, call.wait, to, call.service, dumps(call.arguments))
            self._run(sql, (owner, id, *what, micros(at), depth, lane))

    def stands(self, row: OutboxRow) -> bool:
        return self._run(f"select 1 from outbox {_THAT_CALL}", _that_call(row)).fetchone() is not None

    def sent(self, row: OutboxRow) -> bool:
        return self._run(f"delete from outbox {_THAT_CALL}", _that_call(row)).rowcount == 1

    def hold(self, row: OutboxRow, reason: str) -> None:
        self._run(f"update outbox set held = ? {_THAT_CALL}", (reason, *_that_call(row)))

    def worked(self, owner: int, key: str) -> bytes | None:
        row = self._run("select result from inbox where owner = ? and key = ?", (owner, findable(key))).fetchone()
        return row[0] if row else None

    def remember(self, owner: int, key: str, result: bytes, at: datetime) -> None:
        self._run("insert into inbox values (?, ?, ?, ?)", (owner, findable(key), result, micros(at)))

    # ── secrets ────────────────────────────────────────────────────────────────────────────────────────────────────
    def keep_secret(self, owner: int, handle: int, value: bytes, at: datetime, instance: int | None) -> None:
        self._run(secrets.PUT, (owner, handle, instance, micros(at), value))

    def secret(self, handle: int) -> bytes | None:
        row = self._run(secrets.GET, (handle,)).fetchone()
        return row[0] if row else None

    # ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────
    def document(self, id: int) -> DocumentRow | None:
        return sqlite_rows.one_document(self._db, id)

    def add_document(
        self, type: str, fields: Mapping[str, Value], at: datetime, by: str | None, cause: str | None, depth: int, owner: int | None = None
    ) -> DocumentRow:
        now = micros(at)
        sql = "insert into document (owner, type, version, created, changed, fields) values (?, ?, 1, ?, ?, ?)"
        id = self._run(sql, (owner or 0, type, now, now, dumps(fields))).lastrowid
        assert id is not None
        if owner is None:
            self._run("update document set owner = ? where id = ?", (id, id))
        row = DocumentRow(Document(type, id), owner or id, 1, at, at, dict(fields))
        self._tell(row, {}, at, by, cause, depth, None)
        return row

    def change_document(
        self, row: DocumentRow, fields: Mapping[str, Value], at: datetime, by: str | None, cause: str | None, depth: int, note: str | None
    ) -> DocumentRow:
        values = (micros(at), dumps(fields), row.ref.id, row.version)
        if self._run("update document set version = version + 1, changed = ?, fields = ? where id = ? and version = ?", values).rowcount != 1:
            raise Conflict(row.ref.id)
        new = DocumentRow(row.ref, row.owner, row.version + 1, row.created, at, dict(fields))
        self._tell(new, row.fields, at, by, cause, depth, note)
        return new

    def _tell(self, row: DocumentRow, previous: Mapping[str, Value], at: datetime, by: str | None, cause: str | None, depth: int, note: str | None) -> None:
        """Writes the document's own history, and the row from which starts and watchers are told."""
        changes, now = rows.changes(row, previous), micros(at)
        self._run("insert into feed values (?, ?, ?, ?, ?)", (row.owner, row.ref.id, row.version, now, dumps([changes, by, note])))
        if changes:
            self.left = True
            sql = "insert into change (owner, document, version, at, data) values (?, ?, ?, ?, ?)"
            self._run(sql, (row.owner, row.ref.id, row.version, now, dumps([dict(previous), by, cause, depth])))

    def reschedule(self, row: ScheduleRow, due: datetime | None) -> bool:
        return schedule.move(self._db, row, due)

    def take_back(self, instance: int) -> bool:
        there = aside.take(self._db, instance)
        if there:
            self.messages.look_for(instance)
        return there

    def told(self, change: ChangeRow) -> None:
        self._run("delete from change where id = ? and document = ? and version = ?", (change.id, change.document.id, change.version))

    # ── calendars, absences, notices ───────────────────────────────────────────────────────────────────────────────────
    def add_calendar(self, owner: int, person: str, title: str, at: datetime, ends: datetime, remind_before: int | None, instance: int | None) -> None:
        sql = "insert into calendar (owner, person, title, at, ends, remind_before, instance) values (?, ?, ?, ?, ?, ?, ?)"
        self._run(sql, (owner, person, title, micros(at), micros(ends), remind_before, instance))

    def enter_absence(self, owner: int, new: NewAbsence, at: datetime, *, key: str | None = None, by: str | None = None, instance: int | None = None) -> None:
        self._run(away.ENTER, rows.absence_values(owner, key, new, at, by, instance))

    def end_absence(self, id: int, last: date) -> None:
        self._run(away.END, (last.isoformat(), id))

    def add_notice(self, owner: int, person: str, reason: str, title: str, text: str, channel: str, at: datetime, instance: int) -> None:
        self._run(_NOTICE, (person, micros(at), instance, owner, reason, title, text, channel))
        self._told.setdefault(instance, {})[person] = None
