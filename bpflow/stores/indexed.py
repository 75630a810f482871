"""The index of instances as a store has it, read for many at once to be compared with what their states say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from bpflow.engine.codec import instant
from bpflow.stores import rows
from bpflow.stores.contract import TaskEntry


class TimerKey(NamedTuple):
    lane: int
    holder: int
    arm: int
    due: datetime


@dataclass(slots=True)
class Indexed:
    """The rows of one instance: tasks by (token, visit, party), observers of the same, timers, watches by (holder, document), listens by
    (holder, arm) with their visit, name and key."""

    tasks: dict[tuple[int, int, str], TaskEntry] = field(default_factory=dict)
    observers: set[tuple[int, int, str]] = field(default_factory=set)
    timers: set[TimerKey] = field(default_factory=set)
    watches: set[tuple[int, int]] = field(default_factory=set)
    listens: dict[tuple[int, int], tuple[int, str, str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.tasks) + len(self.observers) + len(self.timers) + len(self.watches) + len(self.listens)


def indexed(run: Callable[[str], list[Any]], schema: str, after: int, last: int) -> Mapping[int, Indexed]:
    """The rows of the instances whose numbers are greater than `after` and not greater than `last`, those that are not there too."""
    found: defaultdict[int, Indexed] = defaultdict(Indexed)

    def of(columns: str, table: str) -> list[Any]:
        return run(f"select {columns} from {schema}{table} where instance > {after:d} and instance <= {last:d}")

    for row in map(rows.task, of(rows.TASK, "task")):
        found[row.instance].tasks[row.token, row.visit, row.party] = row
    for instance, token, visit, party in of("instance, token, visit, party", "observer"):
        found[instance].observers.add((token, visit, party))
    for instance, lane, holder, arm, due in of("instance, lane, holder, arm, due", "timer"):
        found[instance].timers.add(TimerKey(lane, holder, arm, instant(due)))
    for instance, holder, document in of("instance, holder, document", "watch"):
        found[instance].watches.add((holder, document))
    for instance, holder, arm, visit, name, key in of("instance, holder, arm, visit, name, key", "listen"):
        found[instance].listens[holder, arm] = visit, name, key
    return found
