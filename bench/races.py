"""Which work is done, by which commands, and what is shown of what they print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

PEERS = ("floor", "bpflow", "SpiffWorkflow", "DBOS", "LangGraph")
HERDS = (1_000, 10_000)
"""The sizes of W4 where none is asked for."""

FIGURES = {
    "instances": "instances a second",
    "instances, 1 at once": "instances a second, one process",
    "instances, 2 at once": "instances a second, 2 processes",
    "instances, 4 at once": "instances a second, 4 processes",
    "2 at once to 1": "2 processes to one",
    "4 at once to 1": "4 processes to one",
    "cycle p50 (load+advance+save)": "load + advance + commit, median, ms",
    "cycle p99": "load + advance + commit, 99 %, ms",
    "on disk at the end, with journal": "bytes an instance on disk, at the end",
    "steps/s, in memory": "steps a second",
    "instance, in memory": "an instance, in memory, ms",
    "instance, saved at the end": "an instance, saved at its end, ms",
    "answer, one of 1,000": "an answer to one of 1,000 open tasks of a for-each, ms",
    "answer, one of 1,000 to the only one": "the same, times an answer to the only one (at most 3)",
    "answer, one of 1,000: journal": "the same, bytes written to the journal (4 pages of 1 kB, with heads)",
    "create": "made, instances a second",
    "create, 100 at once": "the same, a hundred in a transaction",
    "on disk": "bytes an instance on disk",
    "resident memory": "resident memory when the herd stands, MB",
    "find the task of one p50": "find the task of one, median, ms",
    "complete one p50": "answer one (bpflow: after a look at its task), median, ms",
    "complete one p50, nothing at hand": "the same, nothing at hand, median, ms",
    "complete one p99": "answer one, 99 %, ms",
    "fired": "fired, a second",
    "load and check, 20 steps, ms": "load and check 20 steps, ms",
    "load and check, 1,000 steps, ms": "load and check 1,000 steps, ms",
}
"""What is shown of what the peers print, and how it is called."""
RATES = frozenset(
    {name for name in FIGURES if name.startswith(("instances", "steps/s"))} | {"2 at once to 1", "4 at once to 1", "create", "create, 100 at once", "fired"}
)
"""The figures that are better when they are higher."""
SUMS = {
    f"load and check, {steps} steps, ms": (f"YAML CSafeLoader, {nodes} nodes", f"check + compile expressions, {nodes} nodes")
    for steps, nodes in (("20", "20"), ("1,000", "1000"))
}
"""Figures that the floor prints in parts."""


@dataclass(frozen=True, slots=True)
class Race:
    """One piece of work, and the command of each peer that does it. `bars`: how many times the floor's cost bpflow's may be."""

    name: str
    title: str
    commands: Mapping[str, Sequence[str]]
    sync: str = "NORMAL"
    pg: bool = False
    bars: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def commands(work: str, floor: int | None, bpflow: int | None, *, pg: bool = False, **peers: int | None) -> dict[str, list[str]]:
    """The usual commands of a workload: how many instances each peer has. Those that are not named take no part."""
    modules = {"spiff": "SpiffWorkflow", "dbos": "DBOS", "langgraph": "LangGraph"}
    ours = ["-m", f"bench.bpflow_{work.lower()}", *_count(bpflow)]
    found = {"floor": ["bench/floor.py", work, "pg" if pg else "sqlite", *_count(floor)], "bpflow": ours}
    return found | {modules[name]: ["-m", f"bench.with_{name}", work, *_count(count)] for name, count in peers.items()}


def _count(count: int | None) -> list[str]:
    return [] if count is None else [str(count)]


def races(herds: Sequence[int] = HERDS) -> list[Race]:
    outreach = "W1: outreach of 5 stages, 10 answers and 5 timers, each loaded, advanced and committed"
    w1 = commands("W1", 300, 300, spiff=20, dbos=40, langgraph=20)
    return [
        Race("W1 NORMAL", f"{outreach}; SQLite NORMAL", w1, bars={"instances": 1.5}),
        Race("W1 FULL", "W1, SQLite FULL", w1, "FULL", bars={"instances": 1.5}),
        Race("W1 pg", "W1, PostgreSQL", commands("W1", 100, 100, pg=True, dbos=20, langgraph=10), pg=True, bars={"instances": 1.5}),
        Race(
            "W1 pg workers",
            "W1, PostgreSQL, several processes at once: on one store, each with a worker; copies of the floor, each with a database of its own",
            {"floor": ["-m", "bench.floor_copies"], "bpflow": ["-m", "bench.bpflow_workers"]},
            pg=True,
            bars={"2 at once to 1": 1.0},
        ),
        Race("W2", "W2: 100 set-variables and 10 conditions, in memory", commands("W2", 3000, 1500, spiff=10, langgraph=10)),
        Race("W3", "W3: for-each of 50 in parallel, each doubled, their sum; SQLite NORMAL", commands("W3", 3000, 300, spiff=10, langgraph=10)),
        *(herd(size) for size in herds),
        Race(
            "W5",
            "W5: timers that are due at once (10,000; SpiffWorkflow, DBOS and LangGraph: 300); SQLite NORMAL",
            commands("W5", 10_000, 10_000, spiff=300, dbos=300, langgraph=300),
            bars={"fired": 1.5},
        ),
        Race(
            "W5 pg",
            "W5, PostgreSQL (1,000; DBOS and LangGraph: 300)",
            commands("W5", 1000, 1000, pg=True, dbos=300, langgraph=300),
            pg=True,
            bars={"fired": 1.5},
        ),
        Race("W6", "W6: reading and checking a process", commands("W6", None, None, spiff=None, langgraph=None)),
    ]


def herd(size: int) -> Race:
    """The other peers take part in the smallest herd alone: the larger ones would take them hours."""
    small = size <= min(HERDS)
    entered = commands("W4", size, size, spiff=size, dbos=size, langgraph=size) if small else commands("W4", size, size)
    bars = {"create": 2.0, "on disk": 2.0, "complete one p50": 2.0}
    return Race(f"W4 {size}", f"W4: a herd of {size:,} instances that wait at a task; SQLite NORMAL", entered, bars=bars)
