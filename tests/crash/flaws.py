"""Flaws that a store or an engine could have, put in on purpose: the crash tests must find each of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from bpflow.runtime.drain import Drain
from bpflow.services.request import Request
from bpflow.stores.sqlite_work import SqliteWork
from tests.crash.clerk import Outside


def state_before_the_rest() -> None:
    """The state is committed before what follows from it: calls, tasks, timers."""
    save = SqliteWork.save

    def flawed(work: SqliteWork, *given: Any) -> Any:
        row = save(work, *given)
        work._run("commit")
        work._run("begin immediate")
        return row

    SqliteWork.save = flawed  # type: ignore[method-assign]


def no_memory() -> None:
    """The inbox keeps no keys."""
    SqliteWork.remember = lambda *given: None  # type: ignore[method-assign]


def told_first() -> None:
    """A change is forgotten before anybody has been told of it."""
    tell = Drain.tell

    def flawed(drain: Drain, change: Any) -> None:
        with drain.runner.store.begin(change.owner) as work:
            work.told(change)
        tell(drain, change)

    Drain.tell = flawed  # type: ignore[method-assign]


def another_key() -> None:
    """A call that is made again has another key."""
    ask = Outside.book_in

    def flawed(outside: Outside, request: Request) -> Any:
        return ask(outside, Request(f"{request.key}/{os.getpid()}", request.instance, request.arguments))

    Outside.book_in = flawed  # type: ignore[method-assign]


FLAWS: dict[str, Callable[[], None]] = {flaw.__name__: flaw for flaw in (state_before_the_rest, no_memory, told_first, another_key)}
