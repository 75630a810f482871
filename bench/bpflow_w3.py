"""W3 for bpflow: a for-each of fifty items in parallel, as `floor.py` does it; and what one answer costs among a thousand open tasks.

usage: bpflow_w3.py [N]      FLOOR_SYNC=NORMAL|FULL      prints JSON lines as floor.py does
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bpflow.engine import Program, Table, advance
from bpflow.engine.events import Started
from bpflow.loading import load_text
from bpflow.runtime import Engine, VirtualClock, open_engine

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
START = datetime(2026, 3, 2, 7, tzinfo=UTC)


def emit(metric: str, value: float, unit: str) -> None:
    peer = f"bpflow/sqlite/{os.environ.get('FLOOR_SYNC', 'NORMAL')}"
    print(json.dumps({"peer": peer, "workload": "W3 fan-out 50", "metric": metric, "value": round(value, 4), "unit": unit}), flush=True)


def opened(folder: str, name: str, text: str) -> Engine:
    engine = open_engine(f"sqlite:///{Path(folder) / name}?sync={os.environ.get('FLOOR_SYNC', 'NORMAL').lower()}", clock=VirtualClock(START))
    engine.deploy(load_text(text, f"{name}.yaml"))
    return engine


def in_memory(n: int) -> None:
    graph = load_text(DOUBLED, "fanout.yaml").graph
    assert graph is not None
    program, event = Program(graph), Started(START, inputs={"items": list(range(50))})
    assert advance(program, None, event, Table()).state.names["total"] == 2 * sum(range(50))
    began = time.perf_counter()
    for _ in range(n):
        advance(program, None, event, Table())
    emit("instance, in memory", (time.perf_counter() - began) / n * 1e3, "ms")


def saved(folder: str, n: int) -> None:
    engine, items = opened(folder, "doubled.db", DOUBLED), list(range(50))
    began = time.perf_counter()
    for _ in range(n):
        engine.start("fanout", inputs={"items": items})
    emit("instance, saved at the end", (time.perf_counter() - began) / n * 1e3, "ms")
    assert engine.instance(1).names["total"] == 2 * sum(items)
    engine.close()


def answers(folder: str) -> None:
    """The median of an answer that is one of many, and of one that is the only one, in turns; and what it makes the journal grow by."""
    engine, times = opened(folder, "asked.db", ASKED), {1: list[float](), 1000: list[float]()}
    many = engine.start("asked", inputs={"items": list(range(1000))})
    tasks = [task.id for task in engine.tasks(instance=many)]
    random.Random(1).shuffle(tasks)
    journal, grown = Path(folder) / "asked.db-wal", []
    for task in tasks[:300]:
        only = engine.start("asked", inputs={"items": [1]})
        for count, one in ((1, engine.tasks(instance=only)[0].id), (1000, task)):
            before, began = journal.stat().st_size, time.perf_counter()
            engine.answer(one, by="ivanov", outcome="done")
            times[count].append(time.perf_counter() - began)
            grown += [journal.stat().st_size - before] if count > 1 else []
    emit("answer, the only one", median(times[1]) * 1e3, "ms")
    emit("answer, one of 1,000", median(times[1000]) * 1e3, "ms")
    emit("answer, one of 1,000 to the only one", median(times[1000]) / median(times[1]), "times")
    emit("answer, one of 1,000: journal", median(grown), "bytes")
    engine.close()


def main(n: int) -> None:
    in_memory(n)
    with tempfile.TemporaryDirectory(prefix="bpflow-") as folder:
        saved(folder, n)
        answers(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
