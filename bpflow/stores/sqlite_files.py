"""The file of a SQLite store: what can go wrong with it, and how it comes to the newest version."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from bpflow.diagnostics import Message, Refused, each_quoted, say, with_hint
from bpflow.stores.contract import StoreError
from bpflow.stores.migrating import MIGRATIONS, Migrated, files, fits

APPLICATION = 0x62706C77
"""The `application_id` in the file's header: bpflow's."""

FOLDER = MIGRATIONS / "sqlite"


def trouble(path: str, error: sqlite3.Error) -> Refused:
    """What SQLite could not do, in the words of whoever runs bpflow: a StoreError, unless it is what was to be written that it does not take."""
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
            return StoreError(say('"{path}" cannot be opened: {reason}', path=path, reason=closed(Path(path))))
        case sqlite3.SQLITE_CONSTRAINT | sqlite3.SQLITE_TOOBIG:
            return Refused(say('"{url}" does not take what was to be written; nothing was changed: {reason}', url=path, reason=str(error)))
    return StoreError(say('"{path}" cannot be used as a database: {reason}', path=path, reason=str(error)))


def closed(path: Path) -> Message:
    """Why a file cannot be opened."""
    if not path.parent.is_dir():
        return say('there is no folder "{folder}"', folder=str(path.parent))
    return say("it is a folder") if path.is_dir() else say("this user may not read or write it, or make it there")


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def prepare(db: sqlite3.Connection, path: str, folder: Path = FOLDER, beside: bool = False) -> None:
    """Makes an empty file a store, or (`beside`) one with the tables of another program. StoreError if it cannot be one, or is of another
    version than the migrations in the folder."""
    db.execute("begin")  # so that what is read together belongs together: another may be at it too
    found = version(db, path, beside)
    db.execute("commit")
    if not fits(path, found, len(files(folder))):
        migrate(db, path, folder, beside)


def migrate(db: sqlite3.Connection, path: str, folder: Path = FOLDER, beside: bool = False) -> Migrated:
    """Brings the file to the newest version, all of it or nothing. StoreError if it is no store, or of a newer version."""
    run, migrations = db.execute, files(folder)
    run("pragma page_size = 1024")  # rows are small, and a commit writes whole pages: a tenth faster than 4096
    run("pragma journal_mode = wal")
    run("begin immediate")
    try:
        before = version(db, path, beside)
        fits(path, before, len(migrations), older=True)
        for file in migrations[before:]:
            for statement in statements(file.read_text(encoding="utf-8")):
                run(statement)
        run(f"pragma user_version = {len(migrations)}")
        run(f"pragma application_id = {APPLICATION}")
        run("commit")
    except BaseException:
        if db.in_transaction:  # a full disk has ended it already
            run("rollback")
        raise
    return Migrated(before, len(migrations))


def version(db: sqlite3.Connection, path: str, beside: bool = False) -> int:
    """The version of the file; 0 if bpflow has no tables in it. StoreError if it is no database of bpflow, unless its tables may come in
    `beside` those that are there, and can."""
    version, application = (db.execute(f"pragma {name}").fetchone()[0] for name in ("user_version", "application_id"))
    if application == APPLICATION:
        return int(version)
    tables = {name for (name,) in db.execute("select name from sqlite_master")}
    if application or (tables and not beside):
        hint = say('to put the tables of bpflow beside its own, open it with "?beside=yes"')
        raise StoreError(with_hint(say('"{path}" is a database of another program', path=path), None if application else hint))
    if taken := tables & {name for file in files(FOLDER) for name in _MADE.findall(file.read_text(encoding="utf-8"))}:
        raise StoreError(say('"{path}" has what bpflow would call so too: {names}', path=path, names=each_quoted(sorted(taken))))
    if version:
        raise StoreError(say('another program keeps its version in the head of "{path}" (user_version), where bpflow needs its own', path=path))
    return 0


_MADE = re.compile(r"^create (?:unique )?(?:table|index) (\w+)", re.MULTILINE)
"""What a migration makes."""
