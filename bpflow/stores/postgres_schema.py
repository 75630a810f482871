"""How a database becomes a store of bpflow, and how it comes to the newest version.

The law of this file: everything is in the schema `bpflow`, and the table `store` in it says which version that is. What changes it does so in
one transaction, under a lock that only one can have. An empty database is made a store at once; an older store is migrated by the command
only, since other programs may be at work on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from bpflow.diagnostics import say
from bpflow.stores.contract import StoreError
from bpflow.stores.postgres_trouble import shown, trouble

MIGRATIONS = Path(__file__).parent / "migrations" / "postgres"
LOCK = 0x62706677
"""The first half of the key of all advisory locks of bpflow in the database; the second is an owner (hashed), or here 0."""

_STATE = """
select current_setting('server_encoding'), exists (select from pg_namespace where nspname = 'bpflow'), to_regclass('bpflow.store') is not null,
  exists (select from pg_class where relnamespace = (select oid from pg_namespace where nspname = 'bpflow'))
"""


def prepare(db: psycopg.Connection[Any], url: str, folder: Path = MIGRATIONS) -> None:
    """Makes an empty database a store. StoreError if it cannot be used, or is older or newer than the migrations in the folder."""
    newest = len(files(folder))
    try:
        found = version(db, url)
        if found == 0:
            migrate(db, url, folder)
        elif found > newest:
            raise StoreError(say('"{path}" was written by a newer bpflow (version {version})', path=shown(url), version=found))
        elif found < newest:
            hint = say("run `bpflow migrate-store` when no older bpflow works on it")
            raise StoreError(say('"{url}" is of version {found}, this bpflow needs {newest}: {hint}', url=shown(url), found=found, newest=newest, hint=hint))
    except psycopg.Error as error:
        raise trouble(url, error) from error


def files(folder: Path = MIGRATIONS) -> list[Path]:
    """The migrations, in their order."""
    return sorted(folder.glob("[0-9][0-9][0-9][0-9].sql"))


def version(db: psycopg.Connection[Any], url: str) -> int:
    """Which version the store is of; 0 if it is still to be made. StoreError if it cannot be a store."""
    encoding, schema, store, tables = _one(db, _STATE)
    if encoding != "UTF8":
        raise StoreError(say('"{url}" keeps text in {encoding}; bpflow needs a database in UTF8', url=shown(url), encoding=encoding))
    if not store:
        if schema and tables:
            raise StoreError(say('"{url}" has a schema "bpflow" that is not of bpflow', url=shown(url)))
        return 0
    (found,) = _one(db, "select version from bpflow.store")
    return int(found)


def migrate(db: psycopg.Connection[Any], url: str, folder: Path = MIGRATIONS) -> tuple[int, int]:
    """Brings the store to the newest version, all of it or nothing; gives the version before and after. psycopg.Error, StoreError."""
    with db.transaction():
        db.execute("select pg_advisory_xact_lock(%s, 0)", (LOCK,))
        before, migrations = version(db, url), files(folder)
        if before > len(migrations):
            raise StoreError(say('"{path}" was written by a newer bpflow (version {version})', path=shown(url), version=before))
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
