"""How things go: what waits to be worked and for how long it has, who works, what somebody must see to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from bpflow.runtime.leases import Watch, kernel, place, tick
from bpflow.stores.contract import Store
from bpflow.stores.leases import Depth, PutOff


class WorkerView(Struct, frozen=True):
    """A worker. `standing`: he goes on until he is stopped, and makes not only one pass · `slots`: how many of all he has · `silent`: how long
    ago he gave the last sign, where his clock is ours · `there`: False if he is gone, None if that is not known · `put_off`: what he cannot do by a
    fault of bpflow, and tries again and again."""

    host: str
    pid: int
    since: datetime
    standing: bool
    slots: int
    silent: timedelta | None
    there: bool | None
    put_off: PutOff | None = None


class Status(Struct, frozen=True):
    """`queues`: what waits to be worked, by kind: `timers`, `schedules`, `changes`, `messages`, `calls` · `incidents`, `aside`: how many there
    are, and how many instances are set aside or have a call that could not be sent."""

    at: datetime
    queues: Mapping[str, Depth]
    workers: list[WorkerView]
    incidents: int
    aside: int

    @property
    def put_off(self) -> list[PutOff]:
        """What workers cannot do by a fault of bpflow, and try again and again."""
        return [one.put_off for one in self.workers if one.put_off and one.there is not False]

    @property
    def lag(self) -> timedelta:
        """How long the oldest of all that waits has done so."""
        return max((self.waits(depth) for depth in self.queues.values()), default=timedelta())

    def waits(self, depth: Depth) -> timedelta:
        """How long the oldest of a kind has waited."""
        return max(timedelta(), self.at - depth.oldest) if depth.oldest else timedelta()


def status(store: Store, now: datetime, watch: Watch) -> Status:
    """As it is now."""
    workers = []
    for row in store.workers():
        told, gone = row.told, watch.gone(row)
        silent = timedelta(microseconds=max(0, tick() - told.beat)) if kernel(told.place) == kernel(place()) else None
        there = None if gone is None else not gone
        workers.append(WorkerView(told.host, told.pid, told.since, told.standing, len(row.slots), silent, there, row.put_off))
    incidents = sum(row.incidents for row in store.instances(incidents=True))
    return Status(now, store.depths(now), workers, incidents, len(store.aside()))
