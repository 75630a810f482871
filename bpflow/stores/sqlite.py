"""The SQLite store: one file (or memory), WAL, one writer at a time.

Here it is opened, deployed to and read; what a transaction does is in sqlite_work.py. `synchronous=FULL` is the default: a commit survives a
loss of power; `?sync=normal` survives any crash of the program only.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

from bpflow.engine.codec import STATUSES, dumps, instant, micros
from bpflow.stores import rows, sqlite_rows
from bpflow.stores import sqlite_absences as away
from bpflow.stores import sqlite_aside as aside
from bpflow.stores import sqlite_messages as mail
from bpflow.stores import sqlite_purging as purging
from bpflow.stores import sqlite_schedule as schedule
from bpflow.stores import sqlite_secrets as secrets
from bpflow.stores.absent import AbsenceRow
from bpflow.stores.contract import AsideRow, DefinitionRow, DeploymentRow, DocumentRow, HistoryRow, InstanceRow, ScheduleRow, Snapshot
from bpflow.stores.counting import Counts
from bpflow.stores.entries import CalendarRow, FeedRow, Indexed, NoticeRow, TaskEntry
from bpflow.stores.indexed import indexed
from bpflow.stores.leases import Lease
from bpflow.stores.mail import ListenRow, MessageRow
from bpflow.stores.purged import PurgedRow
from bpflow.stores.sqlite_checkpoints import PAGES, Checkpoints
from bpflow.stores.sqlite_files import prepare, trouble
from bpflow.stores.sqlite_joined import Savepoint, borrowed
from bpflow.stores.sqlite_leases import SqliteLeases
from bpflow.stores.sqlite_queues import SqliteQueues, limited, where
from bpflow.stores.sqlite_waiting import waiting
from bpflow.stores.sqlite_work import SqliteWork

_DEPLOYMENT = "select d.id, d.process, d.digest, p.version from deployment p left join definition d on d.id = p.definition"
_NOW = f"{_DEPLOYMENT} where p.process = ? order by p.version desc limit 1"
_THEN = f"{_DEPLOYMENT} where p.process = ? order by p.id > ?, iif(p.id > ?, p.version, -p.version) limit 1"
"""The last of those that were there at that place, else the first of those that came later."""
_LAST = "p.id in (select max(id) from deployment group by process)"


sqlite3.register_adapter(bytes, bytes.__bytes__)
sqlite3.register_adapter(bool, int)
sqlite3.register_adapter(type(None), dict[None, None]().get)  # which gives None
"""Python looks for what else a value could be written as unless it is a number or a text: told what, it takes a fourth of the time."""


T = TypeVar("T")


class SqliteStore(SqliteQueues, SqliteLeases):
    """A store in the file `path` (":memory:": in memory, for tests and scenarios). `timeout`: seconds to wait for another writer · `beside`: the
    file may have tables of another program, which stay as they are."""

    groups = True

    def __init__(self, path: str = ":memory:", *, sync: str = "full", timeout: float = 30.0, beside: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=256)
        except sqlite3.DatabaseError as error:
            raise trouble(path, error) from error
        try:
            self._db.execute("pragma foreign_keys = on")
            prepare(self._db, path, beside=beside)
            self._db.execute(f"pragma synchronous = {sync}")
            self._db.execute(f"pragma wal_autocheckpoint = {PAGES[sync]}")
            self._db.execute("pragma cache_size = -32000")  # kilobytes
            self._db.execute("pragma busy_timeout = 0")  # from here on it is `waiting` that waits
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise trouble(path, error) from error
        except BaseException:
            self._db.close()
            raise
        self._timeout = timeout
        self._work = SqliteWork(self._db, self._lock, path)
        self._checkpoints = Checkpoints(self._all("pragma database_list")[0][2] if sync == "normal" else "")

    @contextmanager
    def within(self, connection: object) -> Iterator[SqliteStore]:
        with borrowed(connection, self.path, self._all("pragma database_list")[0][2]) as db:
            yield self._joined(db)

    @contextmanager
    def together(self) -> Iterator[SqliteStore]:
        with self.begin(0):
            yield self._joined(self._db)

    def _joined(self, db: sqlite3.Connection) -> SqliteStore:
        """The same store on a connection whose transaction somebody else ends."""
        joined = copy(self)
        joined._db, joined._lock, joined._timeout = db, threading.RLock(), 0.0  # it waits as its connection does
        joined._work = Savepoint(db, joined._lock, self.path)
        joined._checkpoints = Checkpoints("")
        return joined

    def begin(self, owner: int | None = None, leases: Sequence[Lease] = (), anew: bool = False) -> SqliteWork:
        try:
            if self._db.total_changes > self._checkpoints.due:
                self._checkpoints.begin(self._db.total_changes)
            try:
                self._open(leases)
            except sqlite3.OperationalError:
                waiting(partial(self._open, leases), self._timeout)
        except sqlite3.DatabaseError as error:
            raise trouble(self.path, error) from error
        return self._work

    def _open(self, leases: Sequence[Lease]) -> None:
        """Begins, if the file is free. If it is not, other threads have their turn: it may be one of them that writes, on a connection of its own."""
        self._lock.acquire()
        try:
            self._work.open(leases)
        except BaseException:
            self._work.roll_back()
            self._lock.release()
            raise

    def close(self) -> None:
        self._checkpoints.end()
        with self._lock:
            self._db.close()

    def _all(self, sql: str, *arguments: Any) -> list[Any]:
        return self._read(lambda: self._db.execute(sql, arguments).fetchall())

    def _read(self, read: Callable[[], T]) -> T:
        """What is read, with no other thread in between."""

        def alone() -> T:
            with self._lock:
                return read()

        try:
            return waiting(alone, self._timeout)
        except sqlite3.DatabaseError as error:
            raise trouble(self.path, error) from error

    # ── definitions ────────────────────────────────────────────────────────────────────────────────────────────────
    def deploy(
        self, process: str, digest: str, graph: str, source: str, at: datetime, schedules: Sequence[ScheduleRow] = (), messages: Sequence[str] = ()
    ) -> DefinitionRow:
        with self.begin(0) as work:
            x, now = self._db.execute, micros(at)
            x("insert or ignore into definition (process, digest, graph, source, at) values (?, ?, ?, ?, ?)", (process, digest, graph, source, now))
            row = x("select id from definition where digest = ?", (digest,)).fetchone()
            version, last = x("select version, definition from deployment where process = ? order by version desc limit 1", (process,)).fetchone() or (0, None)
            if last != row[0]:
                x("insert into deployment (process, version, definition, at) values (?, ?, ?, ?)", (process, version + 1, row[0], now))
            schedule.put(self._db, process, schedules)
            for name in messages:
                work.messages.look(0, name, at)
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
        return [DeploymentRow(*row) for row in self._all(f"{_DEPLOYMENT} where {_LAST} and d.id is not null order by p.process")]

    def deployment(self, process: str, by: int | None = None) -> DeploymentRow | None:
        found = self._all(_NOW, process) if by is None else self._all(_THEN, process, by, by)
        return DeploymentRow(*found[0]) if found and found[0][0] is not None else None

    def processes(self) -> list[str]:
        return [row[0] for row in self._all("select distinct process from definition order by process")]

    def current(self, process: str) -> tuple[int, int] | None:
        sql = "select definition, (select max(id) from deployment) from deployment where process = ? order by version desc limit 1"
        return next((row for row in self._all(sql, process) if row[0] is not None), None)

    # ── instances ──────────────────────────────────────────────────────────────────────────────────────────────────
    def instance(self, id: int) -> InstanceRow | None:
        return self._read(lambda: sqlite_rows.one_instance(self._db, id))

    def snapshot(self, id: int) -> Snapshot | None:
        return self._read(lambda: sqlite_rows.one_snapshot(self._db, self._db.execute, id))

    def snapshots(self, ids: Sequence[int]) -> list[Snapshot]:
        return [rows.snapshot(row, {}) for row in self._all(sqlite_rows.SNAPSHOTS, dumps(ids).decode())]

    def instances(
        self,
        process: str | None = None,
        status: str | None = None,
        document: int | None = None,
        incidents: bool = False,
        limit: int | None = None,
        after: int = 0,
    ) -> list[InstanceRow]:
        wanted, values = where(**{"d.process": process, "i.document": document})
        if status is not None:
            number = STATUSES.index(status)
            wanted += f" and i.status = {number}" + (" and i.status >= 2" if number >= 2 else "")  # as its index says it
        if incidents:
            wanted += f" and i.id in (select id from instance where incidents > 0 union {aside.TROUBLED})"
        sql = f"{sqlite_rows.INSTANCE} where {wanted} and i.id > ? order by i.id limit ?"
        return [rows.instance(row) for row in self._all(sql, *values, after, limited(limit))]

    def called_by(self, instance: int) -> list[InstanceRow]:
        return [rows.instance(row) for row in self._all(f"{sqlite_rows.INSTANCE} where i.caller = ? order by i.id", instance)]

    def history(self, instance: int) -> list[HistoryRow]:
        sql = f"{sqlite_rows.CHAIN} select instance, revision, at, data, link from history where id in (select id from chain) order by revision"
        return [rows.history(row) for row in self._all(sql, instance)]

    def strays(self, limit: int = 100) -> list[tuple[int, int]]:
        return self._all(purging.STRAYS, limit)

    def chain_mark(self, new: bytes | None = None) -> bytes | None:
        if new is None:
            return next((row[0] for row in self._all("select mark from chain")), None)
        with self.begin():
            return purging.mark(self._db, new)

    def last_at(self) -> datetime | None:
        ((at,),) = self._all(
            "select max(at) from (select at from history where id = (select max(id) from history) union all select max(changed) from document)"
        )
        return rows.maybe(at)

    # ── purging ────────────────────────────────────────────────────────────────────────────────────────────────────
    def purgeable(self, before: datetime, process: str | None = None, after: int = 0, limit: int = 100) -> list[InstanceRow]:
        return [rows.instance(row) for row in self._all(purging.PURGEABLE, after, micros(before), process, process, limit)]

    def purge(self, gone: Sequence[PurgedRow], before: datetime) -> int:
        count = 0
        with self._unhurried():
            for owner, some in rows.by_owner(gone).items():
                with self.begin(owner):
                    count += purging.purge(self._db, some, before)
        return count

    @contextmanager
    def _unhurried(self) -> Iterator[None]:
        """While it lasts, no commit waits for the disk: for what is simply done again if the power fails."""
        with self._lock:
            (level,) = self._all("pragma synchronous")[0]
            self._all("pragma synchronous = normal")
            try:
                yield
            finally:
                self._all(f"pragma synchronous = {level}")

    def purged(self, after: int = 0, limit: int = 100) -> list[PurgedRow]:
        return [rows.purged(row) for row in self._all(purging.PURGED, after, limit)]

    def untold(self) -> list[tuple[int, str, datetime]]:
        return [(instance, person, instant(at)) for instance, person, at in self._all(purging.UNTOLD)]

    def tell_again(self, instance: int, person: str, at: datetime) -> bool:
        with self.begin():
            return self._db.execute(purging.TELL_AGAIN, (instance, person, micros(at))).rowcount > 0

    def settled(self, before: datetime) -> int:
        ((count,),) = self._all(purging.COUNT_SETTLED, micros(before))
        return int(count)

    def forget(self, before: datetime, limit: int) -> int:
        count, keys = 0, self._all(purging.SETTLED, micros(before), limit)
        with self._unhurried():
            for owner, some in groupby(keys, itemgetter(0)):
                with self.begin(owner):
                    count += purging.forget(self._db, owner, (key for _, key in some))
        return count

    def compact(self) -> None:
        self._all("vacuum")
        self._all(f"pragma busy_timeout = {self._timeout * 1000:.0f}")  # who reads is waited for, by SQLite itself
        self._all("pragma wal_checkpoint(truncate)")
        self._all("pragma busy_timeout = 0")

    # ── tasks and timers ───────────────────────────────────────────────────────────────────────────────────────────
    def tasks(
        self, parties: Iterable[str] | None = None, instance: int | None = None, limit: int | None = None, observers: Iterable[str] | None = None
    ) -> list[TaskEntry]:
        wanted, arguments = ["1 = 1"], []
        if parties is not None:
            arguments = [dumps(list(parties)).decode()]
            wanted.append("party in (select value from json_each(?))")
        if instance is not None:
            wanted.append("instance = ?")
            arguments.append(instance)  # type: ignore[arg-type]
        if observers is not None:
            wanted.append("(instance, token, visit) in (select instance, token, visit from observer where party in (select value from json_each(?)))")
            arguments.append(dumps(list(observers)).decode())
        sql = f"select {rows.TASK} from task where {' and '.join(wanted)} order by instance, token, visit limit ?"
        return [rows.task(row) for row in self._all(sql, *arguments, limited(limit))]

    def open_tasks(self, party: str) -> int:
        ((n,),) = self._all("select count(*) from task where party = ?", party)
        return int(n)

    def watchers(self, document: int) -> list[int]:
        sql = f"select distinct instance from watch where document = ? and instance not in ({aside.IDS}) order by instance"
        return [row[0] for row in self._all(sql, document)]

    def watched(self, instance: int) -> list[DocumentRow]:
        sql = f"{sqlite_rows.DOCUMENT} where id in (select document from watch where instance = ?) order by id"
        return [rows.document(row) for row in self._all(sql, instance)]

    def counts(self, before: Sequence[datetime]) -> Counts:
        tasks = rows.TASKS.format("", "overdue", ", sum(opened < ?)" * len(before))
        (troubled,), (row,) = self._all(rows.TROUBLED.format("")), self._all(tasks, *map(micros, before))
        return rows.counts(self._all(rows.INSTANCES.format("")), troubled, row)

    def indexed(self, after: int, last: int) -> Mapping[int, Indexed]:
        return indexed(self._all, "", after, last)

    # ── set aside ──────────────────────────────────────────────────────────────────────────────────────────────────
    def set_aside(self, instance: int, at: datetime, reason: str) -> bool:
        with self.begin():
            return aside.put(self._db, instance, at, reason)

    def aside(self) -> list[AsideRow]:
        return [rows.aside(row) for row in self._all(aside.ALL)]

    # ── messages ───────────────────────────────────────────────────────────────────────────────────────────────────
    def message(self, id: int) -> MessageRow | None:
        return mail.message(self._all, id)

    def wanted(self, name: str, key: str) -> MessageRow | None:
        return mail.wanted(self._all, name, key)

    def receiver(self, message: int) -> ListenRow | None:
        return mail.receiver(self._all, message)

    def listening(self, listen: int) -> ListenRow | None:
        return mail.listening(self._all, listen)

    def secret(self, handle: int) -> bytes | None:
        return next((row[0] for row in self._all(secrets.GET, handle)), None)

    # ── documents, calendars, absences, notices ────────────────────────────────────────────────────────────────────────
    def document(self, id: int) -> DocumentRow | None:
        return self._read(lambda: sqlite_rows.one_document(self._db, id))

    def documents(self, type: str | None = None, limit: int | None = None, after: int = 0) -> list[DocumentRow]:
        wanted, values = where(type=type)
        sql = f"{sqlite_rows.DOCUMENT} where {wanted} and id > ? order by id limit ?"
        return [rows.document(row) for row in self._all(sql, *values, after, limited(limit))]

    def feed(self, document: int) -> list[FeedRow]:
        sql = "select version, at, data from feed where document = ? order by version"
        return [rows.feed(row) for row in self._all(sql, document)]

    def calendar(self, person: str | None = None, instance: int | None = None) -> list[CalendarRow]:
        wanted, values = where(person=person, instance=instance)
        return [rows.calendar(row) for row in self._all(f"select {rows.CALENDAR} from calendar where {wanted} order by at, id", *values)]

    def absence_mark(self) -> int:
        return next((row[0] for row in self._all(away.MARK)), 0)

    def absences(self, person: str | None = None) -> list[AbsenceRow]:
        return [rows.absence(row) for row in self._all(away.OF, person, person)]

    def notices(self, person: str | None = None, instance: int | None = None) -> list[NoticeRow]:
        wanted, values = where(person=person)
        if instance is not None:
            wanted, values = f"{sqlite_rows.ITS_NOTICES} and (?2 is null or person = ?2)", [instance, person]
        return [rows.notice(row) for row in self._all(f"select {rows.NOTICE} from notice where {wanted} order by at, person, instance, n", *values)]
