"""`make bench`: bpflow beside the floor and beside SpiffWorkflow, DBOS and LangGraph, on the same work, in the same run.

A machine swings by a factor of two between runs, so only ratios of one run count: the peers take turns, round after round
(A B C, A B C, …), and each figure is the median of its rounds. Nothing is written but the table, and with `--keep` what was measured.

A peer is a command that prints JSON lines {peer, workload, metric, value, unit}; one that is not installed takes no part.
usage: python -m bench.run [--rounds N] [--only W1|"W1 pg"|W4|…|start] [--herd N …] [--keep FILE] [--markdown]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from bench.races import HERDS, PEERS, SUMS, Race, races
from bench.server import served
from bench.shown import Values, markdown, number, table

ROOT = Path(__file__).parent.parent
PACKAGES = {"SpiffWorkflow": "SpiffWorkflow", "DBOS": "dbos", "LangGraph": "langgraph"}
FEW = 2
"""In how many rounds those take part that are neither the floor nor bpflow: they are slower by so much that it needs no more."""


class Kept:
    """What was measured, in a file: what is there already is not measured again."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        found = path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []
        self.known = {(one["race"], one["peer"], one["round"]): one["lines"] for one in map(json.loads, found)}

    def find(self, race: str, peer: str, round: int) -> list[dict[str, Any]] | None:
        return self.known.get((race, peer, round))

    def add(self, race: str, peer: str, round: int, lines: list[dict[str, Any]]) -> None:
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"race": race, "peer": peer, "round": round, "lines": lines}, ensure_ascii=False) + "\n")


class Track:
    """Where the races are run."""

    def __init__(self, rounds: int, kept: Kept, console: Console, stack: ExitStack) -> None:
        self.rounds, self.kept, self.console, self.stack = rounds, kept, console, stack
        self.installed = {peer for peer in PEERS if peer not in PACKAGES or importlib.util.find_spec(PACKAGES[peer])}
        self.server = ""

    def run(self, race: Race) -> Values:
        values: Values = defaultdict(lambda: defaultdict(list))
        for round in range(1, self.rounds + 1):
            for peer in race.commands:
                if peer in self.installed and (round <= FEW or peer not in PACKAGES):
                    with self.console.status(f"{race.name}, round {round} of {self.rounds}: {peer}"):
                        for metric, value in summed(self.lines(race, peer, round)):
                            values[metric][peer].append(value)
        return values

    def lines(self, race: Race, peer: str, round: int) -> list[dict[str, Any]]:
        """The figures that a peer printed, now or before."""
        known = self.kept.find(race.name, peer, round)
        if known is not None:
            return known
        found = [json.loads(line) for line in self.output([sys.executable, *race.commands[peer]], race).splitlines()]
        self.kept.add(race.name, peer, round, found)
        return found

    def output(self, command: Sequence[str], race: Race) -> str:
        around = os.environ | {"FLOOR_SYNC": race.sync}
        around.pop("FLOOR_PG", None)
        if race.pg:
            self.server = self.server or self.stack.enter_context(served())
            around["FLOOR_PG"] = self.server
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:  # the floor leaves its databases behind
            return output(command, around | {"TMPDIR": folder})


def summed(lines: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """The figures, and those that were printed in parts."""
    found = {line["metric"]: float(line["value"]) for line in lines}
    yield from found.items()
    for whole, parts in SUMS.items():
        # the floor says of one of them how large the file is, too
        pieces = [value for part in parts for metric, value in found.items() if metric.startswith(part)]
        if len(pieces) == len(parts):
            yield whole, sum(pieces)


def output(command: Sequence[str], around: dict[str, str] | None = None) -> str:
    """What a command printed; one that fails ends the run with what it said."""
    done = subprocess.run(command, cwd=ROOT, env=around, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def starts(rounds: int) -> list[tuple[str, float]]:
    """The time until a command stands, in milliseconds: wall time of whole processes, with Python's own start beside them."""
    bpflow = str(Path(sys.executable).with_name("bpflow"))
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "python, import bpflow": [sys.executable, "-c", "import bpflow"],
        "python, bpflow.Engine": [sys.executable, "-c", "import bpflow; bpflow.Engine"],
        "bpflow --help": [bpflow, "--help"],
        "bpflow validate of one process of 20 steps": [bpflow, "validate", "processes/zhkkh-outreach.yaml"],
        "python, import SpiffWorkflow.bpmn.workflow": [sys.executable, "-c", "import SpiffWorkflow.bpmn.workflow"],
        "python, import dbos": [sys.executable, "-c", "import dbos"],
        "python, import langgraph.graph": [sys.executable, "-c", "import langgraph.graph"],
    }
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for name, command in commands.items():
            package = next((one for one in PACKAGES.values() if f"import {one}" in name), "json")
            if importlib.util.find_spec(package):
                began = time.perf_counter()
                output(command)
                taken[name].append(time.perf_counter() - began)
    return [(name, median(found) * 1e3) for name, found in taken.items()]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="bpflow beside the floor, SpiffWorkflow, DBOS and LangGraph")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", help="the races whose names begin so: W1, 'W1 pg', W4, start, …")
    parser.add_argument("--herd", type=int, action="append", help="a size of W4, instead of the usual ones")
    parser.add_argument("--keep", type=Path, help="a file for what was measured; what is in it is not measured again")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    return parser.parse_args()


def main() -> int:
    wanted, console = read_arguments(), Console()

    def is_wanted(name: str) -> bool:
        return wanted.only is None or any(f"{name} ".startswith(f"{only} ") for only in wanted.only)

    with ExitStack() as stack:
        track = Track(wanted.rounds, Kept(wanted.keep), console, stack)
        for race in races(wanted.herd or HERDS):
            if is_wanted(race.name):
                values = track.run(race)
                print(markdown(race, values)) if wanted.markdown else console.print(table(race, values))
    if is_wanted("start"):
        print("\nStarts: wall time, ms\n")
        for name, value in starts(wanted.rounds):
            print(f"| {name} | {number(value)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
