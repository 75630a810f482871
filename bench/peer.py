"""What every peer but the floor shares: where it keeps its instances, and how it measures and prints a figure.

FLOOR_SYNC=NORMAL|FULL       SQLite's `synchronous`; NORMAL where nothing is said
FLOOR_PG=postgresql://…/     kept in PostgreSQL: a server on which fresh databases may be made; without it, in SQLite
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

SYNC = os.environ.get("FLOOR_SYNC", "NORMAL")
SERVER = os.environ.get("FLOOR_PG")
STAGES = 5
FORM = {"outcome": ["call_later", "meeting", "refuse"], "next_date": "date"}
"""What a stage of the outreach asks."""


class Figures:
    """Prints the figures of a peer in one workload as JSON lines."""

    def __init__(self, peer: str, workload: str) -> None:
        self.peer = f"{peer}/pg" if SERVER else f"{peer}/sqlite/{SYNC}"
        self.workload = workload

    def __call__(self, metric: str, value: float, unit: str) -> None:
        line = {"peer": self.peer, "workload": self.workload, "metric": metric, "value": round(value, 4), "unit": unit}
        print(json.dumps(line, ensure_ascii=False), flush=True)

    def cycles(self, times: Sequence[float]) -> None:
        """How long the events took one by one, in seconds."""
        self("cycle p50 (load+advance+save)", percentile(times, 50) * 1e3, "ms")
        self("cycle p99", percentile(times, 99) * 1e3, "ms")

    def herd(self, count: int, taken: float, disk: float) -> None:
        """The figures of W4 when the herd stands: how long it took to make (seconds), and how many bytes it takes on disk."""
        self("create", count / taken, "1/s")
        self("on disk", disk / count, "bytes/instance")
        self("resident memory", resident(), "MB")

    def answers(self, times: Sequence[float]) -> None:
        """The figures of W4 for answering one of the herd."""
        self("complete one p50", percentile(times, 50) * 1e3, "ms")
        self("complete one p99", percentile(times, 99) * 1e3, "ms")

    def fired(self, count: int, taken: float) -> None:
        """The figures of W5."""
        self("fire all", taken, "s")
        self("fired", count / taken, "1/s")


def percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def resident() -> float:
    """The resident memory of this process, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def timed(do: Callable[[], object]) -> float:
    """How long it took, in seconds."""
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def fresh_database(name: str) -> str:
    """The address of an empty database of that name on the server."""
    import psycopg

    assert SERVER is not None
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"drop database if exists {name} with (force)")
        server.execute(f"create database {name}")
    return urlsplit(SERVER)._replace(path=f"/{name}").geturl()


def size_of(place: str | Path) -> int:
    """How many bytes a database takes: a SQLite file with its journal written into it, or a database of the server by its address."""
    if SERVER is None:
        with sqlite3.connect(place) as db:
            db.execute("pragma wal_checkpoint(truncate)")
        return Path(place).stat().st_size
    import psycopg

    with psycopg.connect(str(place)) as server:
        row = server.execute("select pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])
