"""W3 for bpflow: a for-each of fifty items in parallel, as `floor.py` does it; and what one answer costs among a thousand open tasks.

usage: bpflow_w3.py [N]      FLOOR_SYNC, FLOOR_PG: see peer.py      prints JSON lines as floor.py does
"""

from __future__ import annotations

import random
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median

from bench.outreach import PEER, START, file_of, fresh_store, opened
from bench.peer import SERVER, Figures, timed
from bpflow.engine import Program, Table, advance
from bpflow.engine.events import Started
from bpflow.loading import load_text

DOUBLED = """
bpflow: 1
id: fanout
title: Fan-out
inputs: {items: {type: integer, many: true}}
variables: {total: {type: integer}}
steps:
  - id: each
    activity: for-each
    items: items
    as: item
    in-parallel: true
    collect: item * 2
    steps:
      - {id: seen, activity: condition, branches: [{when: item >= 0, next: go-on}], otherwise: {next: go-on}}
  - {activity: set-variables, set: {total: $(sum(each.results))}}
"""
ASKED = """
bpflow: 1
id: asked
title: Asked
inputs: {items: {type: integer, many: true}}
steps:
  - id: each
    activity: for-each
    items: items
    as: item
    in-parallel: true
    enough: any(r == "no" for r in results)
    collect: ask.outcome
    steps:
      - id: ask
        activity: request-info
        title: Item
        to: user("ivanov")
        outcomes: {done: {}, no: {next: go-on}}
  - {activity: request-info, id: last, title: Last, to: user("boss"), outcomes: {done: {}}}
"""


emit = Figures(PEER, "W3 fan-out 50")


def in_memory(n: int) -> None:
    graph = load_text(DOUBLED, "fanout.yaml").graph
    assert graph is not None
    program, event = Program(graph), Started(START, inputs={"items": list(range(50))})
    assert advance(program, None, event, Table()).state.names["total"] == 2 * sum(range(50))
    began = time.perf_counter()
    for _ in range(n):
        advance(program, None, event, Table())
    emit("instance, in memory", (time.perf_counter() - began) / n * 1e3, "ms")


def saved(n: int) -> None:
    items = list(range(50))
    with fresh_store("w3") as address, opened(address, DOUBLED) as engine:
        began = time.perf_counter()
        for _ in range(n):
            engine.start("fanout", inputs={"items": items})
        emit("instance, saved at the end", (time.perf_counter() - began) / n * 1e3, "ms")
        assert engine.instance(1).names["total"] == 2 * sum(items)


def answers(count: int = 300) -> None:
    """The median of an answer that is one of many, and of one that is the only one, in turns; and what it makes the journal grow by."""
    times, grown = {1: list[float](), 1000: list[float]()}, list[int]()
    with fresh_store("asked") as address, opened(address, ASKED) as engine:
        journal = Path(file_of(address) + "-wal")
        many = engine.start("asked", inputs={"items": list(range(1000))})
        tasks = [task.id for task in engine.tasks(instance=many)]
        random.Random(1).shuffle(tasks)
        for task in tasks[:count]:
            only = engine.start("asked", inputs={"items": [1]})
            for size, one in ((1, engine.tasks(instance=only)[0].id), (1000, task)):
                before = 0 if SERVER else journal.stat().st_size
                times[size].append(timed(partial(engine.answer, one, by="ivanov", outcome="done")))
                grown += [journal.stat().st_size - before] if size > 1 and not SERVER else []
    emit("answer, the only one", median(times[1]) * 1e3, "ms")
    emit("answer, one of 1,000", median(times[1000]) * 1e3, "ms")
    emit("answer, one of 1,000 to the only one", median(times[1000]) / median(times[1]), "times")
    if grown:
        emit("answer, one of 1,000: journal", median(grown), "bytes")


def main(n: int) -> None:
    in_memory(n)
    saved(n)
    answers(min(300, 3 * n))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
