"""W2 for bpflow: a line of a hundred `set-variables` and ten conditions in memory, as `floor.py` does it.

usage: bpflow_w2.py [N]      prints JSON lines as floor.py does
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from bench.outreach import PEER
from bench.peer import Figures
from bpflow.engine import Program, Table, advance
from bpflow.engine.events import Started
from bpflow.loading import load_text


def process(n: int = 100, every: int = 10) -> str:
    """The process as YAML."""
    lines = ["bpflow: 1", "id: linear", "title: Linear", "variables: {x: {type: integer, default: 0}}", "steps:"]
    for i in range(1, n + 1):
        lines.append(f"  - {{id: s{i}, activity: set-variables, set: {{x: $(x + 1)}}}}")
        if i % every == 0:
            lines.append(f"  - {{id: g{i}, activity: condition, branches: [{{when: x >= 0, next: go-on}}], otherwise: {{next: finish}}}}")
    lines.append("  - {id: finish, activity: end, result: done}")
    return "\n".join(lines)


def main(n: int) -> None:
    graph = load_text(process(), "linear.yaml").graph
    assert graph is not None
    program, event, answers = Program(graph), Started(datetime(2026, 3, 2, tzinfo=UTC)), Table()
    done = advance(program, None, event, answers)
    assert (done.state.names["x"], done.state.result) == (100, "done")
    began = time.perf_counter()
    for _ in range(n):
        advance(program, None, event, answers)
    value = 110 * n / (time.perf_counter() - began)
    Figures(PEER, "W2 linear 100+10")("steps/s, in memory", value, "steps/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
