"""W5 for bpflow: timers that are due at once, as `floor.py` fires them: each loaded, advanced to the next task and committed, on SQLite some of them in
one transaction.

The instances come to their pause by ordinary calls; then the store is closed and opened, so that no state is at hand in memory.

usage: bpflow_w5.py [N]      FLOOR_SYNC, FLOOR_PG: see peer.py      prints JSON lines as floor.py does
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta

from bench.outreach import PEER, START, fresh_store, opened, process
from bench.peer import Figures

DUE = START + timedelta(hours=1)


def bring_to_pause(address: str, n: int) -> None:
    """`n` instances that wait for the same instant, each with its first question answered by «call later»."""
    with opened(address, process(), sync="NORMAL") as engine:
        for _ in range(n):
            engine.start("outreach", inputs={"industry": "ЖКХ", "manager": "ivanov"})
        for task in engine.tasks("ivanov"):
            engine.answer(task.id, by="ivanov", outcome="call_later", values={"next_date": DUE})


def main(n: int) -> None:
    with fresh_store("w5") as address:
        bring_to_pause(address, n)
        with opened(address, at=DUE) as engine:
            assert not engine.tasks("ivanov", limit=1)
            began = time.perf_counter()
            done = engine.work()
            taken = time.perf_counter() - began
            assert done.timers == done.total == n == engine.store.open_tasks("user:ivanov")
    Figures(PEER, f"W5 timers {n}").fired(n, taken)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
