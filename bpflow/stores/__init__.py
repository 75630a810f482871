"""Stores, chosen by a URL."""

from __future__ import annotations

from contextlib import closing
from types import ModuleType
from urllib.parse import parse_qs, unquote, urlsplit

from bpflow.diagnostics import say
from bpflow.stores.contract import Store, StoreError
from bpflow.stores.migrating import Migrated


def open_store(url: str) -> Store:
    """The store at `sqlite:///file.db`, `sqlite:////absolute/file.db` (with `?sync=normal`, `?beside=yes`), a plain path, `:memory:`, or
    `postgresql://user@host/database`. An empty one is made ready. Raises StoreError."""
    if _on_postgres(url):
        store: Store = _postgres("postgres").PostgresStore(url)
        return store
    from bpflow.stores.sqlite import SqliteStore

    path, sync, beside = _sqlite(url)
    return SqliteStore(path, sync=sync, beside=beside)


def migrate_store(url: str, partitions: int | None = None) -> Migrated:
    """Brings the store of an older bpflow to this one's version; with `partitions`, on PostgreSQL, divides its tables into so many by the hash
    of their owner. All of it is done, or nothing. Raises StoreError."""
    if _on_postgres(url):
        done: Migrated = _postgres("postgres_schema").migrate(_postgres("postgres_lines").Address(url), partitions)
        return done
    if partitions is not None:
        raise StoreError(say("only a store on PostgreSQL can be divided into partitions"))
    import sqlite3

    from bpflow.stores import sqlite_files

    path, _, beside = _sqlite(url)
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as db:
            return sqlite_files.migrate(db, path, beside=beside)
    except sqlite3.DatabaseError as error:
        raise sqlite_files.trouble(path, error) from error


_OPTIONS = {"sync": ("full", "normal"), "beside": ("no", "yes")}
"""What may stand behind the file, the usual first."""


def _sqlite(url: str) -> tuple[str, str, bool]:
    """The file, how safely it is written, and whether another program's tables may be in it."""
    if "://" not in url:
        return url, "full", False
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme != "sqlite" or parts.netloc:
        raise StoreError(say('"{url}" names no store; one looks like sqlite:///bpflow.db or postgresql://user@host/database', url=url))
    if unknown := options.keys() - _OPTIONS.keys():
        known = ", ".join(_OPTIONS)
        raise StoreError(say('"{url}": there is no option "{option}"; there are: {known}', url=url, option=min(unknown), known=known))
    for name, values in _OPTIONS.items():
        if options.setdefault(name, values[0]) not in values:
            raise StoreError(say('"{url}": {option} is {known}', url=url, option=name, known=" | ".join(values)))
    return unquote(parts.path[1:]) or ":memory:", options["sync"], options["beside"] == "yes"


def _on_postgres(url: str) -> bool:
    return url.startswith(("postgresql://", "postgres://"))


def _postgres(module: str) -> ModuleType:
    """A module that needs the extra. StoreError if that is not installed."""
    from importlib import import_module

    try:
        return import_module(f"bpflow.stores.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "bpflow":
            raise
        raise StoreError(say('PostgreSQL needs what is not installed: run `pip install "bpflow[postgres]"`')) from error
