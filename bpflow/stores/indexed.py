"""The index of instances as a store has it, read for many at once to be compared with what their states say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from bpflow.engine.codec import instant
from bpflow.stores import rows
from bpflow.stores.entries import Indexed, TimerKey

TABLES = ("task", "observer", "timer", "watch", "listen")


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


def unindexing(schema: str, id: str) -> list[str]:
    """What takes away the rows of an instance that is not there; `id`: how a statement is given its number. It may have begun by then."""
    gone = f"not exists (select 1 from {schema}instance where id = {id})"
    return [f"delete from {schema}{table} where instance = {id} and {gone}" for table in TABLES]
