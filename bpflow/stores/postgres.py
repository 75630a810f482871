"""The PostgreSQL store: a database that many programs on many machines work on at once.

Here it is opened and deployed to; what a transaction does is in postgres_work.py, what is read outside of one in postgres_reading.py. A
program may use it from several threads; each unit of work, and each reading outside of one, has a connection of its own for as long as it lasts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import psycopg

from bpflow.engine.codec import micros
from bpflow.stores import postgres_purging as purging
from bpflow.stores.contract import DefinitionRow, ScheduleRow
from bpflow.stores.leases import Lease
from bpflow.stores.postgres_joined import IDENTITY, Savepoint, borrowed
from bpflow.stores.postgres_leases import CHANNEL, Notifier, PostgresLeases
from bpflow.stores.postgres_lines import Address, Lines
from bpflow.stores.postgres_reading import Reading
from bpflow.stores.postgres_schema import prepare
from bpflow.stores.postgres_trouble import is_lost, trouble
from bpflow.stores.postgres_unit import Known
from bpflow.stores.postgres_wire import Answer, Row, Wire
from bpflow.stores.postgres_work import PostgresWork
from bpflow.stores.purged import PurgedRow
from bpflow.stores.rows import by_owner

_DEPLOYING = "lock table bpflow.deployment in share row exclusive mode"
_LAST = "p.id in (select max(id) from bpflow.deployment group by process)"


class _Here(threading.local):
    """What the thread is at."""

    work: PostgresWork | None = None


class PostgresStore(PostgresLeases, Reading):
    """A store in the database at `url`. StoreError if it cannot be used."""

    groups = False  # owners may be spread over several databases

    def __init__(self, url: str) -> None:
        self.address = Address(url)
        prepare(self.address)
        self._lines = Lines(self.address)
        self._lines.open()
        self._here, self._known = _Here(), Known()
        self._notifier = Notifier(lambda: self._all(f"select pg_notify('{CHANNEL}', '')"))
        self._identity: Row | None = None

    def close(self) -> None:
        self._notifier.close()
        self._lines.close()

    @contextmanager
    def within(self, connection: object) -> Iterator[JoinedStore]:
        if self._identity is None:
            self._identity = self._all(IDENTITY)[0]
        with borrowed(connection, self.address.name, self._identity) as wire:
            yield JoinedStore(self.address, wire)

    @contextmanager
    def together(self) -> Iterator[JoinedStore]:
        with self.begin() as work:
            work.begin()
            yield JoinedStore(self.address, work.wire, work)

    def begin(self, owner: int | None = None, leases: Sequence[Lease] = (), anew: bool = False) -> PostgresWork:
        if self._here.work is not None:
            raise RuntimeError("a unit of work inside another")
        line = self._lines.take()

        def done() -> None:
            work, self._here.work = self._here.work, None
            self._lines.give(line)
            if work is not None and (work.left or work.armed):
                self._notifier.want()

        try:
            self._here.work = PostgresWork(line.wire, self.address, owner, done, leases, self._known, anew)
        except BaseException:
            done()
            raise
        return self._here.work

    def _all(self, sql: str, *values: Any) -> list[Row]:
        """What a statement gives, as it has been committed; within a unit of work of the thread, as that sees it."""
        if self._here.work is not None:
            return self._here.work.ask(sql, *values).rows
        answer: Answer = self._alone(lambda wire: wire.later(sql, *values))
        return answer.rows

    def _at_once(self, *statements: tuple[str, int]) -> list[list[Row]]:
        """What several statements give of the same moment."""
        if self._here.work is not None:
            return [self._here.work.ask(*one).rows for one in statements]

        def all(wire: Wire) -> list[Answer]:
            wire.put("begin isolation level repeatable read read only")
            answers = [wire.later(*one) for one in statements]
            wire.put("commit")
            return answers

        return [answer.rows for answer in self._alone(all)]

    def _alone(self, send: Callable[[Wire], Any], once_more: bool = True) -> Any:
        """Sends statements that read over a connection that is had for that, in one round trip; over another one if that is lost meanwhile."""
        line = self._lines.take()
        try:
            sent = send(line.wire)
            line.wire.settle()
            return sent
        except psycopg.Error as error:
            if not (once_more and is_lost(error)):
                raise trouble(self.address.name, error) from error
        finally:
            self._lines.give(line)
        return self._alone(send, once_more=False)

    # ── definitions ────────────────────────────────────────────────────────────────────────────────────────────────
    def deploy(
        self, process: str, digest: str, graph: str, source: str, at: datetime, schedules: Sequence[ScheduleRow] = (), messages: Sequence[str] = ()
    ) -> DefinitionRow:
        with self.begin() as work:
            now = micros(at)
            work.put(_DEPLOYING)
            work.put(
                "insert into bpflow.definition (process, digest, graph, source, at) select $1::text, $2::text, $3::text, $4::text, $5::bigint "
                "where not exists (select from bpflow.definition where digest = $2)",
                *(process, digest, graph, source, now),
            )
            last = work.later("select version, definition from bpflow.deployment where process = $1 order by version desc limit 1", process)
            ((id,),) = work.ask("select id from bpflow.definition where digest = $1", digest).rows
            version, definition = last.one() or (0, None)
            if definition != id:
                sql = "insert into bpflow.deployment (process, version, definition, at) values ($1, $2, $3, $4)"
                work.put(sql, process, version + 1, id, now)
            _schedule(work, process, schedules)
            for name in messages:
                work.messages.look(0, name, at)
        return self.definition(id)

    def undeploy(self, process: str) -> bool:
        with self.begin() as work:
            work.put(_DEPLOYING)
            _schedule(work, process, ())
            last = f"select process, version + 1, null, at from bpflow.deployment p where process = $1 and {_LAST} and definition is not null"
            return work.ask(f"insert into bpflow.deployment (process, version, definition, at) {last}", process).count == 1

    # ── purging ────────────────────────────────────────────────────────────────────────────────────────────────────
    def purge(self, gone: Sequence[PurgedRow], before: datetime) -> int:
        count = 0
        for owner, some in by_owner(gone).items():
            with self.begin(owner) as work:
                count += purging.purge(work, owner, some, before)
        return count

    def forget(self, before: datetime, limit: int) -> int:
        count, keys = 0, self._all(purging.SETTLED, micros(before), limit)
        for owner, some in groupby(keys, itemgetter(0)):
            with self.begin(owner) as work:
                count += purging.forget(work, owner, [key for _, key in some])
        return count

    def chain_mark(self, new: bytes | None = None) -> bytes | None:
        if new is not None:
            with self.begin(0) as work:
                work.put(purging.MARK, new)
        ((mark,),) = self._all("select chain from bpflow.store")
        return mark  # type: ignore[no-any-return]

    def compact(self) -> None:
        """The server does that by itself (autovacuum)."""

    # ── set aside ──────────────────────────────────────────────────────────────────────────────────────────────────
    def set_aside(self, instance: int, at: datetime, reason: str) -> bool:
        sql = (
            "insert into bpflow.aside (owner, instance, at, reason) select owner, id, $2::bigint, $3::text from bpflow.instance where id = $1 "
            "on conflict (instance, owner) do update set at = excluded.at, reason = excluded.reason"
        )
        with self.begin() as work:
            return work.ask(sql, instance, micros(at), reason).count == 1


class JoinedStore(PostgresStore):
    """The same store on a connection whose transaction somebody else ends."""

    def __init__(self, address: Address, wire: Wire, around: PostgresWork | None = None) -> None:
        """`around`: the unit of work of which all is a part, where it is bpflow's own."""
        self.address, self._wire, self._here, self._around = address, wire, _Here(), around

    def begin(self, owner: int | None = None, leases: Sequence[Lease] = (), anew: bool = False) -> PostgresWork:
        """A savepoint. Workers are woken with the commit, whoever makes it."""

        def done() -> None:
            work, self._here.work = self._here.work, None
            if work is not None and (work.left or work.armed):
                self._wire.put(f"select pg_notify('{CHANNEL}', '')")
            if work is not None and self._around is not None:
                self._around.adopt(work)

        self._here.work = Savepoint(self._wire, self.address, owner, done)
        return self._here.work

    @contextmanager
    def together(self) -> Iterator[JoinedStore]:
        with self.begin() as work:
            work.begin()
            yield JoinedStore(self.address, self._wire, work)

    def _at_once(self, *statements: tuple[str, int]) -> list[list[Row]]:
        return [self._all(*one) for one in statements]

    def _alone(self, send: Callable[[Wire], Any], once_more: bool = False) -> Any:
        try:
            sent = send(self._wire)
            self._wire.settle()
            return sent
        except psycopg.Error as error:
            raise trouble(self.address.name, error) from error


def _schedule(work: PostgresWork, process: str, schedules: Sequence[ScheduleRow]) -> None:
    """The schedules of a process are these and no others; one that is written as it was keeps its time."""
    sql = (
        "insert into bpflow.schedule as s (process, number, cron, due) values ($1, $2, $3, $4) on conflict (process, number) do update "
        "set cron = excluded.cron, due = excluded.due where s.cron != excluded.cron"
    )
    for row in schedules:
        work.put(sql, process, row.number, row.cron, micros(row.due))
    kept = [row.number for row in schedules]
    work.put("delete from bpflow.schedule where process = $1 and number != all($2::integer[])", process, kept)
