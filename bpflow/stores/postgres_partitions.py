"""How the tables of a store are divided into partitions by the hash of their owner, and put together again.

The law of this file: which tables there are, and with which columns, keys and indexes, the database itself says; so nothing is written down
twice, and a divided store is migrated by the same statements. The tables are those with a unique key that contains `owner`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

from bpflow.diagnostics import say
from bpflow.stores.contract import StoreError

MOST = 1024
"""Into how many partitions at most."""

_TABLES = """
select distinct c.oid, c.relname from pg_class c join pg_index x on x.indrelid = c.oid and x.indisunique
join pg_attribute a on a.attrelid = c.oid and a.attnum = any(x.indkey) and a.attname = 'owner'
where c.relnamespace = 'bpflow'::regnamespace and not c.relispartition order by c.relname
"""
_INDEXES = """
select pg_get_indexdef(x.indexrelid), i.relname, pg_get_constraintdef(k.oid) from pg_index x join pg_class i on i.oid = x.indexrelid
left join pg_constraint k on k.conindid = x.indexrelid and k.conrelid = x.indrelid where x.indrelid = %s order by k.oid is null, i.relname
"""
_OPTIONS = """
select array_to_string(reloptions, ', ') from pg_class where reloptions is not null
and oid in (select %(table)s union select inhrelid from pg_inherits where inhparent = %(table)s) limit 1
"""

_PARTITIONS = "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = %s"


class Keys(NamedTuple):
    """An index of a table: its definition, its name, and the constraint that it serves, if it does."""

    definition: str
    name: str
    constraint: str | None


def tables(db: psycopg.Connection[Any]) -> dict[str, int]:
    """The tables whose rows have owners, with their numbers in the database."""
    return {name: oid for oid, name in db.execute(_TABLES.encode()).fetchall()}


def divide(db: psycopg.Connection[Any], count: int) -> None:
    """Divides the tables into so many partitions, 1: into none, within the transaction. All rows are written anew. StoreError, psycopg.Error."""
    if not 1 <= count <= MOST:
        raise StoreError(say("a store has from 1 to {most} partitions", most=MOST))
    there = tables(db)
    _run(db, f"lock table {', '.join(f'bpflow.{name}' for name in there)} in access exclusive mode")
    for name, oid in there.items():
        _divide(db, name, oid, count)
    db.execute("update bpflow.store set partitions = %s", (count,))


def _divide(db: psycopg.Connection[Any], name: str, oid: int, count: int) -> None:
    keys = [Keys(*row) for row in db.execute(_INDEXES, (oid,)).fetchall()]
    found = db.execute(_OPTIONS, {"table": oid}).fetchone()
    options = f" with ({found[0]})" if found else ""
    for old in (name, *(row[0] for row in db.execute(_PARTITIONS, (oid,)).fetchall())):
        _run(db, f"alter table bpflow.{old} rename to {old}_before")
    like = f"(like bpflow.{name}_before including defaults including constraints including storage including compression including comments)"
    if count == 1:
        _run(db, f"create table bpflow.{name} {like}{options}")
    else:
        _run(db, f"create table bpflow.{name} {like} partition by hash (owner)")
        for number in range(count):
            values = f"for values with (modulus {count}, remainder {number})"
            _run(db, f"create table bpflow.{name}_{number} partition of bpflow.{name} {values}{options}")
    _run(db, f"insert into bpflow.{name} select * from bpflow.{name}_before")
    _run(db, f"drop table bpflow.{name}_before")
    _index(db, name, keys)


def _index(db: psycopg.Connection[Any], name: str, keys: Sequence[Keys]) -> None:
    """The keys and indexes as they were: made after the rows are there, which is faster."""
    for key in keys:
        if key.constraint is not None:
            _run(db, f"alter table bpflow.{name} add constraint {key.name} {key.constraint}")
        else:
            _run(db, key.definition.replace(" ON ONLY ", " ON "))


def _run(db: psycopg.Connection[Any], sql: str) -> None:
    db.execute(sql.encode())
