"""W6 for bpflow: reading a process of 20 and of 1,000 steps and checking all of it: types, data flow, soundness, people.

usage: bpflow_w6.py      prints JSON lines as floor.py does
"""

from __future__ import annotations

from functools import partial
from statistics import median

from bench.bpflow_w2 import process
from bench.outreach import PEER
from bench.peer import Figures, timed
from bpflow.loading import load_text


def main() -> None:
    emit = Figures(PEER, "W6 load")
    load_text(process(2, 2))  # the first one makes the models
    for name, text in (("20 steps", process(18, 9)), ("1,000 steps", process(910, 10))):
        assert not load_text(text).findings
        emit(f"load and check, {name}, ms", median(timed(partial(load_text, text)) for _ in range(3)) * 1e3, "ms")


if __name__ == "__main__":
    main()
