"""A long queue costs those nothing who do not work it: what PostgreSQL reads for a worker does not grow with what waits for others."""

from __future__ import annotations

from typing import Any

import psycopg

from bpflow.stores import open_store, postgres_queues
from bpflow.stores.leases import SLOTS

BACKLOG = 100_000
TIMERS = (
    "insert into bpflow.timer (owner, lane, due, instance, holder, arm) "
    f"select n, 1, 1000 + n, n, 1, 0 from generate_series(1, {BACKLOG * SLOTS // (SLOTS - 2)}) n where {{}}"
)
CALLS = (
    "insert into bpflow.outbox (owner, instance, token, visit, attempt, waits, told, service, arguments, at, depth, lane) "
    f"select n, n, 1, 1, 1, true, 0, 'slow', '\\x7b7d', 0, 0, 1 from generate_series(1, {BACKLOG * SLOTS // (SLOTS - 2)}) n where {{}}"
)
OTHERS = f"n % {SLOTS} not in (7, 9)"


def read(db: psycopg.Connection[Any], sql: str, *values: object) -> int:
    """How many pages are read for that."""
    with psycopg.RawCursor(db) as cursor:
        ((((plan,),),),) = (cursor.execute(f"explain (analyze, buffers, format json) {sql}", values).fetchall(),)  # type: ignore[arg-type, call-overload]
    found: int = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    return found


def test_a_worker_reads_no_more_for_what_waits_for_others(database: str) -> None:
    open_store(database).close()
    with psycopg.connect(database, autocommit=True) as db:
        db.execute(TIMERS.format(OTHERS).encode())
        db.execute(CALLS.format(OTHERS).encode())
        db.execute(TIMERS.replace("1000 + n", "9000000 + n").format(f"n % {SLOTS} in (7, 9) and n < 1000").encode())
        db.execute("vacuum analyze bpflow.timer, bpflow.outbox")
        mine, everything = [7, 9], list(range(SLOTS))
        assert read(db, postgres_queues._DUE, mine, 10**9, 100) < 200
        assert read(db, postgres_queues._NEXT, mine) < 60
        assert read(db, postgres_queues._CALLS, mine, 8, [], []) < 60
        assert read(db, postgres_queues._DUE, everything, 10**9, 100) < 10_000, "a share of each slot, and not all of them"
        assert read(db, postgres_queues._CALLS, everything, 8, [], []) < 3_000
        assert read(db, postgres_queues._CALLS, everything, 8, ["slow"], []) < 3_000
