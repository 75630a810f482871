"""W1 for bpflow on PostgreSQL by 1, 2 and 4 processes at once on one store. In each a program answers the tasks of its own manager, and a worker
fires the timers that are in its share of the slots, whoever has answered.

The processes go step by step together: all answer «call later», the time comes for all, all answer «meeting». What is slept until the time comes is
not counted; what one waits for the slowest is. So a process does one thing at a time, as a copy of the floor does.

usage: python -m bench.bpflow_workers [N]      FLOOR_PG: see peer.py      prints JSON lines as floor.py does
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Thread

from bench.at_once import Place, show
from bench.outreach import PEER, process
from bench.peer import STAGES, Figures, fresh_database, timed
from bpflow.cli.working import spare_the_collector
from bpflow.loading import load_text
from bpflow.runtime import Engine, open_engine


def fresh() -> str:
    """A fresh store with the process deployed."""
    address = fresh_database("bpflow_at_once")
    with open_engine(address) as engine:
        engine.deploy(load_text(process()))
    return address


def part(place: Place) -> float:
    """The instances of one process, from their start to their end."""
    with open_engine(place.address) as engine:
        worker = engine.worker()
        thread = Thread(target=worker.run)
        thread.start()
        spare_the_collector()
        busy = play(engine, f"manager-{place.number}", place)
        worker.stop()
        thread.join()
    return place.instances / busy


def play(engine: Engine, manager: str, place: Place) -> float:
    """Gives the seconds that it took."""

    def step(do: Callable[[], object]) -> float:
        place.ready.wait()
        return timed(lambda: (do(), place.ready.wait()))

    def start() -> None:
        for _ in range(place.instances):
            engine.start("outreach", inputs={"industry": "ЖКХ", "manager": manager})

    def answer(outcome: str, **values: object) -> None:
        for task in engine.tasks(manager):
            engine.answer(task.id, by=manager, outcome=outcome, values=values)

    def until_asked_again() -> None:
        while engine.store.open_tasks(f"user:{manager}") < place.instances:
            time.sleep(0.002)

    busy = step(start)
    for _ in range(STAGES):
        due = datetime.now(UTC) + timedelta(seconds=1 + place.instances * 0.025)  # when all have answered
        busy += step(partial(answer, "call_later", next_date=due))
        time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        busy += step(until_asked_again)
        busy += step(partial(answer, "meeting"))
    return busy


if __name__ == "__main__":
    show(Figures(PEER, "W1 at once"), part, int(sys.argv[1]) if len(sys.argv) > 1 else 200, fresh)
