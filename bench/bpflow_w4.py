"""W4 for bpflow: a herd that waits at a task, as `floor.py` makes it: how fast, how large, and what it costs to answer one of it.

Between making and answering the store is closed and opened, so that no state is at hand in memory. Some are answered right after their task was
looked for, as people do; of others the task is known, as by a link in a letter, and nothing is at hand. At the end as many are made once more, as
a program makes many: a hundred in a transaction.

usage: bpflow_w4.py [N]      FLOOR_SYNC, FLOOR_PG: see peer.py      prints JSON lines as floor.py does
"""

from __future__ import annotations

import random
import sys
import time
from functools import partial

from bench.outreach import PEER, file_of, fresh_store, opened, process
from bench.peer import Figures, percentile, size_of, timed
from bpflow.runtime import Engine

ANSWERED = 200


def inputs(i: int) -> dict[str, str]:
    return {"industry": "ЖКХ", "manager": "ivanov", "company": f"ООО Ромашка {i}"}


def make(engine: Engine, n: int) -> None:
    for i in range(n):
        engine.start("outreach", inputs=inputs(i))


def make_many(engine: Engine, n: int) -> None:
    engine.start_many("outreach", map(inputs, range(n)))


def answer(engine: Engine, task: str) -> float:
    """How long it took to answer it."""
    return timed(partial(engine.answer, task, by="ivanov", outcome="meeting"))


def find_and_answer(engine: Engine, instance: int) -> tuple[float, float]:
    """How long it took to find the task of an instance, and to answer it."""
    began = time.perf_counter()
    (task,) = engine.tasks(instance=instance)
    return time.perf_counter() - began, answer(engine, task.id)


def main(n: int) -> None:
    emit = Figures(PEER, f"W4 herd {n}")
    with fresh_store("w4") as address:
        with opened(address, process(company=True)) as engine:
            before = size_of(file_of(address))
            taken = timed(partial(make, engine, n))
        emit.herd(n, taken, size_of(file_of(address)) - before)
        chosen = random.Random(1).sample(range(1, n + 1), min(n, 2 * ANSWERED))
        some, others = chosen[::2], chosen[1::2]
        with opened(address) as engine:
            finding, answering = zip(*(find_and_answer(engine, instance) for instance in some), strict=True)
            known = [task.id for instance in others for task in engine.tasks(instance=instance)]
        with opened(address) as engine:
            unknown = [answer(engine, task) for task in known]
            assert engine.store.open_tasks("user:ivanov") == n
        emit.answers(answering)
        emit("complete one p50, nothing at hand", percentile(unknown, 50) * 1e3, "ms")
        emit("find the task of one p50", percentile(finding, 50) * 1e3, "ms")
    with fresh_store("w4_many") as address, opened(address, process(company=True)) as engine:
        emit("create, 100 at once", n / timed(partial(make_many, engine, n)), "1/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
