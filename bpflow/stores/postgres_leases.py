"""Workers and their slots in PostgreSQL, and how they are woken.

The law of this file: a worker's seat is a session of its own with a lock; who does not have his lock any more is gone. Workers are woken after
a commit and not by it: a notification inside a transaction would let only one transaction of the whole database commit at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping

import psycopg

from bpflow.engine.codec import micros
from bpflow.stores import rows
from bpflow.stores.bell import Bell
from bpflow.stores.contract import StoreError
from bpflow.stores.leases import SLOTS, STEP, NewWorker, PutOff, Seat, WorkerRow
from bpflow.stores.postgres_lines import Address
from bpflow.stores.postgres_schema import LOCK
from bpflow.stores.postgres_trouble import trouble
from bpflow.stores.postgres_wire import Row
from bpflow.stores.postgres_work import PostgresWork

SEAT = LOCK + 1
"""The first number of the locks of seats; the second is the worker's."""
CHANNEL = "bpflow"
"""On which workers are told that there may be something new."""
CLOSELY = 0.02
"""Seconds between two notifications: what comes in between is told by one."""

_THERE = (
    "exists (select from pg_locks l where l.locktype = 'advisory' and l.granted and l.objsubid = 2 "
    f"and l.database = (select oid from pg_database where datname = current_database()) and l.classid::bigint = {SEAT} and l.objid::bigint = w.id)"
)
_WORKERS = (
    f"select {rows.WORKER}, (select array_agg(number order by number) from bpflow.slot where worker = w.id), not {_THERE} from bpflow.worker w order by id"
)
_TAKE = (
    "update bpflow.slot set worker = $1, epoch = epoch + 1 where number in (select number from bpflow.slot where worker is null "
    f"order by number * {STEP} % {SLOTS} limit greatest(0, $2::bigint - (select count(*) from bpflow.slot where worker = $1)) for update skip locked) "
    "and exists (select from bpflow.worker where id = $1)"
)
_FREE = "update bpflow.slot set worker = null, epoch = epoch + 1 where worker = $1"


class PostgresSeat:
    """A worker's place: a session of his own, in which he is woken."""

    def __init__(self, address: Address, new: NewWorker) -> None:
        self._name, self._bell = address.name, Bell()
        self._db = address.connect()
        try:
            self._db.execute(f"listen {CHANNEL}")
            row = self._db.execute("select nextval(pg_get_serial_sequence('bpflow.worker', 'id'))").fetchone()
            assert row is not None
            self.id: int = row[0]
            self._db.execute("select pg_advisory_lock(%s, %s)", (SEAT, self.id))
            sql = "insert into bpflow.worker overriding system value values (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
            self._db.execute(sql, (self.id, micros(new.since), new.beat, new.pid, new.nth, new.standing, new.host, new.place, new.born))
        except psycopg.Error as error:
            self._db.close()
            raise trouble(self._name, error) from error

    def wait(self, seconds: float) -> None:
        try:
            if self._bell.wait(seconds, self._db.fileno()):
                self._db.pgconn.consume_input()
                while self._db.pgconn.notifies():
                    pass
        except psycopg.Error as error:
            raise trouble(self._name, error) from error

    def ring(self) -> None:
        self._bell.ring()

    def leave(self) -> None:
        try:
            with self._db.transaction():
                self._db.execute(_FREE.replace("$1", "%s"), (self.id,))
                self._db.execute("delete from bpflow.worker where id = %s", (self.id,))
            self._db.execute(f"notify {CHANNEL}")
        except psycopg.Error as error:
            raise trouble(self._name, error) from error
        finally:
            self._db.close()


class Notifier:
    """Tells workers that there may be something new, in a thread of its own; `tell` does so once."""

    def __init__(self, tell: Callable[[], object]) -> None:
        self._tell, self._wanted, self._closed = tell, threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def want(self) -> None:
        """Soon."""
        self._wanted.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="bpflow-notify", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wanted.wait()
            self._once()
            self._closed.wait(CLOSELY)
        self._once()  # it may be closed before this thread has come to its first turn

    def _once(self) -> None:
        if self._wanted.is_set():
            self._wanted.clear()
            try:
                self._tell()
            except StoreError:
                return  # workers look for themselves too, from time to time

    def close(self) -> None:
        """What is still to be told is told now."""
        self._closed.set()
        if self._thread is not None:
            self._wanted.set()
            self._thread.join()


class PostgresLeases:
    """The part of the store that has to do with workers."""

    address: Address
    _all: Callable[..., list[Row]]
    begin: Callable[[], PostgresWork]

    @property
    def shared(self) -> bool:
        return True

    def seat(self, new: NewWorker) -> Seat:
        return PostgresSeat(self.address, new)

    def beat(self, worker: int, beat: int, put_off: PutOff | None = None) -> bool:
        with self.begin() as work:
            sql = "update bpflow.worker set beat = $2, put_off = $3 where id = $1"
            return work.ask(sql, worker, beat, rows.put_off_text(put_off)).count == 1

    def workers(self) -> list[WorkerRow]:
        return [rows.worker(row, slots or (), gone) for *row, slots, gone in self._all(_WORKERS)]

    def take(self, worker: int, most: int) -> Mapping[int, int]:
        with self.begin() as work:
            work.put(_TAKE, worker, most)
            return dict(work.ask("select number, epoch from bpflow.slot where worker = $1", worker).rows)

    def give_back(self, worker: int, slots: Collection[int]) -> None:
        with self.begin() as work:
            work.put(f"{_FREE} and number = any($2::integer[])", worker, list(slots))
            work.left = True

    def give_up(self, worker: int, beat: int) -> bool:
        with self.begin() as work:
            if work.ask("delete from bpflow.worker where id = $1 and beat = $2", worker, beat).count != 1:
                return False
            work.put(_FREE, worker)
            return True
