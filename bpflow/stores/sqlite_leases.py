"""Workers and their slots in SQLite.

The law of this file: a slot changes hands in one transaction, and its epoch grows with it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from bpflow.engine.codec import loads, micros
from bpflow.stores import rows
from bpflow.stores.bell import Bell
from bpflow.stores.contract import LeaseLost
from bpflow.stores.leases import SLOTS, STEP, Lease, NewWorker, PutOff, Seat, WorkerRow

LOOKS = 0.05
"""Seconds between two looks whether the file has changed."""


def fence(run: Callable[..., Any], leases: Sequence[Lease]) -> None:
    """LeaseLost unless all the slots are still held in those epochs."""
    slots = [lease.slot for lease in leases]
    held = dict(run("select number, epoch from slot where number between ? and ?", (min(slots), max(slots))).fetchall())
    for lease in leases:
        if held[lease.slot] != lease.epoch:
            raise LeaseLost(lease)


def numbers(slots: Collection[int]) -> str:
    return ", ".join(map(str, slots))


class SqliteSeat:
    """A worker's place: he is woken when anybody has written to the file, he himself too."""

    def __init__(self, store: SqliteLeases, id: int) -> None:
        self.id = id
        self._store, self._bell, self._seen = store, Bell(), store.pulse()

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self._store.pulse() == self._seen and not self._bell.wait(min(left, LOOKS)):
            pass
        self._seen = self._store.pulse()

    def ring(self) -> None:
        self._bell.ring()

    def leave(self) -> None:
        self._store.leave(self.id)


class SqliteLeases:
    """The part of the store that has to do with workers."""

    path: str
    _db: sqlite3.Connection
    _lock: threading.RLock
    _all: Callable[..., list[Any]]
    begin: Callable[[], AbstractContextManager[Any]]

    @property
    def shared(self) -> bool:
        return self.path != ":memory:"

    def pulse(self) -> tuple[int, int]:
        """Another than before once anybody has written."""
        ((version,),) = self._all("pragma data_version")  # what others have written
        return version, self._db.total_changes

    def seat(self, new: NewWorker) -> Seat:
        with self.begin():
            sql = "insert into worker (host, pid, place, born, nth, beat, since, standing) values (?, ?, ?, ?, ?, ?, ?, ?)"
            values = (new.host, new.pid, new.place, new.born, new.nth, new.beat, micros(new.since), new.standing)
            id = self._db.execute(sql, values).lastrowid
        assert id is not None
        return SqliteSeat(self, id)

    def beat(self, worker: int, beat: int, put_off: PutOff | None = None) -> bool:
        with self.begin():
            values = (beat, rows.put_off_text(put_off), worker)
            return self._db.execute("update worker set beat = ?, put_off = ? where id = ?", values).rowcount == 1

    def workers(self) -> list[WorkerRow]:
        sql = f"select {rows.WORKER}, (select json_group_array(number) from slot where worker = w.id) from worker w order by id"
        return [rows.worker(row, loads(slots), None) for *row, slots in self._all(sql)]

    def take(self, worker: int, most: int) -> Mapping[int, int]:
        with self.begin():
            x = self._db.execute
            (has,) = x("select count(*) from slot where worker = ?", (worker,)).fetchone()
            free = f"select number from slot where worker is null order by number * {STEP} % {SLOTS} limit ?"
            there = "(select 1 from worker where id = ?)"
            values = (worker, max(0, most - has), worker)
            x(f"update slot set worker = ?, epoch = epoch + 1 where number in ({free}) and exists {there}", values)
            return dict(x("select number, epoch from slot where worker = ?", (worker,)).fetchall())

    def give_back(self, worker: int, slots: Collection[int]) -> None:
        with self.begin():
            self._free(worker, f"and number in ({numbers(slots)})")

    def give_up(self, worker: int, beat: int) -> bool:
        with self.begin():
            if self._db.execute("delete from worker where id = ? and beat = ?", (worker, beat)).rowcount != 1:
                return False
            self._free(worker)
            return True

    def leave(self, worker: int) -> None:
        """The worker goes."""
        with self.begin():
            self._free(worker)
            self._db.execute("delete from worker where id = ?", (worker,))

    def _free(self, worker: int, which: str = "") -> None:
        self._db.execute(f"update slot set worker = null, epoch = epoch + 1 where worker = ? {which}", (worker,))
