"""What has become of a commit whose answer was lost with the connection.

The law of this file: nobody guesses. A unit of work that writes something leaves a trace that is there if it was committed, and not there else;
it is looked for over another connection, once the one that was lost does nothing more.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import psycopg

from bpflow.stores.contract import StoreError
from bpflow.stores.postgres_lines import TIMEOUT, Address

PAUSE = 0.05
"""Seconds between two looks."""
_AT_WORK = "select exists (select from pg_stat_activity where pid = %s and state <> 'idle')"


class Trace(NamedTuple):
    """A query that finds something if the unit of work was committed."""

    sql: str
    values: tuple[Any, ...]


def was_committed(address: Address, backend: int, trace: Trace) -> bool | None:
    """Whether the trace is there, once the `backend` of the lost connection does nothing more. None if that cannot be found out in time: the
    server is not to be had, or still at it."""
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        try:
            with address.connect() as db:
                if not _one(db, _AT_WORK, (backend,)):
                    return _one(db, f"select exists ({trace.sql})", trace.values)
        except (psycopg.Error, StoreError):
            pass  # it is not up again yet
        time.sleep(PAUSE)
    return None


def _one(db: psycopg.Connection[Any], sql: str, values: tuple[Any, ...]) -> bool:
    row = db.execute(sql.encode(), values).fetchone()
    assert row is not None
    return bool(row[0])
