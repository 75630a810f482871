"""The leases of a worker: his seat, the slots that are his, who else works, and who of them is not there any more.

The law of this file: no two clocks are compared. A worker is gone if his process is, as the same kernel or the store itself knows; if the
clock of one and the same kernel has gone on for too long since his last sign; or if we have waited that long for one ourselves.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import count
from pathlib import Path

from bpflow.runtime.clock import Clock
from bpflow.stores.contract import Store, StoreError
from bpflow.stores.leases import SLOTS, STEP, Lease, NewWorker, PutOff, Seat, Slots, WorkerRow, slot_of

LEASE = 15.0
"""Seconds after which a worker who gives no sign is given up."""
BEATS = 6
"""How many signs he gives in that time."""

under: ContextVar[Sequence[Lease]] = ContextVar("under", default=())
"""The leases under which this thread works now."""


# ── processes ───────────────────────────────────────────────────────────────────────────────────────────────────────
@cache
def place() -> str:
    """Where this process is one: its kernel since it was started, and the processes that see each other. Without /proc, the host."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return " ".join([boot, os.readlink("/proc/self/ns/time"), os.readlink("/proc/self/ns/pid")])
    except OSError:
        return socket.gethostname()


def kernel(place: str) -> str:
    """Where a place shares the clock with others."""
    return place.rpartition(" ")[0] or place


def born(pid: int) -> str | None:
    """When the process of this place began, in the kernel's words: another of the same number began at another time. None if there is none."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if state in b"ZX" else rest[18].decode()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


_COUNT = count(1)
_SEATED: set[int] = set()
"""Which workers of this process have a seat: one that could not give it back, as the store was not to be had, is gone nevertheless."""


def tick() -> int:
    """The time of this kernel, in microseconds."""
    return time.monotonic_ns() // 1000


def myself(now: datetime, *, standing: bool) -> NewWorker:
    """This process as a worker."""
    pid = os.getpid()
    return NewWorker(socket.gethostname(), pid, place(), born(pid) or "", next(_COUNT), tick(), now, standing)


@dataclass(slots=True)
class Watch:
    """What is known of other workers, as it is seen from here. `lease`: seconds without a sign after which one is gone."""

    lease: float = LEASE
    _seen: dict[int, tuple[int, float, bool]] = field(default_factory=dict)

    def gone(self, row: WorkerRow) -> bool | None:
        """Whether he is gone; None if that is still to be seen."""
        here, told, now = place(), row.told, time.monotonic()
        if row.gone or (told.place == here and born(told.pid) != told.born):
            return True
        if told.place == here and told.pid == os.getpid():
            return told.nth not in _SEATED
        if kernel(told.place) == kernel(here):
            return not 0 <= tick() - told.beat <= self.lease * 1e6
        beat, since, there = self._seen.get(row.id, (told.beat, now, row.gone is False))
        if beat != told.beat:
            since, there = now, True
        self._seen[row.id] = told.beat, since, there
        return True if now - since > self.lease else False if there else None


def stand_by(store: Store, watch: Watch) -> bool:
    """Whether there are workers who do what is left in the store without being asked."""
    return any(row.told.standing and not watch.gone(row) for row in store.workers())


# ── slots ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(slots=True)
class Leasing:
    """What a worker has leased of a store. `leaving`: slots that he hands over as soon as nothing of them is under way · `lost`: he was given
    up, and has nothing any more · `put_off`: what he cannot do, which is told with his signs."""

    store: Store
    clock: Clock
    standing: bool
    watch: Watch = field(default_factory=Watch)
    leases: Mapping[int, Lease] = field(default_factory=dict)
    leaving: frozenset[int] = frozenset()
    lost: bool = False
    put_off: PutOff | None = None
    _seat: Seat | None = None
    _nth: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def seat(self) -> Seat:
        assert self._seat is not None
        return self._seat

    @property
    def seated(self) -> bool:
        return self._seat is not None

    @property
    def slots(self) -> Slots:
        """Those of which new work may be begun."""
        return None if len(self.leases) == SLOTS and not self.leaving else [slot for slot in self.leases if slot not in self.leaving]

    def of(self, owners: Collection[int]) -> list[Lease] | None:
        """The leases under which the work of owners is done; None if it is not all ours."""
        slots = {slot_of(owner) for owner in owners}
        return [self.leases[slot] for slot in slots] if slots <= self.leases.keys() else None

    def open(self) -> None:
        """Takes a seat, and gives signs from then on: they do not wait for what the worker does."""
        me = myself(self.clock.now(), standing=self.standing)
        _SEATED.add(me.nth)  # from now on, whoever looks
        self._nth, self._ended, self.lost = me.nth, threading.Event(), False
        self._seat = self.store.seat(me)
        threading.Thread(target=self._beats, args=(self._seat, self._ended), name="bpflow-beat", daemon=True).start()

    def close(self) -> None:
        """Gives everything back."""
        self._ended.set()
        _SEATED.discard(self._nth)
        seat, self._seat, self.leases, self.leaving = self._seat, None, {}, frozenset()
        if seat is not None:
            seat.leave()

    def _beats(self, seat: Seat, ended: threading.Event) -> None:
        while not ended.wait(self.watch.lease / BEATS):
            try:
                there = self.store.beat(seat.id, tick(), self.put_off)
            except StoreError:
                continue  # the next time, perhaps
            if not there:
                self.lost = True
                seat.ring()
                return

    def take_all(self) -> None:
        """Takes what is free, and what those had who are gone; where that is still to be seen, waits until it is."""
        until = time.monotonic() + self.watch.lease
        while any(seen is None and row.slots for row, seen in self._others()) and time.monotonic() < until:
            self.seat.wait(self.watch.lease / BEATS)
        self._take(SLOTS)

    def _take(self, most: int) -> None:
        self.leases = {slot: Lease(slot, epoch) for slot, epoch in self.store.take(self.seat.id, most).items()}

    def balance(self, busy: Collection[int]) -> None:
        """Takes free slots up to a fair share, and gives back what is more than that, but for the `busy` ones, which follow. If the worker was
        given up he takes a seat anew."""
        if self.lost or all(row.id != self.seat.id for row in self.store.workers()):
            self.close()
            self.open()
        others = [row for row, _ in self._others()]
        share = self._share(others)
        if len(self.leases) < min(share, SLOTS - sum(len(row.slots) for row in others)):
            self._take(share)
        surplus = max(0, len(self.leases) - share)
        self.leaving = frozenset(sorted(self.leases, key=lambda slot: (slot not in self.leaving, slot in busy, slot * STEP % SLOTS))[:surplus])
        self.hand_over(busy)

    def _share(self, others: Collection[WorkerRow]) -> int:
        """How many slots are his by rights: as many as each other who stays has; what is left over goes to the first, one each, in the order of
        their seats, so that all who look agree on it. Beyond as many workers as there are slots the rest stand by."""
        standing = sorted([self.seat.id, *(row.id for row in others if row.told.standing)])
        each, over = divmod(SLOTS, len(standing))
        return each + (standing.index(self.seat.id) < over)

    def hand_over(self, busy: Collection[int]) -> None:
        """Gives back the slots that are to be handed over and of which nothing is under way."""
        free = self.leaving.difference(busy)
        if free:
            self.store.give_back(self.seat.id, free)
            self.leases = {slot: lease for slot, lease in self.leases.items() if slot not in free}
            self.leaving -= free

    def _others(self) -> list[tuple[WorkerRow, bool | None]]:
        """The other workers who are there (False), or of whom it is to be seen (None). Those who are gone are given up."""
        judged = [(row, self.watch.gone(row)) for row in self.store.workers() if row.id != self.seat.id]
        for row, gone in judged:
            if gone:
                self.store.give_up(row.id, row.told.beat)
        return [(row, gone) for row, gone in judged if not gone]
