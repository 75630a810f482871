"""The PostgreSQL store within a transaction of somebody else: that of the program around it, on its own connection.

The law of this file: here nothing is committed. A unit of work is a savepoint, so what fails goes back and what is done stays to be
committed, or not, with all else; a transaction is begun only where the connection's own `insert` would begin one. Nothing is tried again,
since what has been read before would still be believed: a conflict is told. The connection is given back as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import psycopg
from psycopg import pq
from psycopg.rows import tuple_row

from bpflow.diagnostics import say
from bpflow.stores.contract import Conflict, StoreError
from bpflow.stores.postgres_trouble import trouble
from bpflow.stores.postgres_wire import Wire
from bpflow.stores.postgres_work import PostgresWork

IDENTITY = (
    "select pg_postmaster_start_time()::text, (select oid from pg_database where datname = current_database())::bigint, "
    "to_regclass('bpflow.store')::oid::bigint"
)
"""What only connections to the same store give alike."""
_CHECK = f"select current_setting('transaction_isolation'), {IDENTITY.removeprefix('select ')}"


class Savepoint(PostgresWork):
    """A unit of work in a transaction that is somebody else's."""

    __slots__ = ()
    BEGIN: ClassVar[str] = "savepoint bpflow_work"
    COMMIT: ClassVar[str] = "release savepoint bpflow_work"
    ROLLBACK: ClassVar[str] = "rollback to savepoint bpflow_work"

    def _trouble(self, error: psycopg.Error, committing: bool = False) -> Exception:
        found = super()._trouble(error)
        if isinstance(found, Conflict):
            return StoreError(say("another was faster: roll the transaction back, and do it again"))
        return found

    def _uncommitted(self, error: psycopg.Error) -> Exception:
        return self._trouble(error)  # if the connection is lost, the whole transaction is


@contextmanager
def borrowed(connection: object, name: str, identity: tuple[Any, ...]) -> Iterator[Wire]:
    """The connection as bpflow writes on it. What the block changes goes back if it raises. StoreError if it is no connection to the store
    of that `identity`, or cannot be used."""
    if not isinstance(connection, psycopg.Connection):
        message = say('"{path}" is PostgreSQL: a connection of psycopg is expected, not {type}', path=name, type=type(connection).__name__)
        raise StoreError(message)
    begun = check(connection, name, identity)
    try:
        with connection.lock, _piped(connection) as wire, _or_nothing(wire, name):
            yield wire
    except BaseException:
        if begun:
            connection.rollback()
        raise


def check(connection: psycopg.Connection[Any], name: str, identity: tuple[Any, ...]) -> bool:
    """Whether a transaction has been begun for this. StoreError unless the connection is open, to that store, and nothing is under way on it."""
    status = connection.pgconn.transaction_status
    if connection.closed:
        raise StoreError(say("the connection cannot be used: {reason}", reason="closed"))
    if connection.pgconn.pipeline_status != pq.PipelineStatus.OFF:
        raise StoreError(say("the connection is in pipeline mode: leave it first"))
    if status == pq.TransactionStatus.INERROR:
        raise StoreError(say("the transaction on the connection has failed: roll it back first"))
    if status == pq.TransactionStatus.IDLE and connection.autocommit:
        raise StoreError(say('the connection commits each statement by itself: execute "begin" on it first'))
    try:
        row = psycopg.Cursor(connection, row_factory=tuple_row).execute(_CHECK.encode()).fetchone()
    except psycopg.Error as error:
        raise StoreError(say("the connection cannot be used: {reason}", reason=str(error))) from error
    wrong = _wrong(connection, name, row or (), identity)
    if wrong is not None and status == pq.TransactionStatus.IDLE:
        connection.rollback()
    if wrong is not None:
        raise wrong
    return status == pq.TransactionStatus.IDLE


def _wrong(connection: psycopg.Connection[Any], name: str, row: tuple[Any, ...], identity: tuple[Any, ...]) -> StoreError | None:
    if row[1:] != identity:
        return StoreError(say('the connection is to another database, "{other}": "{path}" is needed', other=connection.info.dbname, path=name))
    if row[0] != "read committed":
        return StoreError(say('the transaction on the connection is "{level}"; bpflow needs "read committed"', level=row[0]))
    return None


@contextmanager
def _piped(connection: psycopg.Connection[Any]) -> Iterator[Wire]:
    """The wire on the connection, which is in pipeline mode meanwhile. Nothing is prepared: the server would keep it."""
    wire = Wire(connection, prepares=False)
    try:
        yield wire
    finally:
        if not connection.closed:
            connection.pgconn.exit_pipeline_mode()


@contextmanager
def _or_nothing(wire: Wire, name: str) -> Iterator[None]:
    """What was changed within the block goes back if that raises; what was changed before it stays."""
    wire.put("savepoint bpflow_call")
    try:
        yield
        wire.put("release savepoint bpflow_call")
        wire.settle()
    except BaseException as error:
        if not wire.lost:
            wire.rollback("rollback to savepoint bpflow_call")
        if isinstance(error, psycopg.Error):
            raise trouble(name, error) from error
        raise
