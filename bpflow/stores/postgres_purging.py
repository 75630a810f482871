"""What goes from PostgreSQL for good: instances that have ended, keys of the inbox that nobody can ask for any more.

The law of this file: only what nobody needs goes, and an instance goes wholly or not at all, in a transaction of its owner. What makes an
instance needed cannot begin again once it is over: so it may be looked for outside of the transaction in which the instance goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bpflow.engine.codec import micros
from bpflow.stores import rows
from bpflow.stores.postgres_rows import INSTANCE
from bpflow.stores.postgres_work import PostgresWork
from bpflow.stores.purged import PurgedRow

PURGEABLE = (
    f"{INSTANCE} where i.id > $1 and i.ended < $2 and ($3::text is null or d.process = $3) and i.id < (select max(id) from bpflow.instance) "
    "and not exists (select from bpflow.outbox o where o.instance = i.id) and not exists (select from bpflow.outbox o where o.told = i.id) "
    "and not exists (select from bpflow.called c where c.child = i.id) and not exists (select from bpflow.called c where c.instance = i.id) "
    "and not exists (select from bpflow.message m where m.receiver = i.id) "
    "and not exists (select from bpflow.instance c where c.caller = i.id and c.ended is null) "
    "and not exists (select from bpflow.instance p where p.id = i.caller and p.ended is null) order by i.id limit $4"
)
PURGED = f"select {rows.PURGED} from bpflow.purged where instance > $1 order by instance limit $2"
STRAYS = (
    "select h.instance, h.revision from bpflow.history h left join bpflow.instance i on i.id = h.instance and i.owner = h.owner "
    "where i.id is null or h.revision > i.revision or h.revision < 1 order by 1, 2 limit $1"
)
_SETTLED = (  # older than whatever may ask
    "from bpflow.inbox where at < least($1, (select min(at) from bpflow.outbox), (select min(at) from bpflow.change), "
    "(select min(sent) from bpflow.message where receiver is not null))"
)
COUNT_SETTLED = f"select count(*) {_SETTLED}"
SETTLED = f"select owner, key {_SETTLED} order by owner, key limit $2"
MARK = "update bpflow.store set chain = $1 where chain is null and not exists (select from bpflow.history)"
_LEFT = "insert into bpflow.purged (instance, owner, definition, revision, ended, at, link, seal) values ($1, $2, $3, $4, $5, $6, $7, $8)"
_ITS = ("history", "page", "secret", "listen", "notice", "aside")
"""The tables of which all rows of an instance go, beside its own."""


def purge(work: PostgresWork, owner: int, gone: Sequence[PurgedRow], before: datetime) -> int:
    """Takes instances of an owner away; gives how many were there."""
    sql = "select id from bpflow.instance where owner = $1 and id = any($2::bigint[]) and ended is not null"
    there = [row[0] for row in work.ask(sql, owner, [row.instance for row in gone]).rows]  # those that another has purged are not
    for table in _ITS:
        work.put(f"delete from bpflow.{table} where owner = $1 and instance = any($2::bigint[])", owner, there)
    work.put("delete from bpflow.calendar where owner = $1 and instance = any($2::bigint[]) and ends < $3", owner, there, micros(before))
    work.put("delete from bpflow.instance where owner = $1 and id = any($2::bigint[])", owner, there)
    for row in gone:
        if row.instance in there:
            work.put(_LEFT, *row[:4], micros(row.ended), micros(row.at), row.link, row.seal)
    return len(there)


def forget(work: PostgresWork, owner: int, keys: Sequence[str]) -> int:
    """Forgets keys of an owner; gives how many were there."""
    return work.ask("delete from bpflow.inbox where owner = $1 and key = any($2::text[])", owner, list(keys)).count
