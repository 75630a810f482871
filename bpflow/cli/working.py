"""`work --until-stopped`: does what is due, sleeps until more is, and stops between two transactions when it is told to."""

from __future__ import annotations

import gc
import os
import select
import signal
from types import TracebackType

from bpflow.cli.calls import WrongUse
from bpflow.cli.output import Output
from bpflow.diagnostics import say
from bpflow.expressions.durations import parse_duration
from bpflow.expressions.errors import ExpressionError
from bpflow.runtime import Engine, Worked

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """While it is entered, the first SIGINT or SIGTERM only says that it is time to stop; the second works as usual."""

    def __enter__(self) -> Stopping:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._usual = {number: signal.signal(number, self._told) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._restore()
        os.close(self._reading)
        os.close(self._writing)

    def _told(self, number: int, frame: object) -> None:
        os.write(self._writing, b".")
        self._restore()

    def _restore(self) -> None:
        for number, usual in self._usual.items():
            signal.signal(number, usual)

    def within(self, seconds: float) -> bool:
        """Whether it is time to stop, now or before so many seconds have passed."""
        # Reading a pipe and not sleeping: a signal between the question and the sleep would be slept through.
        return bool(select.select([self._reading], [], [], max(0.0, seconds))[0])

    def now(self) -> bool:
        """Whether it is time to stop."""
        return self.within(0)


def spare_the_collector() -> None:
    """For a program that does nothing else: what is loaded by now stays, so Python's collector of cycles need not go through it again and
    again, and as events leave no cycles behind, it may come less often. A tenth of the time of an event, and more."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def until_told(engine: Engine, pause: float, out: Output) -> Worked:
    """Works until a signal comes; sleeps until the next timer is due, and at most `pause` seconds, since others use the database too."""
    done = Worked()
    spare_the_collector()
    out.note(say("working; Ctrl+C stops"), "dim")
    with Stopping() as stopping:
        while not stopping.now():
            once = engine.work(stop=stopping.now)
            sums = {name: getattr(done, name) + getattr(once, name) for name in ("timers", "changes", "calls", "messages", "starts")}
            done = Worked(**sums)
            due = engine.next_due()
            left = pause if due is None else min(pause, (due - engine.clock.now()).total_seconds())
            if stopping.within(left):
                break
    out.note(say("stopped"), "dim")
    return done


def seconds_of(text: str) -> float:
    """The length of time in seconds. WrongUse if it is none, or not one of the clock."""
    try:
        found = parse_duration(text)
    except ExpressionError as error:
        raise WrongUse(error.message, error.hint) from error
    seconds = found.days * 86400 + found.seconds
    if found.months or found.working_days or found.working_seconds or not seconds:
        raise WrongUse(say('"{text}" is not a length of time by the clock, as 1s or 5min', text=text))
    return float(seconds)
