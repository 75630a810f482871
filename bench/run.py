"""`make bench`: bpflow beside the floor and beside SpiffWorkflow, on the same work, in the same run.

A machine swings by a factor of two between runs, so only ratios of one run count: the peers take turns, round after round
(A B C, A B C, …), and each figure is the median of its rounds. Nothing is written but the table.

A peer is a command that prints JSON lines {peer, workload, metric, value, unit}. usage: python -m bench.run [--rounds N] [--only W1|W2|W3|start]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
PEERS = ("floor", "bpflow", "SpiffWorkflow")
FIGURES = {
    "instances": "instances a second",
    "cycle p50 (load+advance+save)": "load + advance + commit, median, ms",
    "cycle p99": "load + advance + commit, 99 %, ms",
    "on disk at the end, with journal": "bytes an instance on disk, at the end",
    "steps/s, in memory": "steps a second",
    "instance, in memory": "an instance, in memory, ms",
    "instance, saved at the end": "an instance, saved at its end, ms",
    "answer, one of 1,000": "an answer to one of 1,000 open tasks of a for-each, ms",
    "answer, one of 1,000 to the only one": "the same, times an answer to the only one (at most 3)",
    "answer, one of 1,000: journal": "the same, bytes written to the journal (4 pages of 1 kB, with heads)",
}
"""What is shown of what the peers print, and how it is called."""
RATES = ("instances", "steps/s, in memory")
"""The figures that are better when they are higher."""
BARS = {("W1", "instances"): 2.0, ("W2", "steps/s, in memory"): 5.0}
"""How many times slower than the floor bpflow may be."""

Values = dict[str, dict[str, list[float]]]
"""Figure → peer → its value in each round."""


@dataclass(frozen=True, slots=True)
class Race:
    """One piece of work, and the command of each peer that does it."""

    work: str
    title: str
    commands: dict[str, list[str]]
    sync: str = "NORMAL"


def races() -> list[Race]:
    w1 = {
        "floor": ["bench/floor.py", "W1", "sqlite", "300"],
        "bpflow": ["-m", "bench.bpflow_w1", "300"],
        "SpiffWorkflow": ["-m", "bench.spiff", "W1", "20"],
    }
    w2 = {
        "floor": ["bench/floor.py", "W2", "sqlite", "200"],
        "bpflow": ["-m", "bench.bpflow_w2", "200"],
        "SpiffWorkflow": ["-m", "bench.spiff", "W2", "10"],
    }
    w3 = {
        "floor": ["bench/floor.py", "W3", "sqlite", "200"],
        "bpflow": ["-m", "bench.bpflow_w3", "100"],
        "SpiffWorkflow": ["-m", "bench.spiff", "W3", "10"],
    }
    return [
        Race("W1", "W1: outreach of 5 stages, 10 answers and 5 timers, each loaded, advanced and committed; SQLite NORMAL", w1),
        Race("W1", "W1, SQLite FULL", w1, "FULL"),
        Race("W2", "W2: 100 set-variables and 10 conditions, in memory", w2),
        Race("W3", "W3: for-each of 50 in parallel, each doubled, their sum; SQLite NORMAL", w3),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="bpflow beside the floor and beside SpiffWorkflow")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["W1", "W2", "W3", "start"])
    wanted = parser.parse_args()
    console = Console()
    for race in races():
        if wanted.only in (None, race.work):
            console.print(table(race, run(race, wanted.rounds, console)))
    if wanted.only in (None, "start"):
        console.print(starts(wanted.rounds))
    return 0


def run(race: Race, rounds: int, console: Console) -> Values:
    values: Values = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        for peer, command in race.commands.items():
            with console.status(f"{race.work} {race.sync}, round {number + 1} of {rounds}: {peer}"):
                for line in lines(command, race.sync):
                    values[line["metric"]][peer].append(line["value"])
    return values


def lines(command: list[str], sync: str) -> list[dict[str, Any]]:
    """The figures that a peer printed."""
    return [json.loads(line) for line in output([sys.executable, *command], sync).splitlines()]


def output(command: list[str], sync: str = "NORMAL") -> str:
    """What a command printed; one that fails ends the run with what it said."""
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"FLOOR_SYNC": sync}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def table(race: Race, values: Values) -> Table:
    shown = Table("", *PEERS, "bpflow to floor", "bpflow to SpiffWorkflow", title=race.title, title_justify="left")
    for figure, name in FIGURES.items():
        if figure in values:
            mid = {peer: median(found) for peer, found in values[figure].items()}
            shown.add_row(name, *(number(mid.get(peer)) for peer in PEERS), *ratios(race.work, figure, mid))
    return shown


def ratios(work: str, figure: str, mid: dict[str, float]) -> tuple[str, str]:
    """How bpflow stands to the floor and to the peer, in words: a rate is better when higher, all else when lower."""
    if "bpflow" not in mid:
        return "", ""
    rate = figure in RATES
    times = {peer: mid[peer] / mid["bpflow"] if rate else mid["bpflow"] / mid[peer] for peer in mid}
    bar = BARS.get((work, figure))
    met = "" if bar is None or "floor" not in times else (", within" if times["floor"] <= bar else ", OVER") + f" the bar of {bar:g}×"
    return compared(times.get("floor")) + met, compared(times.get("SpiffWorkflow"))


def compared(times: float | None) -> str:
    """`times` is cost: above 1 bpflow costs more than the other."""
    if times is None:
        return ""
    return f"{times:.2f}× the cost" if times >= 0.5 else f"{1 / times:.3g}× better"


def number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def starts(rounds: int) -> Table:
    """The time until a command stands: wall time of whole processes, with Python's own start beside them."""
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "python, import bpflow": [sys.executable, "-c", "import bpflow"],
        "python, bpflow.Engine": [sys.executable, "-c", "import bpflow; bpflow.Engine"],
        "bpflow validate of one process": [str(Path(sys.executable).with_name("bpflow")), "validate", "processes/zhkkh-outreach.yaml"],
    }
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for name, command in commands.items():
            began = time.perf_counter()
            output(command)
            taken[name].append(time.perf_counter() - began)
    shown = Table("start", "wall time, ms", title="Starts (bars: import within 60 ms, validate within 500 ms)", title_justify="left")
    for name, found in taken.items():
        shown.add_row(name, f"{median(found) * 1e3:.0f}")
    return shown


if __name__ == "__main__":
    sys.exit(main())
