"""Several processes that do the same at once, and what that gains."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import NamedTuple

from bench.peer import Figures

MANY = (1, 2, 4)


class Place(NamedTuple):
    """Where one of several processes stands: its number, how many instances it has, the address where they are kept; `ready` waits for the
    others."""

    number: int
    instances: int
    address: str
    ready: Barrier


Part = Callable[[Place], float]
"""What a process does; it gives its instances a second."""


def show(emit: Figures, part: Part, count: int, fresh: Callable[[], str]) -> None:
    """The figures of 1, 2 and 4 processes; `fresh` makes where they keep their instances."""
    one = 0.0
    for many in MANY:
        rate = together(part, many, count, fresh())
        one = one or rate
        emit(f"instances, {many} at once", rate, "1/s")
        if many > 1:
            emit(f"{many} at once to 1", rate / one, "times")


def together(part: Part, many: int, count: int, address: str) -> float:
    """Instances a second of so many processes together."""
    around = multiprocessing.get_context("spawn")
    said: Queue[float] = around.Queue()
    ready = around.Barrier(many, timeout=60)
    processes = [begun(around, part, Place(number, count, address, ready), said) for number in range(many)]
    total = sum(said.get(timeout=600) for _ in processes)
    for process in processes:
        process.join()
    return total


def begun(around: SpawnContext, part: Part, place: Place, said: Queue[float]) -> BaseProcess:
    process = around.Process(target=report, args=(part, place, said), daemon=True)
    process.start()
    return process


def report(part: Part, place: Place, said: Queue[float]) -> None:
    said.put(part(place))
