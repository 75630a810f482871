"""Rounds: how a worker goes through what waits.

The law of this file: what is left to be told or sent comes first, then what is due, until that leaves something again. Where there is more of
anything than is read at once, each kind gets its share of every round, so that a long queue holds up nobody but itself. Changes and messages of
an owner go in their order: what cannot be done holds up what comes after it, and nothing of any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct

from bpflow.runtime.asking import Asking, Said
from bpflow.runtime.drain import Drain, Worked
from bpflow.runtime.groups import may_group
from bpflow.runtime.leases import Leasing, under
from bpflow.runtime.starts import begin_on_schedule, begin_or_hold
from bpflow.runtime.trying import again
from bpflow.stores.contract import ChangeRow, Conflict, LeaseLost, OutboxRow, ScheduleRow, StoreError
from bpflow.stores.leases import Busy, Slots
from bpflow.stores.mail import LookRow, MessageRow

BATCH = 100
"""How many things of a kind are read at once."""
R = TypeVar("R", ChangeRow, LookRow, MessageRow)


class Thing(Struct, frozen=True, gc=False):
    """Something to be done: its kind, as `Worked` counts it; whose it is; by what it is known again; and the doing, which of `many` gives how many
    were done. What is `ordered` is done before what stands behind it of the same owners."""

    kind: str
    owners: Sequence[int]
    key: tuple[object, ...]
    act: Callable[[], Any]
    many: bool = False
    ordered: bool = False


@dataclass(slots=True)
class Rounds:
    """What there is to do for a worker. Without `leasing`, everything, since nobody else is there; without `asking`, services outside are
    asked one after another. `batch`: how many things of a kind are read at once; `limit`: how many are done at most; `put_off` says of which
    things, by their keys, nothing is to be done now."""

    drain: Drain
    leasing: Leasing | None = None
    asking: Asking | None = None
    batch: int = BATCH
    limit: int | None = None
    put_off: Callable[[tuple[object, ...]], bool] = lambda key: False
    done: Worked = field(default_factory=Worked)
    """What was done so far."""

    @property
    def slots(self) -> Slots:
        return self.leasing.slots if self.leasing else None

    @property
    def room(self) -> int | None:
        """How many things may still be done, if there is a limit."""
        return None if self.limit is None else max(0, self.limit - self.done.total)

    def work(self, stop: Callable[[], bool] = lambda: False) -> Worked:
        """Does what there is to do now; `stop` is asked before each thing, or group of them."""
        self.drain.runner.left = True
        self.all(self.round, lambda: self.room == 0 or stop())
        return self.done

    def tell(self) -> Worked:
        """Tells changes and delivers messages, until there are none."""
        self.all(self.telling, lambda: False)
        return self.done

    def all(self, round: Callable[[], Iterator[Thing]], stop: Callable[[], bool]) -> None:
        """Round after round, until nothing more can be done. What cannot be done by a fault of bpflow stays as it is; it holds up nothing but
        what comes after it in its order, and the first of it is raised at the end."""
        failed: dict[tuple[object, ...], Exception] = {}
        self.put_off = failed.__contains__
        before = -1
        while self.done.total + len(failed) > before and not stop():
            before = self.done.total + len(failed)
            for thing in round():
                if stop():
                    break
                try:
                    self.do(thing)
                except (StoreError, Conflict):
                    raise
                except Exception as error:  # a fault of bpflow, of whatever kind: raised once all else is done
                    failed[thing.key] = error
        if failed:
            raise next(iter(failed.values()))

    def do(self, thing: Thing) -> None:
        """Does it under the leases of its owners. What is not ours any more is let be."""
        leases = self.leasing.of(thing.owners) if self.leasing is not None else ()
        if leases is None:
            return
        before = under.set(leases)
        try:
            done = again(thing.act)
        finally:
            under.reset(before)
        self.done.count(thing.kind, done if thing.many else 1)

    def round(self) -> Iterator[Thing]:
        """A batch of each kind."""
        runner, clock = self.drain.runner, self.drain.clock
        full = False
        if runner.left:
            runner.left, some = False, False
            for thing in self.answers():
                some = True
                yield thing
            for waiting in (self.changes, self.looks, self.messages, self.calls):
                things, more = waiting()
                some, full = some or bool(things), full or more
                yield from self.in_order(things)
            runner.left = runner.left or some
            if some and not full:
                return
        for thing in self.timers():
            yield thing
            if runner.left and not full:
                return
        for schedule in runner.store.schedules(clock.now()) if self.slots is None or 0 in self.slots else ():
            if not self.put_off(schedule[:2]):
                yield Thing("starts", [0], schedule[:2], partial(self.begin, schedule))
            if runner.left and not full:
                return

    def timers(self) -> Iterator[Thing]:
        """Those that are due: together, as far as that can be done, else each alone."""
        drain, fired = self.drain, 1
        due = drain.runner.store.due(drain.clock.now(), self.batch, self.slots)
        drain.read_ahead(due[: self.room])
        while fired and len(some := due[: self.room]) > 1 and may_group(drain.runner):
            before = self.done.timers
            yield Thing("timers", [one.owner for one in some], ("timers",), partial(drain.fire_together, some), many=True)
            fired = self.done.timers - before
            due = due[fired:]
        for one in due:
            yield Thing("timers", [one.owner], ("timer", one.instance, one.holder, one.arm), partial(drain.guarded, one.instance, drain.fire, one))

    def telling(self) -> Iterator[Thing]:
        """A batch of what is to be told, changes before messages."""
        for waiting in (self.changes, self.looks, self.messages):
            things, _ = waiting()
            yield from self.in_order(things)
            if things:
                return

    def in_order(self, things: Sequence[Thing]) -> Iterator[Thing]:
        """One after another; behind one that has just failed, nothing more of its owners."""
        held: set[int] = set()
        for thing in things:
            if held.isdisjoint(thing.owners):
                yield thing
                if thing.ordered and self.put_off(thing.key):
                    held.update(thing.owners)

    def changes(self) -> tuple[list[Thing], bool]:
        """Some changes to be told; and whether there may be more."""
        read, tell = self.drain.runner.store.changes, self.drain.tell
        return self.queued(read, lambda one: Thing("changes", [one.owner], ("change", one.id), partial(tell, one), ordered=True))

    def looks(self) -> tuple[list[Thing], bool]:
        """Looks at what is kept, which wait for none of each other: those for new processes all have one owner."""
        post = self.drain.post
        return self.queued(self.drain.runner.store.looks, lambda one: Thing("messages", [one.owner], ("look", one.id), partial(post.look, one)))

    def messages(self) -> tuple[list[Thing], bool]:
        read, post = partial(self.drain.runner.store.messages, fresh=True), self.drain.post
        return self.queued(read, lambda one: Thing("messages", [one.owner], ("message", one.id), partial(post.deliver, one), ordered=True))

    def queued(self, read: Callable[..., Sequence[R]], thing: Callable[[R], Thing]) -> tuple[list[Thing], bool]:
        """Some things of a queue, and whether there may be more. Where all that is read is put off, or stands behind what is, one looks further."""
        after, full = 0, True
        held: set[int] = set()
        things: list[Thing] = []
        while full and not things:
            found = read(limit=self.batch, slots=self.slots, after=after)
            for made in map(thing, found):
                if self.put_off(made.key):
                    held.update(made.owners if made.ordered else ())
                elif held.isdisjoint(made.owners):
                    things.append(made)
            after, full = found[-1].id if found else after, len(found) == self.batch
        return things, full

    def begin(self, schedule: ScheduleRow) -> None:
        begin_or_hold(lambda trouble: begin_on_schedule(self.drain.runner, schedule, self.drain.clock.now(), trouble))

    # ── calls ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def calls(self) -> tuple[list[Thing], bool]:
        """Some calls that are done here; services outside begin to be asked, where they may be asked in threads."""
        asking, drain = self.asking, self.drain
        most = asking.most if asking else self.batch
        found = drain.runner.store.outbox(most, self.slots, asking.busy if asking else Busy())
        things = []
        for row in found:
            if asking is None or not drain.asks(row):
                if not self.put_off(key := ("call", row.id)):
                    things.append(Thing("calls", [row.owner], key, partial(drain.guarded, row.concerns, drain.send, row)))
            elif asking.may(row):
                drain.guarded(row.instance, self.ask, row)
        return things, len(found) == most

    def ask(self, row: OutboxRow) -> None:
        assert self.asking is not None
        self.asking.begin(row, self.drain.request(row))

    def answers(self) -> Iterator[Thing]:
        """The answers that have come of services outside. One for a slot that is ours no more is let be: who has it asks anew."""
        for row, said in self.asking.answers() if self.asking else ():
            if self.leasing is None or self.leasing.of([row.owner]):
                yield Thing("calls", [row.owner], ("answer", row.id), partial(self.answer, row, said))
            elif self.asking:
                self.asking.over()

    def answer(self, row: OutboxRow, said: Said) -> None:
        """Works the answer in. If the store could not be had, it has only just come."""
        assert self.asking is not None
        try:
            self.drain.guarded(row.instance, lambda row: self.drain.answer(row, said), row)
        except (StoreError, Conflict) as error:
            if isinstance(error, LeaseLost):
                self.asking.over()
            raise
        self.asking.over()
