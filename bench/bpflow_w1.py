"""W1 for bpflow: the outreach of five stages with one call-later each, as `floor.py` does it, every event loaded, advanced and committed.

usage: bpflow_w1.py [N]      FLOOR_SYNC=NORMAL|FULL      prints JSON lines as floor.py does
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bpflow.cli.working import spare_the_collector
from bpflow.loading import load_text
from bpflow.runtime import VirtualClock, open_engine

HEAD = """
bpflow: 1
id: outreach
title: Outreach
inputs:
  industry: {type: string}
  manager: {type: user}
variables:
  status: {type: string, default: new}
  attempts: {type: integer, default: 0}
steps:
  - {id: prepare, activity: set-variables, set: {status: new, attempts: 0}}
  - id: check
    activity: condition
    branches:
      - {when: industry == "ЖКХ", next: go-on}
    otherwise: {next: not_target}
"""
STAGE = """
  - id: stage_{k}
    activity: loop
    until: status == "stage_{k}_done"
    steps:
      - id: ask_{k}
        activity: request-info
        title: Stage {k}
        to: manager
        outcomes:
          meeting:
            title: Meeting
            steps:
              - {{activity: set-variables, set: {{status: stage_{k}_done}}}}
              - {{activity: notify, to: manager, text: stage {k} done}}
          call_later:
            title: Call later
            fields:
              next_date: {{type: datetime, required: true}}
            steps:
              - {{activity: set-variables, set: {{attempts: $(attempts + 1)}}}}
              - {{activity: pause, until: ask_{k}.next_date}}
          refuse: {{title: Refuse, next: refused}}
"""
TAIL = """
  - {activity: set-variables, set: {status: done}}
  - {activity: end, result: done}
  - {id: refused, activity: set-variables, set: {status: refused}}
  - {activity: end, result: refused}
  - {id: not_target, activity: end, result: not_target}
"""


def process(stages: int = 5) -> str:
    """The process as YAML."""
    return HEAD + "".join(STAGE.format(k=k) for k in range(1, stages + 1)) + TAIL


def emit(metric: str, value: float, unit: str) -> None:
    peer = f"bpflow/sqlite/{os.environ.get('FLOOR_SYNC', 'NORMAL')}"
    print(json.dumps({"peer": peer, "workload": "W1 persisted", "metric": metric, "value": round(value, 4), "unit": unit}), flush=True)


def main(n: int) -> None:
    path = Path(tempfile.mkdtemp(prefix="bpflow-")) / "w1.db"
    clock = VirtualClock(datetime(2026, 3, 2, 7, tzinfo=UTC))
    engine = open_engine(f"sqlite:///{path}?sync={os.environ.get('FLOOR_SYNC', 'NORMAL').lower()}", clock=clock)
    engine.deploy(load_text(process(), "outreach.yaml"))
    spare_the_collector()  # as `bpflow work` does, and as the manual advises a program that runs many instances
    lap: list[float] = []
    each: list[float] = []

    def timed(do: Callable[[], object], cycles: int = 1) -> None:
        began = time.perf_counter()
        do()
        lap.append(time.perf_counter() - began)
        each.extend([lap[-1] / cycles] * cycles)

    for _ in range(n):
        timed(partial(engine.start, "outreach", inputs={"industry": "ЖКХ", "manager": "ivanov"}))
    for _ in range(5):
        at = clock.now() + timedelta(hours=1)
        for task in engine.tasks("ivanov"):
            timed(partial(engine.answer, task.id, by="ivanov", outcome="call_later", values={"next_date": at}))
        clock.set(at)
        timed(engine.work, n)
        for task in engine.tasks("ivanov"):
            timed(partial(engine.answer, task.id, by="ivanov", outcome="meeting"))
    assert all(row.result == "done" for row in engine.instances())
    assert len(engine.notices()) == 5 * n
    assert engine.instance(1).names["attempts"] == 5
    emit("instances", n / sum(lap), "1/s")
    cycles = sorted(each)
    emit("cycle p50 (load+advance+save)", cycles[len(cycles) // 2] * 1e3, "ms")
    emit("cycle p99", cycles[len(cycles) * 99 // 100] * 1e3, "ms")
    engine.close()
    emit("on disk at the end, with journal", path.stat().st_size / n, "bytes/instance")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
