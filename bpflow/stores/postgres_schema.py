"""How a database becomes a store of bpflow, and how it comes to the newest version.

The law of this file: everything is in the schema `bpflow`, and the table `store` in it says which version that is. What changes it does so in
one transaction, under a lock that only one can have. An empty database is made a store at once; an older store is migrated by the command
only, since other programs may be at work on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bpflow.diagnostics import say
from bpflow.stores.contract import StoreError
from bpflow.stores.migrating import MIGRATIONS, Migrated, files, fits
from bpflow.stores.postgres_lines import Address
from bpflow.stores.postgres_partitions import divide
from bpflow.stores.postgres_trouble import trouble

FOLDER = MIGRATIONS / "postgres"
LOCK = 0x62706677
"""The first half of the key of all advisory locks of bpflow in the database; the second is an owner or a name (hashed), or here 0."""

_STATE = """
select current_setting('server_encoding'), exists (select from pg_namespace where nspname = 'bpflow'), to_regclass('bpflow.store') is not null,
  exists (select from pg_class where relnamespace = (select oid from pg_namespace where nspname = 'bpflow'))
"""


def prepare(address: Address, folder: Path = FOLDER) -> None:
    """Makes an empty database a store. StoreError if it cannot be used, or is of another version than the migrations in the folder."""
    with connected(address) as db:
        if not fits(address.name, version(db, address.name), len(files(folder))):
            _migrate(db, address.name, folder)


def migrate(address: Address, partitions: int | None = None, folder: Path = FOLDER) -> Migrated:
    """Brings a store to the newest version, and its tables into so many partitions: all of it or nothing. StoreError if that cannot be."""
    with connected(address) as db, db.transaction():
        before, after = _migrate(db, address.name, folder)
        (divided,) = _one(db, "select partitions from bpflow.store")
        if partitions is not None and partitions != divided:
            divide(db, partitions)
    return Migrated(before, after, divided, partitions or divided)


@contextmanager
def connected(address: Address) -> Iterator[psycopg.Connection[Any]]:
    """A connection for what is rarely done. Refused for all that the database refuses, mostly as a StoreError."""
    with address.connect() as db:
        try:
            yield db
        except psycopg.Error as error:
            raise trouble(address.name, error) from error


def version(db: psycopg.Connection[Any], name: str) -> int:
    """Which version the store is of; 0 if it is still to be made. StoreError if it cannot be a store."""
    encoding, schema, store, tables = _one(db, _STATE)
    if encoding != "UTF8":
        raise StoreError(say('"{url}" keeps text in {encoding}; bpflow needs a database in UTF8', url=name, encoding=encoding))
    if not store:
        if schema and tables:
            raise StoreError(say('"{url}" has a schema "bpflow" that is not of bpflow', url=name))
        return 0
    (found,) = _one(db, "select version from bpflow.store")
    return int(found)


def _migrate(db: psycopg.Connection[Any], name: str, folder: Path) -> tuple[int, int]:
    with db.transaction():
        db.execute("select pg_advisory_xact_lock(%s, 0)", (LOCK,))
        before, migrations = version(db, name), files(folder)
        fits(name, before, len(migrations), older=True)
        if before == 0 and not _one(db, _STATE)[1]:
            db.execute("create schema bpflow")
        for file in migrations[before:]:
            db.execute(file.read_bytes())
        if before == 0:
            db.execute("insert into bpflow.store (version, partitions) values (%s, 1)", (len(migrations),))
        else:
            db.execute("update bpflow.store set version = %s", (len(migrations),))
    return before, len(migrations)


def _one(db: psycopg.Connection[Any], sql: str) -> Any:
    row = db.execute(sql.encode()).fetchone()
    assert row is not None
    return row
