"""A process that has everything at hand and forks lives: each is a program of its own that works until it is killed or has done all.

    python -m tests.crash.nursery LEDGER

reads orders from its input, a line of JSON each, and answers each with a line: how that life ended. An order names the store (`url`), the
`clock`, the `book` of the ledger, and says when to kill:
`{"at": "name of a point", "time": 2}` when it is reached for the second time · `{"after": 17}` at the seventeenth point · `{"seconds": 0.05}`
from outside, wherever it is · `{"new": true, "but": […]}` at the first point that is not among these · `{}` never. And it may make trouble:
`{"room": [0, 5000]}` that much room on the disk, in bytes, and when that is used up, so much · `{"ahead": 3600}` the clock goes wrong by
so many seconds · `{"cuts": [[40, "done"]]}` after forty points the line to PostgreSQL is cut: with the next commit, which is `lost`, or `done`
without an answer; or the `backend` is ended; or the whole `server` is killed and started again.

`{"worker": 1.0}` is the life of a worker with leases of so many seconds, `{"helped": true}` that of a clerk beside whom there are such;
`{"flaw": "told_first"}` one in which something is wrong on purpose; `{"patience": 10}` one that is taken to hang after so many seconds.

The law of this file: nothing is handed over from one life to the next but what lies on the disk. A life is killed by SIGKILL.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import RLock
from typing import Any

import psycopg

from bpflow.stores import open_store
from bpflow.stores.contract import StoreError
from tests.crash.clerk import Firm, KeptClock, Outside, clerk
from tests.crash.flaws import FLAWS
from tests.crash.points import PointedStore, Points
from tests.crash.proxy import Proxy
from tests.crash.server import kill_server

PATIENCE = 120.0
"""Seconds after which a life is taken to hang."""


class Death:
    """Hears of the points that a life reaches, and kills it at the one that was ordered."""

    def __init__(self, order: dict[str, Any], line: int) -> None:
        self.order, self.line = order, line
        self.count: Counter[str] = Counter()
        self.new = set(order.get("but", ())) if order.get("new") else None
        self.last = ""
        self.troubles: list[str] = []
        self.cuts: dict[int, str] = {}
        self.cut: Callable[[str], None] = lambda how: None
        self._next = ""
        self._lock = RLock()

    def reached(self, point: str) -> None:
        with self._lock:  # whatever thread comes to it
            self._reached(point)

    def _reached(self, point: str) -> None:
        self.count[point] += 1
        self.last = point
        self._next = self.cuts.pop(self.count.total(), self._next)
        if self._next and (self._next not in ("lost", "done") or point.endswith(": commit")):
            self.cut(self._next)
            self._next = ""
        order = self.order
        if point == order.get("at"):
            due = self.count[point] == order.get("time", 1)
        elif self.new is not None:
            due = point not in self.new
        else:
            due = self.count.total() == order.get("after")
        if due:
            self.tell({"point": point})
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(self, what: dict[str, Any]) -> None:
        os.write(self.line, json.dumps({**what, "points": self.count.total(), "troubles": self.troubles}).encode() + b"\n")


class Room:
    """The room on the disk: no file may become longer than so many bytes more than the store's longest has now."""

    def __init__(self, path: str, rooms: list[int]) -> None:
        self.path, self.rooms = path, rooms
        if rooms:
            self.next()

    def next(self) -> None:
        """The next of the rooms; after the last there is enough."""
        most = resource.RLIM_INFINITY
        if self.rooms:
            most = self.rooms.pop(0) + max((file.stat().st_size for file in Path(self.path).parent.glob(f"{Path(self.path).name}*")), default=0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


class Cutter:
    """Cuts the line to PostgreSQL, in one way or another."""

    def __init__(self, order: dict[str, Any], death: Death) -> None:
        self.url: str = order["url"]
        self.proxy = Proxy(self.url) if "cuts" in order else None
        file = "://" not in self.url  # with the thread that there is where commits do not wait for the disk
        self.address = self.proxy.address if self.proxy else f"sqlite:///{self.url}?sync=normal" if file else self.url
        death.cuts, death.cut = dict(order.get("cuts", ())), self.cut

    def cut(self, how: str) -> None:
        if how == "backend":
            with psycopg.connect(self.url, autocommit=True) as db:
                db.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid != pg_backend_pid()")
        elif how == "server":
            kill_server(self.url)
        elif self.proxy:
            self.proxy.cut = how


def work(order: dict[str, Any], firm: Firm, address: str, death: Death) -> None:
    """Has a clerk work until all is done; when he is told of trouble, he goes on when it is over."""
    points = Points(death.reached)
    points.watch_sql()
    points.watch_checkpoints()
    clock = KeptClock(Path(order["clock"]), timedelta(seconds=order.get("ahead", 0)))
    outside = Outside(address, order["book"], KeptClock(clock.path), death.reached)  # whose clock is right
    room, cutter, busy = Room(order["url"], list(order.get("room", ()))), Cutter(order, death), None
    while True:
        try:
            busy = busy or clerk(PointedStore(open_store(cutter.address), points), firm, clock, outside, "helped" in order)
            busy.engine.worker(lease=order["worker"]).run() if "worker" in order else busy.run()
            return busy.engine.close()
        except StoreError as error:
            death.troubles.append(f"{death.last}: {error.message}")
            room.next()


def live(order: dict[str, Any], line: int, firm: Firm, address: str) -> None:
    """One life."""
    death = Death(order, line)
    try:
        if "flaw" in order:
            FLAWS[order["flaw"]]()
        work(order, firm, address, death)
        death.tell({"end": "done", **({"names": dict(death.count)} if order.get("names") else {})})
    except BaseException:
        death.tell({"end": "broken", "why": traceback.format_exc()})
    os._exit(0)


def bear(order: dict[str, Any], firm: Firm, address: str) -> dict[str, Any]:
    """Has one life lived; gives how it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        live(order, writing, firm, address)
    os.close(writing)
    hangs = not select.select([reading], [], [], order.get("seconds", order.get("patience", PATIENCE)))[0]
    if hangs:
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as told:
        said = told.read()
    status = os.waitpid(child, 0)[1]
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if hangs and "seconds" not in order:
        return {"end": "broken", "why": f"a life hangs: {order}"}
    found: dict[str, Any] = json.loads(said) if said.strip() else {"point": "anywhere"}
    if "end" in found and killed:
        found["end"] = "done"  # killed when it had nothing more to do
    assert killed or "end" in found, f"a life has ended by itself: {status}"
    return found


if __name__ == "__main__":
    firm = Firm()
    gc.collect()
    gc.freeze()  # what all lives share is not copied by looking through it
    print(json.dumps({"ready": True}), flush=True)
    for text in sys.stdin:
        print(json.dumps(bear(json.loads(text), firm, sys.argv[1])), flush=True)
