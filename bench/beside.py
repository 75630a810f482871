"""What an answer takes beside a worker that has much to do: 10,000 timers are due, and meanwhile somebody answers tasks, another program or a thread
of the same one.

usage: python -m bench.beside [N]
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
from functools import partial

from bench.bpflow_w5 import DUE, bring_to_pause
from bench.outreach import fresh_store, opened
from bench.peer import percentile, timed
from bpflow.runtime import Engine

ANSWERS = 500
"""How many tasks there are to be answered."""
PAUSE = 0.003
"""Seconds between two answers."""


def prepare(address: str, count: int) -> list[str]:
    """As many timers as are asked for, and the tasks of somebody else."""
    bring_to_pause(address, count)
    with opened(address) as engine:
        engine.start_many("outreach", ({"industry": "ЖКХ", "manager": "petrov"} for _ in range(ANSWERS)))
        return [task.id for task in engine.tasks("petrov")]


def fire(address: str, ready: threading.Barrier) -> None:
    """Fires all timers, in a program of its own."""
    with opened(address, at=DUE) as engine:
        ready.wait()
        engine.work()


def answer(engine: Engine, tasks: list[str], ended: threading.Event, times: list[float]) -> None:
    """Answers one after another until the worker has ended, one at least."""
    for task in tasks:
        times.append(timed(partial(engine.answer, task, by="petrov", outcome="meeting")))
        if ended.wait(PAUSE):
            return


def beside(count: int, *, apart: bool) -> list[float]:
    """How long each answer took, in ms; with `apart`, of another program."""
    times: list[float] = []
    ended = threading.Event()
    with fresh_store("beside") as address:
        tasks = prepare(address, count)
        with opened(address, at=DUE) as engine:
            answering = threading.Thread(target=answer, args=(engine, tasks, ended, times))
            if apart:
                around = multiprocessing.get_context("spawn")
                ready = around.Barrier(2)
                worker = around.Process(target=fire, args=(address, ready))
                worker.start()
                ready.wait()
                answering.start()
                worker.join()
            else:
                answering.start()
                engine.work()
            ended.set()
            answering.join()
    return [one * 1e3 for one in times]


def main(count: int) -> None:
    for name, apart in (("another program", True), ("another thread", False)):
        times = beside(count, apart=apart)
        middle, most, worst = percentile(times, 50), percentile(times, 99), max(times)
        print(f"{name}: {len(times)} answers, median {middle:.2f} ms, 99 % {most:.1f} ms, at most {worst:.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
