"""W1 for bpflow: the outreach of five stages with one call-later each, as `floor.py` does it, every event loaded, advanced and committed: each start
and answer in a transaction of its own, timers that are due together as `work` fires them, on SQLite some of them in one.

usage: bpflow_w1.py [N]      FLOOR_SYNC, FLOOR_PG: see peer.py      prints JSON lines as floor.py does
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from bench.outreach import PEER, file_of, fresh_store, opened, process
from bench.peer import SERVER, STAGES, Figures, size_of
from bpflow.runtime import Engine, VirtualClock


class Played:
    """The times of all events of the instances."""

    def __init__(self) -> None:
        self.lap: list[float] = []
        self.each: list[float] = []

    def timed(self, do: Callable[[], object], cycles: int = 1) -> None:
        began = time.perf_counter()
        do()
        self.lap.append(time.perf_counter() - began)
        self.each.extend([self.lap[-1] / cycles] * cycles)


def play(engine: Engine, n: int, manager: str = "ivanov") -> Played:
    """`n` instances from their start to their end."""
    played, clock = Played(), engine.clock
    assert isinstance(clock, VirtualClock)
    for _ in range(n):
        played.timed(partial(engine.start, "outreach", inputs={"industry": "ЖКХ", "manager": manager}))
    for _ in range(STAGES):
        at = clock.now() + timedelta(hours=1)
        for task in engine.tasks(manager):
            played.timed(partial(engine.answer, task.id, by=manager, outcome="call_later", values={"next_date": at}))
        clock.set(at)
        played.timed(partial(engine.work, n), n)
        for task in engine.tasks(manager):
            played.timed(partial(engine.answer, task.id, by=manager, outcome="meeting"))
    return played


def main(n: int) -> None:
    emit = Figures(PEER, "W1 persisted")
    with fresh_store("w1") as address:
        with opened(address, process()) as engine:
            played = play(engine, n)
            assert all(row.result == "done" for row in engine.instances())
            assert len(engine.notices()) == STAGES * n
            assert engine.instance(1).names["attempts"] == STAGES
        emit("instances", n / sum(played.lap), "1/s")
        emit.cycles(played.each)
        if not SERVER:
            emit("on disk at the end, with journal", size_of(file_of(address)) / n, "bytes/instance")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
