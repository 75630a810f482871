"""W1, W4 and W5 on SQLite in processor time, for a machine that has other things to do: the floor and bpflow take turns in one process, some instances
at a time, so that what disturbs one disturbs the other. What is waited for, the disk and the others, is not in it.

usage: python -m bench.turns [TURNS]      FLOOR_SYNC=NORMAL|FULL      prints a table as Markdown
"""

from __future__ import annotations

import importlib
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Any

from bench.bpflow_w1 import play
from bench.outreach import fresh_store, opened, process
from bench.peer import STAGES
from bpflow.runtime import Engine, VirtualClock

SOME = 40
"""Instances in a turn."""
Took = dict[str, list[float]]


class Floor:
    """The floor on its SQLite, instance after instance."""

    def __init__(self) -> None:
        sys.argv = ["floor.py", "W1", "sqlite"]
        self.floor: Any = importlib.import_module("bench.floor")
        self.nodes = self.floor.compile_def(self.floor.outreach())
        self.db = self.floor.Sqlite()
        self.last = 0

    def start(self) -> range:
        fresh = range(self.last, self.last + SOME)
        for number in fresh:
            self.db.cycle(number, self.floor.starter(self.nodes, industry="ЖКХ", company=f"ООО Ромашка {number}"), True)
        self.last += SOME
        return fresh

    def answer(self, numbers: range, outcome: str) -> None:
        for number in numbers:
            self.db.cycle(number, self.floor.answer(self.nodes, outcome=outcome, next_date=time.time()))

    def fire(self) -> None:
        for number in self.db.due(time.time()):
            self.db.cycle(number, self.floor.fire(self.nodes))

    def play(self) -> None:
        numbers = self.start()
        for _ in range(STAGES):
            self.answer(numbers, "call_later")
            self.fire()
            self.answer(numbers, "meeting")

    def turn(self, took: Took) -> None:
        timed(took["W1, an instance"], self.play)
        numbers: list[range] = []
        timed(took["W4, making one"], lambda: numbers.append(self.start()))
        timed(took["W4, answering one"], partial(self.answer, numbers[0], "call_later"))
        timed(took["W5, firing one"], self.fire)


def turn_of_bpflow(engine: Engine, took: Took) -> None:
    timed(took["W1, an instance"], partial(play, engine, SOME, "petrov"))
    timed(took["W4, making one"], partial(make, engine))
    engine.runner.cache.clear()  # in W4 and W5 nothing is at hand
    at = engine.clock.now() + timedelta(hours=1)
    tasks = [task.id for task in engine.tasks("ivanov", limit=SOME)]
    timed(took["W4, answering one"], partial(answer, engine, tasks, at))
    engine.runner.cache.clear()
    assert isinstance(engine.clock, VirtualClock)
    engine.clock.set(at)
    timed(took["W5, firing one"], partial(engine.work, SOME))
    for row in engine.instances(status="running"):
        engine.cancel(row.id, by="boss")


def make(engine: Engine) -> None:
    for number in range(SOME):
        engine.start("outreach", inputs={"industry": "ЖКХ", "manager": "ivanov", "company": f"ООО Ромашка {number}"})


def answer(engine: Engine, tasks: list[str], at: object) -> None:
    for task in tasks:
        engine.answer(task, by="ivanov", outcome="call_later", values={"next_date": at})


def timed(took: list[float], do: Callable[[], object]) -> None:
    began = time.process_time()
    do()
    took.append((time.process_time() - began) / SOME)


def main(turns: int) -> None:
    floor, theirs, ours = Floor(), defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    with fresh_store("turns") as address, opened(address, process(company=True)) as engine:
        for _ in range(turns):
            floor.turn(theirs)
            turn_of_bpflow(engine, ours)
    print("| processor time, µs | floor | bpflow | times |\n| --- | --- | --- | --- |")
    for name in theirs:
        one, other = min(theirs[name]), min(ours[name])
        ratio = median(mine / its for mine, its in zip(ours[name], theirs[name], strict=True))
        print(f"| {name} | {one * 1e6:,.0f} | {other * 1e6:,.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 25)
