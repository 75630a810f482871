"""The file of a SQLite store: what can be wrong with it, in words, and the scripts that bring it up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from bpflow.diagnostics import say
from bpflow.stores.contract import StoreError


def trouble(path: str, error: sqlite3.Error) -> StoreError:
    """What SQLite could not do, in the words of whoever runs bpflow."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(say('"{path}" is being written by another program, and has not become free', path=path))
        case sqlite3.SQLITE_FULL:
            return StoreError(say('there is no room left to write "{path}"; nothing was changed', path=path))
        case sqlite3.SQLITE_IOERR:
            return StoreError(say('"{path}" cannot be read or written: the disk is full or broken', path=path))
        case sqlite3.SQLITE_CORRUPT:
            return StoreError(say('"{path}" is damaged: restore it from a copy', path=path))
        case sqlite3.SQLITE_READONLY:
            return StoreError(say('"{path}" may not be written', path=path))
        case sqlite3.SQLITE_CANTOPEN:
            return StoreError(say('"{path}" cannot be opened', path=path))
    return StoreError(say('"{path}" cannot be used as a database: {reason}', path=path, reason=str(error)))


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
