"""`work --workers N`: workers that go on until they are told to stop; one in this process, several in processes of their own.

The law of this file: the first signal says that it is time to stop, and what is under way is ended; the second works as usual. A process
that dies is started again; those who are left when whoever started them has died stop by themselves.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bpflow.diagnostics import say
from bpflow.runtime import Engine, Worked
from bpflow.runtime.records import note
from bpflow.runtime.worker import GRACE
from bpflow.stores.bell import Bell

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PARENT = "BPFLOW_PARENT"
"""The variable that names the file which is closed when the parent of a worker is gone."""
AGAIN = 1.0, 60.0
"""Seconds before a process that has died is started again; they double up to the second while it goes on dying."""
STEADY = 60.0
"""Seconds after which a process that dies had been well."""


@contextmanager
def told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """While it lasts, the first SIGINT or SIGTERM calls `stop`; the second works as usual."""

    def told(number: int, frame: object) -> None:
        restore()
        stop()

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    usual = {number: signal.signal(number, told) for number in SIGNALS}
    try:
        yield
    finally:
        restore()


def spare_the_collector() -> None:
    """For a program that does nothing else: what is loaded by now stays, so Python's collector of cycles need not go through it again and
    again, and as events leave no cycles behind, it may come less often. A tenth of the time of an event, and more."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


# ── one worker, in this process ─────────────────────────────────────────────────────────────────────────────────────
def work_on(engine: Engine, calls: int) -> Worked:
    """Works until a signal comes, or whoever has started this process is gone."""
    worker = engine.worker(calls=calls)
    spare_the_collector()
    parent = os.environ.get(PARENT)
    if parent is None:
        note(logging.INFO, say("working; Ctrl+C stops"), {})
    else:
        threading.Thread(target=_outlive, args=(int(parent), worker.stop), daemon=True).start()
    with told_to_stop(worker.stop):
        done = worker.run()
    if parent is None:
        note(logging.INFO, say("stopped"), {})
    return done


def _outlive(parent: int, stop: Callable[[], None]) -> None:
    os.read(parent, 1)  # nobody writes to it: it ends with whoever has the other end
    stop()


# ── several, in processes of their own ──────────────────────────────────────────────────────────────────────────────
@dataclass(slots=True)
class Chair:
    """That of one of several workers: what he runs, who sits there now, since when, and when he who has died is followed by another."""

    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    since: float = 0.0
    until: float = 0.0
    pause: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps a process on each chair."""

    chairs: list[Chair]
    bell: Bell = field(default_factory=Bell)
    stopping: bool = False

    def run(self) -> None:
        """Until a signal comes; then each is told to stop, and has the time that calls under way may take, and a little more."""
        reads, writes = os.pipe()  # whose other end the workers have: they see when this process is gone
        try:
            with told_to_stop(self.stop):
                while not self.stopping:
                    self._fill(reads)
                    self.bell.wait(0.2)
            with told_to_stop(self._end):
                self._stop_all()
        finally:
            self._end()
            os.close(reads)
            os.close(writes)

    def stop(self) -> None:
        self.stopping = True
        self.bell.ring()

    def _fill(self, reads: int) -> None:
        now = time.monotonic()
        for chair in self.chairs:
            if chair.process is not None and chair.process.poll() is not None:
                self._died(chair, chair.process, now)
            if chair.process is None and now >= chair.until:
                environment = {**os.environ, PARENT: str(reads)}
                # in a session of its own: Ctrl+C is for this process alone, which passes it on once
                chair.process = subprocess.Popen(chair.command, env=environment, pass_fds=[reads], start_new_session=True, stdin=subprocess.DEVNULL)
                chair.since = now

    def _died(self, chair: Chair, process: subprocess.Popen[bytes], now: float) -> None:
        (least, most), code = AGAIN, process.returncode
        chair.pause = least if now - chair.since > STEADY else min(most, chair.pause * 2 or least)
        chair.process, chair.until = None, now + chair.pause
        how = say("by the signal {number}", number=-code) if code < 0 else say("with the code {number}", number=code)
        what = say("a worker has ended {how}; another follows in {seconds} s", how=how, seconds=round(chair.pause))
        note(logging.WARNING, what, {"pid": process.pid, "signal" if code < 0 else "code": abs(code), "pause": chair.pause})

    def _stop_all(self) -> None:
        there = [chair.process for chair in self.chairs if chair.process is not None]
        for process in there:
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + GRACE + 5
        for process in there:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                note(logging.WARNING, say("a worker has not stopped in time: it is ended"), {"pid": process.pid})

    def _end(self) -> None:
        for chair in self.chairs:
            if chair.process is not None and chair.process.poll() is None:
                chair.process.kill()
                chair.process.wait()


def supervise(commands: Sequence[Sequence[str]]) -> None:
    """Keeps a worker for each of the commands until a signal comes."""
    note(logging.INFO, say("{count} workers; Ctrl+C stops", count=len(commands)), {})
    Supervisor([Chair([sys.executable, "-m", "bpflow", *command]) for command in commands]).run()
    note(logging.INFO, say("stopped"), {})
