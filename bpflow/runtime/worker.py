"""Workers: one goes on until it is stopped, or makes a single pass.

The law of this file: a worker that cannot do something says so in the log and tries it again, later and later; it ends when it is told to, and
not before. What it leaves undone at any moment another finds as it was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from bpflow.diagnostics import Message, Refused, say
from bpflow.runtime.asking import Asking
from bpflow.runtime.drain import Drain, Worked
from bpflow.runtime.leases import BEATS, LEASE, Leasing, Watch, stand_by
from bpflow.runtime.observing import Doing
from bpflow.runtime.records import note
from bpflow.runtime.rounds import Rounds, Thing
from bpflow.stores.bell import Bell
from bpflow.stores.contract import Conflict, LeaseLost, StoreError
from bpflow.stores.leases import LOOKS_AHEAD, PutOff

CALLS = 8
"""Of each service outside, how many calls are under way at a time."""
GRACE = 30.0
"""Seconds that calls under way are waited for when the worker stops."""
AGAIN = 0.5, 60.0
"""Seconds after which something is tried again that could not be done, and the most that they grow to."""
LEAST = 0.02
"""Seconds that a worker sleeps at least when it has found nothing to do."""


def do_a_pass(drain: Drain, limit: int | None, stop: Callable[[], bool], watch: Watch) -> Worked:
    """Does what there is to do and nobody else has leased. A worker that finds nothing takes no lease."""
    store = drain.runner.store
    if not store.shared:
        return Rounds(drain, limit=limit).work(stop)
    drain.runner.left = True
    if next(Rounds(drain, batch=1).round(), None) is None or stand_by(store, watch):
        return Worked()
    leasing = Leasing(store, drain.clock, standing=False, watch=watch)
    leasing.open()
    try:
        leasing.take_all()
        return Rounds(drain, leasing, limit=limit).work(stop)
    finally:
        leasing.close()


@dataclass(slots=True)
class Pause:
    """When something is tried again, and how often it has been."""

    until: float = 0.0
    length: float = 0.0
    tries: int = 0
    reason: str = ""

    def longer(self, error: Exception) -> None:
        """It has failed once more."""
        least, most = AGAIN
        self.tries += 1
        self.reason = str(why(error))
        self.length = min(most, self.length * 2 or least)
        self.until = time.monotonic() + self.length


def why(error: Exception) -> Message | str:
    """What is said of it."""
    return error.message if isinstance(error, Refused) else f"{type(error).__name__}: {error}"


def named(key: tuple[object, ...]) -> str:
    """Something that is to be done, as it is told: `message 17`."""
    return " ".join(map(str, key))


def tell(error: Exception, seconds: float, tries: int = 1, thing: str | None = None) -> None:
    """That it is tried again. A `thing` is put off by a fault of bpflow, so it is told where; the second time it is no warning any more."""
    known = {"thing": thing, "error": type(error).__name__, "tries": tries, "pause": round(seconds, 2)}
    level = logging.ERROR if thing is not None and tries > 1 else logging.WARNING
    what = say("{reason}; it is tried again in {seconds} s", reason=why(error), seconds=round(seconds, 1))
    note(level, what, known, error if thing is not None else None)


class Worker:
    """A worker that goes on. Made by `Engine.worker`; `run` is called once, `stop` from any thread or from a signal."""

    def __init__(self, drain: Drain, calls: int = CALLS, lease: float = LEASE, grace: float = GRACE) -> None:
        self._leasing = Leasing(drain.runner.store, drain.clock, standing=True, watch=Watch(lease))
        self._asking = Asking(drain.ask, calls, self._ring)
        self._rounds = Rounds(drain, self._leasing, self._asking, put_off=self._waits)
        self._grace = grace
        self._stopped, self._stops = False, Bell()
        self._balanced = 0.0
        self._put_off: dict[tuple[object, ...], Pause] = {}

    @property
    def done(self) -> Worked:
        """What it has done so far."""
        return self._rounds.done

    def stop(self) -> None:
        """It begins nothing more, ends what is under way, gives back its slots, and `run` returns."""
        self._stopped = True
        self._stops.ring()
        self._ring()

    def _ring(self) -> None:
        if self._leasing.seated:
            self._leasing.seat.ring()

    def run(self) -> Worked:
        """Works until it is stopped; gives what it has done. Once only."""
        trouble = Pause()
        while not self._stopped:
            try:
                self._turn()
                trouble = Pause()
            except LeaseLost:
                self._balanced = 0.0
            except (StoreError, Conflict) as error:
                trouble.longer(error)
                tell(error, trouble.length, trouble.tries)
                self._stops.wait(trouble.length)  # and not at his seat, where what he has tried himself may wake him
        self._end()
        return self.done

    # ── one turn ───────────────────────────────────────────────────────────────────────────────────────────────────
    def _turn(self) -> None:
        """Goes round until there is nothing to do, or it is time to see to the slots; then sleeps."""
        self._balance()
        while not self._stopped and self._round():
            if time.monotonic() >= self._balanced:
                return
        if not self._stopped:
            self._sleep(self._left())

    def _balance(self) -> None:
        """Sees to the slots, if it is time to, or there are too few of them."""
        leasing, now = self._leasing, time.monotonic()
        if now < self._balanced and not leasing.lost:
            return
        if not leasing.seated:
            leasing.open()
        leasing.balance(self._asking.slots)
        self._balanced = now + leasing.watch.lease / BEATS
        leasing.put_off = self._what_is_put_off()

    def _what_is_put_off(self) -> PutOff | None:
        """What is to be told of it. What has not come up again for so long is not there any more."""
        self._put_off = {key: pause for key, pause in self._put_off.items() if time.monotonic() < pause.until + AGAIN[1]}
        if not self._put_off:
            return None
        pauses = self._put_off.values()
        key, last = max(self._put_off.items(), key=lambda item: item[1].until - item[1].length)
        return PutOff(len(pauses), max(pause.tries for pause in pauses), f"{named(key)}: {last.reason}")

    def _round(self) -> bool:
        """Goes round once. False if nothing was done."""
        observers = self._rounds.drain.runner.observers
        if observers is None:
            return self._go_round() > 0
        doing = Doing("pass", "worker")

        def go() -> bool:
            doing.done = self._go_round()
            return doing.done > 0

        return observers.during(doing, go)

    def _go_round(self) -> int:
        """How many things were done."""
        self._rounds.drain.runner.left = True
        before = self.done.total
        for thing in self._rounds.round():
            if self._stopped:
                break
            self._do(thing)
        if self._leasing.leaving:
            self._leasing.hand_over(self._asking.slots)
        return self.done.total - before

    def _waits(self, key: tuple[object, ...]) -> bool:
        """Whether it is put off."""
        pause = self._put_off.get(key)
        return pause is not None and time.monotonic() < pause.until

    def _do(self, thing: Thing) -> None:
        """Does it; what cannot be done by a fault of bpflow is put off, and the others go on."""
        try:
            self._rounds.do(thing)
        except (StoreError, Conflict):
            raise
        except Exception as error:
            pause = self._put_off.setdefault(thing.key, Pause())
            pause.longer(error)
            tell(error, pause.length, pause.tries, named(thing.key))
        else:
            self._put_off.pop(thing.key, None)

    def _left(self) -> float:
        """How long there is nothing to do, as far as it is known: at most until the next look at the slots, or at what is due."""
        left = min(LOOKS_AHEAD.total_seconds(), self._balanced - time.monotonic())
        due = self._rounds.drain.runner.store.next_due(self._rounds.slots)
        if due is not None:
            left = min(left, (due - self._rounds.drain.clock.now()).total_seconds())
        return max(left, LEAST)

    def _sleep(self, seconds: float) -> None:
        if self._leasing.seated:
            self._leasing.seat.wait(seconds)
        else:
            time.sleep(seconds)

    # ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _end(self) -> None:
        """Waits for the calls under way, and works their answers in; then gives everything back. What has not come by then is asked anew by
        whoever has the slot next."""
        until = time.monotonic() + self._grace
        while self._asking.going and (left := until - time.monotonic()) > 0:
            try:
                for thing in self._rounds.answers():
                    self._do(thing)
            except (StoreError, Conflict) as error:
                tell(error, LEAST)
            if self._asking.going:
                self._sleep(min(left, self._leasing.watch.lease / BEATS))
        try:
            self._leasing.close()
        except StoreError as error:  # the others will see that it is gone
            tell(error, self._leasing.watch.lease)
