"""W5 for bpflow: timers that are due at once, as `floor.py` fires them: each loaded, advanced to the next task and committed.

The instances come to their pause by ordinary calls; then the store is closed and opened, so that no state is at hand in memory.

usage: bpflow_w5.py [N]      FLOOR_SYNC=NORMAL|FULL      prints JSON lines as floor.py does
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.bpflow_w1 import process
from bpflow.cli.working import spare_the_collector
from bpflow.loading import load_text
from bpflow.runtime import VirtualClock, open_engine

START = datetime(2026, 3, 2, 7, tzinfo=UTC)
DUE = START + timedelta(hours=1)


def emit(n: int, metric: str, value: float, unit: str) -> None:
    peer = f"bpflow/sqlite/{os.environ.get('FLOOR_SYNC', 'NORMAL')}"
    print(json.dumps({"peer": peer, "workload": f"W5 timers {n}", "metric": metric, "value": round(value, 4), "unit": unit}), flush=True)


def bring_to_pause(url: str, n: int) -> None:
    """`n` instances that wait for the same instant, each with its first question answered by «call later»."""
    with open_engine(url, clock=VirtualClock(START)) as engine:
        engine.deploy(load_text(process(), "outreach.yaml"))
        for _ in range(n):
            engine.start("outreach", inputs={"industry": "ЖКХ", "manager": "ivanov"})
        for task in engine.tasks("ivanov"):
            engine.answer(task.id, by="ivanov", outcome="call_later", values={"next_date": DUE})


def main(n: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bpflow-") as folder:
        sync = os.environ.get("FLOOR_SYNC", "NORMAL").lower()
        bring_to_pause(f"sqlite:///{Path(folder) / 'w5.db'}?sync=normal", n)
        with open_engine(f"sqlite:///{Path(folder) / 'w5.db'}?sync={sync}", clock=VirtualClock(DUE)) as engine:
            spare_the_collector()
            assert not engine.tasks("ivanov", limit=1)
            began = time.perf_counter()
            done = engine.work()
            taken = time.perf_counter() - began
            assert done.timers == done.total == n == engine.store.open_tasks("user:ivanov")
    emit(n, "fire all", taken, "s")
    emit(n, "fired", n / taken, "1/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
