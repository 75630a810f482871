"""Versions of stores: an old one that is migrated is the same as a new one, and a divided store the same as one that is whole."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bpflow.diagnostics import Refused
from bpflow.stores import migrate_store, open_store, postgres_schema, sqlite_files
from bpflow.stores.contract import StoreError
from bpflow.stores.migrating import Migrated, files
from bpflow.stores.postgres_lines import Address
from bpflow.stores.postgres_partitions import tables
from tests.postgres import plain
from tests.stores.conftest import AT
from tests.stores.test_contract import begun

LATER = """\
alter table {}task add column weight integer not null default 1;
create index task_weight on {}task (weight, owner);
create table {}label (
  owner bigint not null,
  name text not null,
  primary key (name, owner)
);
"""
"""What a second migration may do."""

Catalogue = list[tuple[Any, ...]]

_COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, l.collname, c.relkind
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum left join pg_collation l on l.oid = a.attcollation
where c.relnamespace = 'bpflow'::regnamespace and c.relkind in ('r', 'p')
"""
_REST = """
select c.relname, c.relkind::text, array_to_string(c.reloptions, ','), pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid)
from pg_class c where c.relnamespace = 'bpflow'::regnamespace
union all
select i.relname, pg_get_indexdef(x.indexrelid), pg_get_constraintdef(k.oid), null, null
from pg_index x join pg_class i on i.oid = x.indexrelid left join pg_constraint k on k.conindid = x.indexrelid and k.conrelid = x.indrelid
where i.relnamespace = 'bpflow'::regnamespace
"""


def catalogue(url: str) -> Catalogue:
    """All that the database knows of its tables, columns, keys and indexes."""
    if url.startswith("postgresql"):
        with psycopg.connect(plain(url)) as db:
            return sorted([*db.execute(_COLUMNS).fetchall(), *db.execute(_REST).fetchall()], key=repr)
    with closing(sqlite3.connect(url)) as db:
        found = db.execute("select type, name, tbl_name from sqlite_master").fetchall()
        for (table,) in db.execute("select name from sqlite_master where type = 'table'").fetchall():
            found += [(table, *column) for column in db.execute(f"pragma table_info({table})")]
            for index in db.execute(f"pragma index_list({table})").fetchall():
                found.append((table, *index[1:], *db.execute(f"pragma index_xinfo({index[1]})").fetchall()))
        return sorted(found, key=repr)


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def places(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> list[str]:
    """Two places where nothing is."""
    if kind == "sqlite":
        return [str(tmp_path / name) for name in ("one.db", "other.db")]
    return [request.getfixturevalue(name) for name in ("database", "other_database")]


@pytest.fixture
def folders(kind: str, tmp_path: Path) -> tuple[Path, Path]:
    """The migrations as they are, and with one more."""
    now, later = (postgres_schema if kind == "postgres" else sqlite_files).FOLDER, tmp_path / "later"
    shutil.copytree(now, later)
    (later / f"{len(files(now)) + 1:04}.sql").write_text(LATER.format(*["bpflow." if kind == "postgres" else ""] * 4))
    return now, later


Prepare = Callable[[str, Path], None]


@pytest.fixture
def prepare(kind: str) -> Prepare:
    """What is done when a store is opened."""

    def prepare(url: str, folder: Path) -> None:
        if kind == "postgres":
            return postgres_schema.prepare(Address(url), folder)
        with closing(sqlite3.connect(url, isolation_level=None)) as db:
            return sqlite_files.prepare(db, url, folder)

    return prepare


@pytest.fixture
def migrate(kind: str) -> Callable[[str, Path], Migrated]:
    def migrate(url: str, folder: Path) -> Migrated:
        if kind == "postgres":
            return postgres_schema.migrate(Address(url), None, folder)
        with closing(sqlite3.connect(url, isolation_level=None)) as db:
            return sqlite_files.migrate(db, url, folder)

    return migrate


def test_an_old_store_that_is_migrated_is_as_a_new_one(
    places: list[str], folders: tuple[Path, Path], prepare: Prepare, migrate: Callable[[str, Path], Migrated]
) -> None:
    (old, new), (before, after) = places, folders
    newest = len(files(after))
    prepare(old, before)
    with closing(open_store(old)) as store, store.begin() as work:
        kept = work.add_document("deal", {"name": "Труба"}, AT, None, None, 0)
    with pytest.raises(StoreError, match=f'is of version {newest - 1}, and this bpflow needs {newest}: "bpflow migrate-store"'):
        prepare(old, after)
    assert migrate(old, after) == Migrated(newest - 1, newest)
    assert migrate(old, after) == Migrated(newest, newest)
    prepare(old, after)
    assert migrate(new, after) == Migrated(0, newest)
    assert catalogue(old) == catalogue(new)
    with pytest.raises(StoreError, match=f"was written by a newer bpflow \\(version {newest}\\)"):
        open_store(old)
    with pytest.raises(StoreError, match="newer bpflow"):
        migrate(old, before)
    assert kept.fields


def test_a_migration_that_fails_leaves_the_old_version(
    places: list[str], folders: tuple[Path, Path], prepare: Prepare, migrate: Callable[[str, Path], Migrated], kind: str
) -> None:
    (old, _), (before, after) = places, folders
    prepare(old, before)
    was = catalogue(old)
    last = files(after)[-1]
    last.write_text(last.read_text() + f"insert into {'bpflow.' if kind == 'postgres' else ''}label values (1, null);\n")
    with pytest.raises((Refused, sqlite3.IntegrityError)):
        migrate(old, after)
    assert catalogue(old) == was
    prepare(old, before)


def test_a_new_store_is_made_once_however_many_open_it(database: str) -> None:
    import threading

    opened, failed = [], []

    def open() -> None:
        try:
            opened.append(open_store(database))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=open) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in opened:
        store.close()
    assert (len(opened), failed) == (4, [])


# ── partitions ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_store_is_divided_and_put_together_again_with_all_that_is_in_it(stored: str) -> None:
    with closing(open_store(stored)) as store:
        definition = store.deploy("deal", "digest", "{}", "", AT).id
        with store.begin() as work:
            kept = [work.add_document("deal", {"number": number}, AT, None, None, 0) for number in range(20)]
        begun(store, definition, kept[3].ref, "deal/4", kept[3].owner)
        whole = catalogue(stored)
        assert migrate_store(stored, 1)[2:] == (1, 1)
        assert migrate_store(stored, 4)[2:] == (1, 4)
        divided = catalogue(stored)
        assert migrate_store(stored, 4)[2:] == (4, 4)
        assert catalogue(stored) == divided
        assert migrate_store(stored, 7)[2:] == (4, 7)
        assert migrate_store(stored, 4)[2:] == (7, 4)
        assert catalogue(stored) == divided
        assert store.documents() == kept
        with store.begin() as work:
            assert work.new_instance(definition, kept[3].ref, AT, "deal/4", kept[3].owner) is None
            kept.append(work.add_document("deal", {}, AT, None, None, 0))
        assert migrate_store(stored, 1)[2:] == (4, 1)
        assert catalogue(stored) == whole
        assert store.documents() == kept
        with pytest.raises(StoreError, match="from 1 to 1024 partitions"):
            migrate_store(stored, 0)


def test_a_divided_store_is_migrated_like_any_other(database: str, other_database: str, tmp_path: Path) -> None:
    later = tmp_path / "later"
    shutil.copytree(postgres_schema.FOLDER, later)
    (later / f"{len(files(later)) + 1:04}.sql").write_text(LATER.format(*["bpflow."] * 4))
    migrate_store(database, 3)
    postgres_schema.migrate(Address(database), None, later)
    postgres_schema.migrate(Address(other_database), 3, later)
    one, other = ([row for row in catalogue(url) if not str(row[0]).startswith("label")] for url in (database, other_database))
    assert unnamed(one) == unnamed(other)


def unnamed(rows: Catalogue) -> Catalogue:
    """Without the names that PostgreSQL makes up for the indexes of partitions."""
    return sorted((row[1:] for row in rows if "_idx" not in str(row) and "pkey" not in str(row)), key=repr)


def test_a_file_is_not_divided(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="only a store on PostgreSQL"):
        migrate_store(str(tmp_path / "bpflow.db"), 4)
    assert not list(tmp_path.iterdir())


# ── what cannot be a store ──────────────────────────────────────────────────────────────────────────────────────────
def test_what_is_in_the_way_is_said(database: str, postgres: str) -> None:
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("create schema bpflow")
        db.execute("create table bpflow.other (x int)")
    with pytest.raises(StoreError, match='has a schema "bpflow" that is not of bpflow'):
        open_store(database)
    with psycopg.connect(database, autocommit=True) as db:
        db.execute("drop table bpflow.other")
    open_store(database).close()  # a schema that somebody has made for it
    for url, reason in (
        (postgres.replace("/postgres?", "/nothing_here?"), "there is no such database"),
        (postgres.replace("//postgres:", "//nobody:"), "does not let this user in"),
        ("postgresql://127.0.0.1:1/bpflow", "there is no connection"),
        (f"{postgres}&connections=0", "connections is a number from 1 to 1000"),
        (f"{postgres}&sync=off", "sync is full or normal"),
        (f"{postgres}&speed=high", "is not the address of a PostgreSQL database"),
    ):
        with pytest.raises(StoreError, match=reason):
            open_store(url)


def test_no_password_is_ever_told() -> None:
    with pytest.raises(StoreError) as refused:
        open_store("postgresql://anna:geheim@127.0.0.1:1/bpflow?connect_timeout=1")
    assert "geheim" not in str(refused.value)
    assert '"postgresql://anna@127.0.0.1:1/bpflow"' in str(refused.value)


def test_text_that_is_not_in_utf8_is_refused(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute("create database in_latin encoding 'LATIN1' template template0 locale 'C'")
    try:
        with pytest.raises(StoreError, match="keeps text in LATIN1; bpflow needs a database in UTF8"):
            open_store(postgres.replace("/postgres?", "/in_latin?"))
    finally:
        with psycopg.connect(postgres, autocommit=True) as server:
            server.execute("drop database in_latin with (force)")


# ── what the documentation says ─────────────────────────────────────────────────────────────────────────────────────
def test_the_tables_that_are_distributed_are_those_of_owners(stored: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
    with psycopg.connect(plain(stored)) as db:
        spread = set(tables(db))
        all = {name for (name,) in db.execute("select relname from pg_class where relnamespace = 'bpflow'::regnamespace and relkind = 'r'").fetchall()}
    assert set(re.findall(r"create_distributed_table\('bpflow\.(\w+)', 'owner'", text)) == spread
    assert set(re.findall(r"create_reference_table\('bpflow\.(\w+)'", text)) == all - spread
