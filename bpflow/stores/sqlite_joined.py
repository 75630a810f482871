"""The SQLite store within a transaction of somebody else: that of the program around it, on its own connection.

The law of this file: here nothing is committed. A unit of work is a savepoint, so what fails goes back and what is done stays to be
committed, or not, with all else; a transaction is begun only where the connection's own `insert` would begin one. The connection is
given back as it was.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from bpflow.diagnostics import say
from bpflow.stores.contract import StoreError
from bpflow.stores.leases import Lease
from bpflow.stores.sqlite_files import trouble
from bpflow.stores.sqlite_work import SqliteWork

LEGACY = -1
"""`autocommit` of a connection on which Python itself begins transactions (before Python 3.12: of every one)."""


class Savepoint(SqliteWork):
    """A unit of work in a transaction that is somebody else's."""

    __slots__ = ()
    BEGIN: ClassVar[str] = "savepoint bpflow_work"
    COMMIT: ClassVar[str] = "release bpflow_work"

    def open(self, leases: Sequence[Lease]) -> None:
        if not self._db.in_transaction:
            self._run("begin immediate")
        super().open(leases)

    def roll_back(self) -> None:
        self.forget()
        if self._db.in_transaction:
            self._run("rollback to bpflow_work")
            self._run("release bpflow_work")


@contextmanager
def borrowed(connection: object, path: str, file: str) -> Iterator[sqlite3.Connection]:
    """The connection as bpflow reads by it: plain rows, texts as texts. What the block changes goes back if it raises. StoreError if it
    is no connection to `file`, or cannot be used."""
    if not isinstance(connection, sqlite3.Connection):
        raise StoreError(say('"{path}" is SQLite: a connection of sqlite3 is expected, not {type}', path=path, type=type(connection).__name__))
    rows, texts = connection.row_factory, connection.text_factory
    connection.row_factory, connection.text_factory = None, str
    try:
        check(connection, path, file)
        with _or_nothing(connection, path):
            yield connection
    finally:
        connection.row_factory, connection.text_factory = rows, texts


def check(connection: sqlite3.Connection, path: str, file: str) -> None:
    """StoreError unless the connection is open in this thread, to that file, and within a transaction or about to begin one."""
    try:
        other = next(row[2] for row in connection.execute("pragma database_list") if row[1] == "main")
    except sqlite3.ProgrammingError as error:
        raise StoreError(say("the connection cannot be used: {reason}", reason=str(error))) from error
    if not file:
        raise StoreError(say("a store in memory has no transaction but its own: keep it in a file"))
    if not other or not os.path.samefile(other, file):
        raise StoreError(say('the connection is to another database, "{other}": "{path}" is needed', other=other or ":memory:", path=path))
    begins = connection.isolation_level is not None and getattr(connection, "autocommit", LEGACY) == LEGACY
    if not connection.in_transaction and not begins:
        raise StoreError(say('the connection commits each statement by itself: execute "begin" on it first'))


@contextmanager
def _or_nothing(connection: sqlite3.Connection, path: str) -> Iterator[None]:
    """What was changed within the block goes back if that raises; what was changed before it stays."""
    inside = connection.in_transaction
    try:
        if inside:
            connection.execute("savepoint bpflow_call")
        yield
    except BaseException as error:
        if connection.in_transaction and inside:
            connection.execute("rollback to bpflow_call")
            connection.execute("release bpflow_call")
        elif connection.in_transaction:
            connection.execute("rollback")
        if isinstance(error, sqlite3.DatabaseError):
            raise trouble(path, error) from error
        raise
    if inside:
        connection.execute("release bpflow_call")
