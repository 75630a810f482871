"""The file of a SQLite store: what can go wrong with it, and how it comes to the newest version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from bpflow.diagnostics import say
from bpflow.stores.contract import StoreError

APPLICATION = 0x62706C77
"""The `application_id` in the file's header: bpflow's."""

MIGRATIONS = Path(__file__).parent / "migrations" / "sqlite"


def trouble(path: str, error: sqlite3.Error) -> StoreError:
    """What SQLite could not do, in the words of whoever runs bpflow."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return StoreError(say('"{path}" was written by another since the transaction began to read: begin it with "begin immediate"', path=path))
    match code & 0xFF:
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


def migrate(db: sqlite3.Connection, path: str) -> None:
    """Brings the file to the newest version, each migration in a transaction. StoreError if it is not for this bpflow."""
    migrations, run = sorted(MIGRATIONS.glob("*.sql")), db.execute
    run("begin")  # so that what is read together belongs together: another may be at it too
    found = version(db, path, len(migrations))
    run("commit")
    if found == len(migrations):
        return
    run("pragma page_size = 1024")  # rows are small, and a commit writes whole pages: a tenth faster than 4096
    run("pragma journal_mode = wal")
    run("begin immediate")
    for file in migrations[version(db, path, len(migrations)) :]:
        for statement in statements(file.read_text(encoding="utf-8")):
            run(statement)
    run(f"pragma user_version = {len(migrations)}")
    run(f"pragma application_id = {APPLICATION}")
    run("commit")


def version(db: sqlite3.Connection, path: str, newest: int) -> int:
    """The version of the file. StoreError if it is a newer one than `newest`, or no database of bpflow."""
    version, application = (db.execute(f"pragma {name}").fetchone()[0] for name in ("user_version", "application_id"))
    tables = db.execute("select count(*) from sqlite_master").fetchone()[0]
    if application not in (0, APPLICATION) or (tables and not application):
        raise StoreError(say('"{path}" is a database of another program', path=path))
    if version > newest:
        raise StoreError(say('"{path}" was written by a newer bpflow (version {version})', path=path, version=version))
    return int(version)
