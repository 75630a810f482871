"""Leases in a store: which worker does the work of which owners.

The law of this file: the work of an owner is in one slot, for good, and a slot is one worker's at a time. He has it in an `epoch` that grows
whenever the slot changes hands, and every unit of work says in which: so what somebody does who has lost his slot is refused. Nothing here
is decided by comparing the clocks of two machines.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeAlias

from msgspec import Struct

SLOTS = 61
"""How many slots there are. A prime number: whatever step the numbers of owners go by, they spread over all slots."""

Slots: TypeAlias = Collection[int] | None
"""Some slots; None: all of them."""


def slot_of(owner: int) -> int:
    """The slot in which the work of an owner is."""
    return abs(owner) % SLOTS


LOOKS_AHEAD = timedelta(seconds=2.5)
"""A worker looks at least so often at what is due next. Of a timer that is set for later than twice that nobody needs to tell him."""

STEP = 23
"""Slots are taken and given back in the order of number * STEP % SLOTS, so that owners which follow each other are not all with one worker."""


class Lease(NamedTuple):
    """A slot, and the epoch in which it is held."""

    slot: int
    epoch: int


class NewWorker(Struct, frozen=True):
    """A worker that takes his seat. `place`: in which kernel and among which processes `pid` is one, `born`: when that process began, in
    its kernel's own words, `nth`: which of its workers he is; `beat`: the time of that kernel, in microseconds; `standing`: he stays until he is told to go."""

    host: str
    pid: int
    place: str
    born: str
    nth: int
    beat: int
    since: datetime
    standing: bool


class PutOff(NamedTuple):
    """What a worker cannot do by a fault of bpflow and tries again and again: how many things, how often the one that he has tried most, and why
    the last of them failed."""

    things: int
    tries: int
    reason: str


class WorkerRow(Struct, frozen=True):
    """A worker as the store knows him, with the slots that he has. `gone`: whether his process has left the store; None: the store cannot
    tell · `put_off`: what he cannot do, as of his last sign."""

    id: int
    told: NewWorker
    slots: tuple[int, ...] = ()
    gone: bool | None = None
    put_off: PutOff | None = None


class Busy(NamedTuple):
    """What of the outbox is not wanted now: the services that have enough to do, and the calls that are under way, by their numbers."""

    services: Collection[str] = ()
    calls: Collection[int] = ()


IDLE = Busy()


class Depth(NamedTuple):
    """How much of a kind waits to be worked, and since when the oldest of it does."""

    waiting: int
    oldest: datetime | None


class Seat(Protocol):
    """A worker's place at a store, from which he is woken; it is his until he leaves, or is given up by the others."""

    id: int

    def wait(self, seconds: float) -> None:
        """Sleeps until somebody rings, or until there may be something new in the store; at most so long."""
        ...

    def ring(self) -> None:
        """Wakes whoever waits, now or as soon as he does. From any thread."""
        ...

    def leave(self) -> None:
        """Gives back all slots, and the seat."""
        ...


class Leases(Protocol):
    """The part of a store that has to do with workers. `shared`: others may be at it too; where they may not, nobody needs a lease."""

    @property
    def shared(self) -> bool: ...

    def seat(self, new: NewWorker) -> Seat: ...

    def beat(self, worker: int, beat: int, put_off: PutOff | None = None) -> bool:
        """He is still there, and that is what he cannot do. False if he was given up."""
        ...

    def workers(self) -> list[WorkerRow]:
        """All who have a seat, the first first."""
        ...

    def take(self, worker: int, most: int) -> Mapping[int, int]:
        """Takes free slots, until he has `most`; gives all that he has, with their epochs. None at all if he was given up."""
        ...

    def give_back(self, worker: int, slots: Collection[int]) -> None:
        """These slots are free for others."""
        ...

    def give_up(self, worker: int, beat: int) -> bool:
        """A worker is not there any more: his slots are free, and he can write nothing. False if he has moved since that beat."""
        ...

    def depths(self, at: datetime) -> Mapping[str, Depth]:
        """What waits to be worked at that time, by kind: `timers`, `schedules` (those that are due), `changes`, `messages`, `calls`."""
        ...
