"""Calls of `Engine` in the program's own transaction: «save the order and start its process» is one commit.

The law of this file: what is not committed is known to nobody else. Such a call has a cache of its own, which goes with it, and tells
nobody, observers neither, of what it has changed: that waits, until it is committed, for the next `work`, a worker, or `tell`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from threading import Lock
from typing import Any, Protocol

from bpflow.runtime.transaction import LOCKS, Runner
from bpflow.stores.contract import Store


class Connection(Protocol):
    """A connection of the program's own to the database of the store: of `sqlite3` to the same file, of `psycopg` to the same PostgreSQL."""

    def cursor(self) -> Any: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...


@contextmanager
def joined(runner: Runner, store: AbstractContextManager[Store]) -> Iterator[Runner]:
    """The runner for a transaction that is not its own to commit."""
    with store as opened:
        own = copy(runner)
        own.store, own.cache, own.programs, own.newest, own.observers = opened, OrderedDict(), dict(runner.programs), {}, None
        own.locks = [Lock() for _ in range(LOCKS)]  # of its cache: those of the runner may be held by who waits for this very transaction
        yield own
    for id in own.programs.keys() - runner.programs.keys():
        runner.program(id)  # so that it is made once, and not with each call
    for id in own.cache:
        runner.cache.pop(id, None)
    runner.left = True
