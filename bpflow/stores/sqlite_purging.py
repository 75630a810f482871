"""What goes from SQLite for good: instances that have ended, keys of the inbox that nobody can ask for any more.

The law of this file: only what nobody needs goes, and an instance goes wholly or not at all. What makes an instance needed cannot begin again
once it is over: so it may be looked for outside of the transaction in which the instance goes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from bpflow.engine.codec import micros
from bpflow.stores import rows, sqlite_rows
from bpflow.stores.purged import PurgedRow

PURGEABLE = (
    f"{sqlite_rows.INSTANCE} where i.id > ? and i.ended < ? and (? is null or d.process = ?) and i.id < (select max(id) from instance) "
    "and not exists (select 1 from outbox o where o.instance = i.id) and i.id not in (select told from outbox where told) "
    "and i.id not in (select child from called) and not exists (select 1 from called c where c.instance = i.id) "
    "and i.id not in (select receiver from message where receiver is not null) "
    "and not exists (select 1 from instance c where c.caller = i.id and c.ended is null) "
    "and not exists (select 1 from instance p where p.id = i.caller and p.ended is null) order by i.id limit ?"
)
PURGED = f"select {rows.PURGED} from purged where instance > ? order by instance limit ?"
STRAYS = (
    "select h.instance, h.revision from history h left join instance i on i.id = h.instance "
    "where i.id is null or h.revision > i.revision or h.revision < 1 "
    "union select instance, revision from history group by instance, revision having count(*) > 1 order by 1, 2 limit ?"
)
_SETTLED = (  # older than whatever may ask
    "from inbox where at < (select min(at) from (select ? as at union all select min(at) from outbox union all select min(at) from change "
    "union all select min(sent) from message where receiver is not null))"
)
COUNT_SETTLED = f"select count(*) {_SETTLED}"
SETTLED = f"select owner, key {_SETTLED} order by owner, key limit ?"
_NOTICES = f"delete from notice where {sqlite_rows.ITS_NOTICES}"
_ROWS = f"{sqlite_rows.CHAIN} delete from history where id in (select id from chain)"
_ITS = ("page", "secret", "listen", "aside")
"""The tables of which all rows of an instance go, beside its own, its history and its notices."""


_TOLD = "iif(json_valid(h.told) and json_type(h.told) = 'array', h.told, '[]')"
UNTOLD = (
    "select instance, person, at from notice "
    f"except select h.instance, t.value, h.at from history h, json_each({_TOLD}) t where h.told is not null order by 1, 3, 2"
)
TELL_AGAIN = (
    f"update history as h set told = json_insert({_TOLD}, '$[#]', ?2) "
    f"where id = ({sqlite_rows.CHAIN} select min(id) from history where id in (select id from chain) and at = ?3)"
)


def purge(db: sqlite3.Connection, gone: Sequence[PurgedRow], before: datetime) -> int:
    """Takes instances of an owner away, in the transaction that has begun; gives how many were there."""
    count = 0
    for row in gone:
        id = (row.instance,)
        if not db.execute("select 1 from instance where id = ? and ended is not null", id).fetchone():
            continue  # another has purged it
        db.execute(_NOTICES, id)  # as long as its history says where they are
        db.execute(_ROWS, id)
        for table in _ITS:
            db.execute(f"delete from {table} where instance = ?", id)
        db.execute("delete from calendar where instance = ? and ends < ?", (row.instance, micros(before)))
        db.execute("delete from instance where id = ?", id)
        values = (*row[:4], micros(row.ended), micros(row.at), row.link, row.seal)
        db.execute("insert into purged values (?, ?, ?, ?, ?, ?, ?, ?)", values)
        count += 1
    return count


def forget(db: sqlite3.Connection, owner: int, keys: Iterable[str]) -> int:
    """Forgets keys of an owner, in the transaction that has begun; gives how many were there."""
    return sum(db.execute("delete from inbox where owner = ? and key = ?", (owner, key)).rowcount for key in keys)


def mark(db: sqlite3.Connection, new: bytes | None) -> bytes | None:
    """The mark of the key of the histories. A new one is kept, in the transaction that has begun, if there is none and no history either."""
    if new is not None:
        db.execute("insert into chain select ? where not exists (select 1 from chain) and not exists (select 1 from history)", (new,))
    row = db.execute("select mark from chain").fetchone()
    return row[0] if row else None
