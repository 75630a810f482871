"""Groups: several events, one after another, in one transaction.

The law of this file: each event is a unit of work of its own, and they are written in the order in which they happen: all of them, or none if
anything is wrong with one. Then nothing is known of it here either, and each may be done alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bpflow.engine.events import Event
from bpflow.runtime.leases import under
from bpflow.runtime.transaction import Held, Runner
from bpflow.stores.contract import Work

LONGEST = 0.005
"""Seconds after which a group is written, whatever is left of it: nobody who answers a task meanwhile is to wait longer for that."""


def may_group(runner: Runner) -> bool:
    """Whether events may be worked in together. Observers are told of each when it is written, and how long it took: where there are any, each
    is done alone."""
    return runner.store.groups and runner.observers is None


def happen_together(runner: Runner, events: Sequence[tuple[int, Event]]) -> int:
    """Works events into their instances, in one transaction; gives how many of them, from the first on. It ends with one that leaves something to
    be told or sent, as that comes before the next, or when it has lasted long enough."""
    known: dict[int, Held] = {}
    count, until = 0, time.monotonic() + LONGEST
    with runner.store.begin(leases=under.get()) as work:  # the lock of the whole store: no other thread changes one of them meanwhile
        for id, event in events:
            work_in(runner, work, known, id, event)
            count += 1
            if work.left or time.monotonic() > until:
                break
        runner.left = runner.left or work.left
    for held in known.values():
        runner.keep(held)
    return count


def work_in(runner: Runner, work: Work, known: dict[int, Held], id: int, event: Event) -> None:
    """One of them, which begins where those before have left it."""
    held = known[id] = known.get(id) or runner.cache.pop(id, None) or runner.opened(id, work.snapshot(id))
    runner.write(work, held, event, 0)
