"""The SQLite store: one file (or memory), WAL, one writer at a time.

A unit of work is `begin immediate … commit`: it has the write lock from its first statement, so what it reads cannot change under it.
`synchronous=FULL` is the default: a commit survives a loss of power; `?sync=normal` survives any crash of the program only.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bpflow.engine.codec import dumps, instant, loads, micros
from bpflow.engine.transition import CallOut, Effects, TaskRow
from bpflow.expressions.data import Document, Value
from bpflow.stores import sqlite_aside as aside
from bpflow.stores import sqlite_rows as rows
from bpflow.stores import sqlite_schedule as schedule
from bpflow.stores.contract import (
    AsideRow,
    CalendarRow,
    Caller,
    ChangeRow,
    Conflict,
    DefinitionRow,
    DeploymentRow,
    DocumentRow,
    FeedRow,
    HistoryRow,
    InstanceRow,
    MessageRow,
    NoticeRow,
    OutboxRow,
    Saved,
    ScheduleRow,
    Snapshot,
    TaskEntry,
    TimerEntry,
    party_text,
)
from bpflow.stores.sqlite_files import migrate, trouble
from bpflow.stores.sqlite_looking import Looking
from bpflow.stores.sqlite_messages import SqliteMessages, messages

STATUSES = rows.STATUSES
_DEPLOYMENT = "select d.id, d.process, d.digest, p.version from deployment p join definition d on d.id = p.definition"
_LAST = "p.id in (select max(id) from deployment group by process)"


class SqliteStore:
    """A store in the file `path` (":memory:": in memory, for tests and scenarios). `timeout`: seconds to wait for another writer."""

    def __init__(self, path: str = ":memory:", *, sync: str = "full", timeout: float = 30.0) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=256)
        except sqlite3.DatabaseError as error:
            raise trouble(path, error) from error
        try:
            self._db.execute("pragma foreign_keys = on")
            migrate(self._db, path)
            self._db.execute(f"pragma synchronous = {'normal' if sync == 'normal' else 'full'}")
            self._db.execute("pragma wal_autocheckpoint = 4000")  # pages: fewer, larger checkpoints
            self._db.execute("pragma cache_size = -32000")  # kilobytes
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise trouble(path, error) from error
        except BaseException:
            self._db.close()
            raise
        self._work = SqliteWork(self._db, self._lock, path)

    def begin(self) -> SqliteWork:
        self._lock.acquire()
        try:
            self._work.start()
        except sqlite3.DatabaseError as error:
            self._lock.release()
            raise trouble(self.path, error) from error
        except BaseException:
            self._lock.release()
            raise
        return self._work

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _all(self, sql: str, *arguments: Any) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(sql, arguments).fetchall()
            except sqlite3.DatabaseError as error:
                raise trouble(self.path, error) from error

    # ── definitions ────────────────────────────────────────────────────────────────────────────────────────────────
    def deploy(self, process: str, digest: str, graph: str, source: str, at: datetime, schedules: Sequence[ScheduleRow] = ()) -> DefinitionRow:
        with self.begin():
            x, now = self._db.execute, micros(at)
            x("insert or ignore into definition (process, digest, graph, source, at) values (?, ?, ?, ?, ?)", (process, digest, graph, source, now))
            row = x("select id from definition where digest = ?", (digest,)).fetchone()
            version, last = x("select version, definition from deployment where process = ? order by version desc limit 1", (process,)).fetchone() or (0, None)
            if last != row[0]:
                x("insert into deployment (process, version, definition, at) values (?, ?, ?, ?)", (process, version + 1, row[0], now))
            schedule.put(self._db, process, schedules)
        return self.definition(row[0])

    def undeploy(self, process: str) -> bool:
        with self.begin():
            schedule.put(self._db, process, ())
            last = f"select process, version + 1, null, at from deployment p where process = ? and {_LAST} and definition is not null"
            return self._db.execute(f"insert into deployment (process, version, definition, at) {last}", (process,)).rowcount == 1

    def definition(self, id: int) -> DefinitionRow:
        (row,) = self._all("select id, process, digest, graph, source from definition where id = ?", id)
        return DefinitionRow(*row)

    def deployed(self) -> list[DeploymentRow]:
        return [DeploymentRow(*row) for row in self._all(f"{_DEPLOYMENT} where {_LAST} order by p.process")]

    def deployment(self, process: str, by: int | None = None) -> DeploymentRow | None:
        # the last of those that were there, else the first of those that came later
        sql = f"{_DEPLOYMENT.replace(' join', ' left join')} where p.process = ? order by p.id > ?, iif(p.id > ?, p.version, -p.version) limit 1"
        newest = 2**62 if by is None else by
        return next((DeploymentRow(*row) for row in self._all(sql, process, newest, newest) if row[0] is not None), None)

    # ── instances ──────────────────────────────────────────────────────────────────────────────────────────────────
    def instance(self, id: int) -> InstanceRow | None:
        with self._lock:
            return rows.one_instance(self._db, id)

    def snapshot(self, id: int) -> Snapshot | None:
        with self._lock:
            if self._db.in_transaction:
                return rows.one_snapshot(self._db, id)
            try:
                self._db.execute("begin")
                return rows.one_snapshot(self._db, id)
            except sqlite3.DatabaseError as error:
                raise trouble(self.path, error) from error
            finally:
                if self._db.in_transaction:
                    self._db.execute("commit")

    def instances(
        self,
        process: str | None = None,
        status: str | None = None,
        document: int | None = None,
        incidents: bool = False,
        limit: int | None = None,
        after: int = 0,
    ) -> list[InstanceRow]:
        wanted, arguments = ["i.id > ?"], [after]
        for column, value in (("d.process", process), ("i.status", STATUSES.index(status) if status else None), ("i.document", document)):
            if value is not None:
                wanted.append(f"{column} = ?")
                arguments.append(value)  # type: ignore[arg-type]
        if incidents:
            wanted.append(f"(i.incidents > 0 or i.id in ({aside.IDS}))")
        sql = f"{rows.INSTANCE} where {' and '.join(wanted)} order by i.id limit ?"
        return [rows.instance(row) for row in self._all(sql, *arguments, _limit(limit))]

    def called_by(self, instance: int) -> list[InstanceRow]:
        return [rows.instance(row) for row in self._all(f"{rows.INSTANCE} where i.caller = ? order by i.id", instance)]

    def history(self, instance: int) -> list[HistoryRow]:
        sql = (
            "with recursive chain (id) as (select history from instance where id = ? "
            "union all select h.previous from chain join history h on h.id = chain.id where h.previous is not null) "
            "select instance, revision, at, data from history where id in (select id from chain) order by revision"
        )
        return [HistoryRow(i, revision, _at(at), data) for i, revision, at, data in self._all(sql, instance)]

    def last_at(self) -> datetime | None:
        ((at,),) = self._all(
            "select max(at) from (select at from history where id = (select max(id) from history) union all select max(changed) from document)"
        )
        return _at(at) if at is not None else None

    # ── tasks and timers ───────────────────────────────────────────────────────────────────────────────────────────
    def tasks(self, parties: Iterable[str] | None = None, instance: int | None = None, limit: int | None = None) -> list[TaskEntry]:
        wanted, arguments = ["1 = 1"], []
        if parties is not None:
            arguments = [dumps(list(parties)).decode()]
            wanted.append("party in (select value from json_each(?))")
        if instance is not None:
            wanted.append("instance = ?")
            arguments.append(instance)  # type: ignore[arg-type]
        columns = "instance, token, visit, party, in_place_of, node, subject, opened, due, overdue"
        sql = f"select {columns} from task where {' and '.join(wanted)} order by instance, token, visit limit ?"
        return [
            TaskEntry(i, token, visit, party, place, node, subject, _at(opened), _maybe(due), bool(overdue))
            for i, token, visit, party, place, node, subject, opened, due, overdue in self._all(sql, *arguments, _limit(limit))
        ]

    def open_tasks(self, party: str) -> int:
        ((n,),) = self._all("select count(*) from task where party = ?", party)
        return int(n)

    def due(self, at: datetime, limit: int = 100) -> list[TimerEntry]:
        sql = f"select instance, holder, arm, due from timer where due <= ? and instance not in ({aside.IDS}) order by due, instance, holder, arm limit ?"
        return [TimerEntry(i, holder, arm, _at(due)) for i, holder, arm, due in self._all(sql, micros(at), limit)]

    def next_due(self) -> datetime | None:
        timer = f"select due from timer where instance not in ({aside.IDS}) order by due limit 1"
        ((at,),) = self._all(f"select min(due) from (select * from ({timer}) union all select min(due) from schedule)")
        return _maybe(at)

    def schedules(self, at: datetime | None = None) -> list[ScheduleRow]:
        latest = micros(at) if at is not None else None
        return [ScheduleRow(process, number, cron, _at(due)) for process, number, cron, due in self._all(schedule.DUE, latest, latest)]

    def watchers(self, document: int) -> list[int]:
        sql = f"select distinct instance from watch where document = ? and instance not in ({aside.IDS}) order by instance"
        return [row[0] for row in self._all(sql, document)]

    # ── set aside ──────────────────────────────────────────────────────────────────────────────────────────────────
    def set_aside(self, instance: int, at: datetime, reason: str) -> bool:
        with self.begin():
            return aside.put(self._db, instance, at, reason)

    def aside(self) -> list[AsideRow]:
        return [AsideRow(instance, _at(at), reason) for instance, at, reason in self._all(aside.ALL)]

    def take_back(self, instance: int) -> list[Document] | None:
        with self.begin():
            return aside.take(self._db, instance)

    # ── what waits to be told ──────────────────────────────────────────────────────────────────────────────────────
    def outbox(self, limit: int = 100) -> list[OutboxRow]:
        sql = (
            "select id, owner, instance, token, visit, attempt, waits, service, arguments, depth from outbox "
            f"where instance not in ({aside.IDS}) and coalesce((select status from instance i where i.id = outbox.instance), 0) != 4 order by id limit ?"
        )
        return [
            OutboxRow(id, owner, instance, CallOut(service, loads(arguments), token, visit, attempt, bool(waits)), depth)
            for id, owner, instance, token, visit, attempt, waits, service, arguments, depth in self._all(sql, limit)
        ]

    def messages(self, *, fresh: bool = False, limit: int | None = None) -> list[MessageRow]:
        return messages(self._all, fresh=fresh, limit=_limit(limit))

    def changes(self, limit: int | None = 100, document: int | None = None) -> list[ChangeRow]:
        sql = (
            "select c.id, c.owner, d.type, c.document, c.version, c.at, c.data from change c join document d on d.id = c.document "
            "where ? is null or c.document = ? order by c.id limit ?"
        )
        return [
            ChangeRow(id, owner, Document(type, document), version, _at(at), *loads(data))
            for id, owner, type, document, version, at, data in self._all(sql, document, document, _limit(limit))
        ]

    # ── documents, calendars, notices ──────────────────────────────────────────────────────────────────────────────
    def document(self, id: int) -> DocumentRow | None:
        with self._lock:
            return rows.one_document(self._db, id)

    def documents(self, type: str | None = None, limit: int | None = None, after: int = 0) -> list[DocumentRow]:
        sql = f"{rows.DOCUMENT} where (? is null or type = ?) and id > ? order by id limit ?"
        return [rows.document(row) for row in self._all(sql, type, type, after, _limit(limit))]

    def feed(self, document: int) -> list[FeedRow]:
        sql = "select version, at, data from feed where document = ? order by version"
        return [FeedRow(version, _at(at), *loads(data)) for version, at, data in self._all(sql, document)]

    def calendar(self, person: str | None = None, instance: int | None = None) -> list[CalendarRow]:
        sql = (
            "select id, person, title, at, ends, remind_before, instance from calendar "
            "where (? is null or person = ?) and (? is null or instance = ?) order by at, id"
        )
        found = self._all(sql, person, person, instance, instance)
        return [CalendarRow(id, who, title, _at(at), _at(ends), before, i) for id, who, title, at, ends, before, i in found]

    def notices(self, person: str | None = None, instance: int | None = None) -> list[NoticeRow]:
        sql = (
            "select person, reason, title, text, channel, at, instance from notice "
            "where (? is null or person = ?) and (? is null or instance = ?) order by at, person, n"
        )
        found = self._all(sql, person, person, instance, instance)
        return [NoticeRow(who, reason, title, text, channel, _at(at), i) for who, reason, title, text, channel, at, i in found]


_at = instant


def _limit(limit: int | None) -> int:
    return -1 if limit is None else limit


def _maybe(at: int | None) -> datetime | None:
    return None if at is None else instant(at)


_SAVE_RUNNING = "update instance set revision = revision + 1, state = ?, incidents = ?, history = ?, status = ? where id = ? and revision = ?"
_SAVE_ENDED = (
    "update instance set revision = revision + 1, state = ?, incidents = ?, history = ?, status = ?, ended = ?, result = ?, exclusive = null "
    "where id = ? and revision = ?"
)
_NEW_INSTANCE = (
    "insert into instance (owner, definition, status, revision, incidents, document, started, exclusive, "
    "caller, caller_token, caller_visit, caller_attempt, level, deployed, state) "
    "values (?, ?, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, (select coalesce(max(id), 0) from deployment), x'')"
)
_NO_CALLER = (None, None, None, None, 0)
_CLOSE_TASK = "delete from task where party = ? and instance = ? and token = ? and visit = ?"
_OPEN_TASK = (
    "insert into task (party, instance, token, visit, owner, in_place_of, node, subject, opened, due, overdue) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_PUT_TASK = f"{_OPEN_TASK} on conflict (party, instance, token, visit) do update set subject = excluded.subject, due = excluded.due, overdue = excluded.overdue"


class SqliteWork(Looking):
    """The unit of work on SQLite: the statements between `begin immediate` and `commit`."""

    __slots__ = ("_lock", "_path", "_run", "left", "messages")

    def __init__(self, db: sqlite3.Connection, lock: threading.RLock, path: str) -> None:
        self._db, self._lock, self._path = db, lock, path
        self._run = db.cursor().execute  # one cursor for all: a row is always fetched before the next statement
        self.messages = SqliteMessages(self._run)
        self.left = False

    def start(self) -> None:
        """Takes the write lock."""
        self._run("begin immediate")
        self.left = False

    def __enter__(self) -> SqliteWork:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if kind is None:
                self._run("commit")
            elif self._db.in_transaction:
                self._run("rollback")
        except sqlite3.Error as failed:
            if self._db.in_transaction:
                self._run("rollback")
            raise trouble(self._path, failed) from failed
        finally:
            self._lock.release()
        if isinstance(error, sqlite3.DatabaseError):
            raise trouble(self._path, error) from error

    # ── instances ──────────────────────────────────────────────────────────────────────────────────────────────────
    def instance(self, id: int) -> InstanceRow | None:
        return rows.one_instance(self._db, id)

    def snapshot(self, id: int) -> Snapshot | None:
        return rows.one_snapshot(self._db, id)

    def revision(self, id: int) -> int | None:
        row = self._run("select revision from instance where id = ?", (id,)).fetchone()
        return row[0] if row else None

    def new_instance(
        self, definition: int, document: Document | None, at: datetime, exclusive: str | None, owner: int | None = None, caller: Caller | None = None
    ) -> tuple[int, int] | None:
        if exclusive is not None and self._run("select 1 from instance where exclusive = ?", (exclusive,)).fetchone():
            return None
        values = (owner or 0, definition, document.id if document else None, micros(at), exclusive, *(caller or _NO_CALLER))
        id = self._run(_NEW_INSTANCE, values).lastrowid
        assert id is not None
        if owner is None:
            self._run("update instance set owner = ? where id = ?", (id, id))
        return id, owner or id

    def called(self, id: int, token: int, visit: int) -> list[int]:
        sql = "select id from instance where caller = ? and caller_token = ? and caller_visit = ? and status = 0"
        return [row[0] for row in self._run(sql, (id, token, visit)).fetchall()]

    def save(self, saved: Saved) -> int:
        at = micros(saved.at)
        values: tuple[Any, ...] = (saved.owner, saved.id, saved.expected + 1, saved.previous, at, saved.history)
        row = self._run("insert into history (owner, instance, revision, previous, at, data) values (?, ?, ?, ?, ?, ?)", values).lastrowid
        assert row is not None
        if saved.status in ("running", "suspended"):
            values = (saved.root, saved.incidents, row, STATUSES.index(saved.status), saved.id, saved.expected)
            done = self._run(_SAVE_RUNNING, values)
        else:
            values = (saved.root, saved.incidents, row, STATUSES.index(saved.status), at, saved.result, saved.id, saved.expected)
            done = self._run(_SAVE_ENDED, values)
        if done.rowcount != 1:
            raise Conflict(saved.id)
        if saved.gone or saved.pages:
            self._save_pages(saved)
        return row

    def _save_pages(self, saved: Saved) -> None:
        for holder in saved.gone:
            self._run("delete from page where instance = ? and holder = ?", (saved.id, holder))
        for (holder, part), data in saved.pages.items():
            self._run("insert or replace into page values (?, ?, ?, ?, ?)", (saved.owner, saved.id, holder, part, data))

    def index(self, id: int, owner: int, effects: Effects, at: datetime) -> None:
        for (token, visit), (was, task) in effects.tasks.items():
            self._move_task(id, owner, token, visit, was, task, at)
        for (holder, arm), (before, due) in effects.timers.items():
            if before is not None and before != due:
                self._run("delete from timer where due = ? and instance = ? and holder = ? and arm = ?", (micros(before), id, holder, arm))
            if due is not None and before != due:
                self._run("insert or ignore into timer values (?, ?, ?, ?, ?)", (micros(due), id, holder, arm, owner))
        if effects.watches or effects.listens or effects.withdrawn:
            self._index_rest(id, owner, effects, at)

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
            elif self.messages.listen(owner, id, holder, arm, listen, at):
                self.left = True
        for token, visit in effects.withdrawn:
            run("delete from outbox where instance = ? and token = ? and visit = ? and waits", (id, token, visit))

    def _move_task(self, id: int, owner: int, token: int, visit: int, was: TaskRow | None, task: TaskRow | None, at: datetime) -> None:
        """A task opens, changes or closes; one that is there already keeps the time at which it was opened."""
        if was is not None:
            staying = {a.party for a in task.people} if task else ()
            for party, _ in was.people:
                if party not in staying:
                    self._run(_CLOSE_TASK, (party_text(party), id, token, visit))
        if task is not None:
            sql, opened, due = _PUT_TASK if was else _OPEN_TASK, micros(at), micros(task.due) if task.due else None
            for party, absent in task.people:
                place = party_text(absent) if absent else None
                self._run(sql, (party_text(party), id, token, visit, owner, place, task.node, task.subject, opened, due, task.overdue))

    # ── outbox and inbox ───────────────────────────────────────────────────────────────────────────────────────────
    def send(self, id: int, owner: int, calls: Sequence[CallOut], at: datetime, depth: int) -> None:
        self.left = self.left or bool(calls)
        sql = "insert into outbox (owner, instance, token, visit, attempt, waits, service, arguments, at, depth) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        for call in calls:
            values = (owner, id, call.token, call.visit, call.attempt, call.wait, call.service, dumps(call.arguments), micros(at), depth)
            self._run(sql, values)

    def sent(self, row: OutboxRow) -> bool:
        sql = "delete from outbox where id = ? and instance = ? and token = ? and visit = ? and attempt = ?"
        return self._run(sql, (row.id, row.instance, row.call.token, row.call.visit, row.call.attempt)).rowcount == 1

    def worked(self, owner: int, key: str) -> bytes | None:
        row = self._run("select result from inbox where owner = ? and key = ?", (owner, key)).fetchone()
        return row[0] if row else None

    def remember(self, owner: int, key: str, result: bytes, at: datetime) -> None:
        self._run("insert into inbox values (?, ?, ?, ?)", (owner, key, result, micros(at)))

    # ── documents ──────────────────────────────────────────────────────────────────────────────────────────────────
    def document(self, id: int) -> DocumentRow | None:
        return rows.one_document(self._db, id)

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
        changes = {name: value for name, value in row.fields.items() if name not in previous or previous[name] != value}
        changes |= {name: None for name in previous if name not in row.fields}  # emptied
        now = micros(at)
        self._run("insert into feed values (?, ?, ?, ?, ?)", (row.owner, row.ref.id, row.version, now, dumps([changes, by, note])))
        if changes:
            self.left = True
            sql = "insert into change (owner, document, version, at, data) values (?, ?, ?, ?, ?)"
            self._run(sql, (row.owner, row.ref.id, row.version, now, dumps([dict(previous), by, cause, depth])))

    def reschedule(self, row: ScheduleRow, due: datetime | None) -> bool:
        return schedule.move(self._db, row, due)

    def told(self, change: ChangeRow) -> None:
        self._run("delete from change where id = ? and document = ? and version = ?", (change.id, change.document.id, change.version))

    # ── calendars and notices ──────────────────────────────────────────────────────────────────────────────────────
    def add_calendar(self, owner: int, person: str, title: str, at: datetime, ends: datetime, remind_before: int | None, instance: int | None) -> int:
        sql = "insert into calendar (owner, person, title, at, ends, remind_before, instance) values (?, ?, ?, ?, ?, ?, ?)"
        id = self._run(sql, (owner, person, title, micros(at), micros(ends), remind_before, instance)).lastrowid
        assert id is not None
        return id

    def add_notice(self, owner: int, person: str, reason: str, title: str, text: str, channel: str, at: datetime, instance: int | None) -> None:
        now = micros(at)
        sql = (
            "insert into notice (person, at, n, owner, reason, title, text, channel, instance) "
            "values (?, ?, (select coalesce(max(n), 0) + 1 from notice where person = ? and at = ?), ?, ?, ?, ?, ?, ?)"
        )
        self._run(sql, (person, now, person, now, owner, reason, title, text, channel, instance))
