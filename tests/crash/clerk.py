"""A program that embeds bpflow and can die at any moment: it does what a firm does in four days, and goes on where it was when it begins again.

The law of this file: it keeps nothing in memory that it needs. Whatever it does it has looked before whether it is done already, since one
that died before it could see the answer of a call does not know what became of that. Its clock stands in a file, and moves on only when
nothing is left to do: so a run with deaths and one without see the same times.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from bpflow.loading import load_workspace
from bpflow.runtime import Engine, Request, ServiceError
from bpflow.stores.contract import InstanceRow, Store, TaskEntry
from tests.crash.ledger import ask
from tests.runnable import runnable

BEGINS = datetime.fromisoformat("2026-03-02T09:30+03:00")
ENDS = BEGINS + timedelta(days=4)
CLOSED = (BEGINS + timedelta(hours=1), BEGINS + timedelta(hours=1, minutes=5))
"""When nothing can be reserved outside."""
MENDED = BEGINS + timedelta(hours=2)
"""From when on the service that was broken works."""


class KeptClock:
    """A clock that is moved by hand, and stands in a file; what it shows is wrong by `ahead`."""

    def __init__(self, path: Path, ahead: timedelta = timedelta(0)) -> None:
        self.path, self.ahead = path, ahead

    def now(self) -> datetime:
        return (datetime.fromisoformat(self.path.read_text()) if self.path.exists() else BEGINS) + self.ahead

    def set(self, at: datetime) -> None:
        new = self.path.with_suffix(".new")
        with new.open("w") as file:
            file.write((at - self.ahead).isoformat())
            file.flush()
            os.fsync(file.fileno())
        new.rename(self.path)


class Firm:
    """The workspace, and what is reckoned once of it for all lives."""

    def __init__(self) -> None:
        self.workspace = runnable(load_workspace(Path(__file__).parent / "firm"))
        self.digests = {loaded.graph.digest: loaded for loaded in self.workspace.processes.values() if loaded.graph is not None}


@dataclass(frozen=True)
class Outside:
    """The services of the firm: the ledger at that address."""

    address: str
    book: str
    clock: KeptClock
    reached: Callable[[str], None]

    def book_in(self, request: Request) -> dict[str, object]:
        """Has the ledger write something down."""
        closed = request.arguments["what"] == "reserve" and CLOSED[0] <= self.clock.now() < CLOSED[1]
        asked = {"book": self.book, "key": request.key, "closed": closed, **request.arguments}
        self.reached("service: asked")
        answer = ask(self.address, asked)
        self.reached("service: has answered")
        if "error" in answer:
            raise ServiceError("closed", "the ledger is closed")
        return answer

    def broken(self, request: Request) -> dict[str, object]:
        """Does not work before it is mended, and for one never."""
        if self.clock.now() < MENDED or request.arguments["name"] == "M2":
            raise RuntimeError("out of order")
        return {"number": 1}


@dataclass(frozen=True)
class Clerk:
    """Does the firm's work on an engine."""

    engine: Engine
    clock: KeptClock
    firm: Firm
    helped: bool = False
    """Whether workers beside do what is due, so that he only waits for them."""

    def run(self) -> None:
        """Until the end of the last day."""
        self.deploy()
        while True:
            self.do_what_is_planned()
            if self.answer() or (self.waited() if self.helped else self.engine.work().total):
                continue
            if not self.go_on():
                return

    def deploy(self) -> None:
        """Every process as it is now, unless it is deployed so; a program does so whenever it begins."""
        there = {row.digest for row in self.engine.store.deployed()}
        for digest, loaded in self.firm.digests.items():
            if digest not in there:
                self.engine.deploy(loaded)

    def waited(self) -> bool:
        """Waits until the workers have left nothing undone. False if they had not."""
        waited = False
        while self.undone():
            waited = True
            time.sleep(0.02)
        return waited

    def undone(self) -> bool:
        store, now = self.engine.store, self.clock.now()
        return self.unsent() or bool(store.due(now, 1) or store.schedules(now))

    def unsent(self) -> bool:
        store = self.engine.store
        return any(queue(1) for queue in (store.changes, store.looks, store.outbox)) or bool(store.messages(fresh=True, limit=1))

    def go_on(self) -> bool:
        """To the next time at which there is something to do."""
        now = self.clock.now()
        times = [BEGINS + after for after, _ in PLAN if BEGINS + after > now]
        if (due := self.engine.next_due()) is not None:
            times.append(due)
        if not times or min(times) > ENDS:
            return False
        assert min(times) > now, f"what is due at {min(times)} is not done"
        self.clock.set(min(times))
        return True

    def do_what_is_planned(self) -> None:
        """What is planned for later comes when all is sent that came of the earlier, though the clock has jumped from one to the other: else a call
        could be taken back before it was made."""
        for after, deeds in groupby(PLAN, key=lambda planned: planned[0]):
            if BEGINS + after > self.clock.now():
                return
            if not self.helped and self.unsent():
                self.engine.work(stop=lambda: not self.unsent())  # what is due comes after that
            for _, deed in deeds:
                deed(self)

    # ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────
    def answer(self) -> bool:
        """Answers the first task that somebody has an answer to; which is the first, does not hang on numbers."""
        return any(self.answers(task) for task in sorted(self.engine.tasks(), key=lambda task: (task.subject, task.party)))

    def answers(self, task: TaskEntry) -> bool:
        kind, _, who = task.party.partition(":")
        answer = self.engine.answer
        match task.node.rpartition("/")[2], task.subject:
            case "agree", subject:
                answer(task.id, by=who, outcome="rejected" if "O3" in subject else "approved")
            case "hand", subject if "O2" not in subject or task.overdue:
                if kind == "role":
                    self.engine.claim(task.id, by="petrova")
                else:
                    answer(task.id, by=who, values={"signed": subject})
            case "ask", "How was O1?":
                answer(task.id, by=who)
            case "ask", "Stop S3?" if self.clock.now() > BEGINS + timedelta(hours=40):
                answer(task.id, by=who)
            case "sign", _:
                answer(task.id, by=who)
            case _, subject if subject.startswith("Thank"):
                answer(task.id, by=who)
            case _:
                return False
        return True

    # ── looking ────────────────────────────────────────────────────────────────────────────────────────────────────
    def document(self, type: str, name: str) -> Any:
        return next((row for row in self.engine.documents(type) if row.fields["name"] == name), None)

    def instance(self, process: str, name: str) -> InstanceRow | None:
        rows = self.engine.instances(process)
        return next((row for row in rows if self.engine.instance(row.id).names.get("name") == name), None)


# ── deeds: each looks first whether it has been done ────────────────────────────────────────────────────────────────
Deed = Callable[[Clerk], None]


def create(type: str, name: str, **fields: str) -> Deed:
    def deed(clerk: Clerk) -> None:
        if clerk.document(type, name) is None:
            refs = {field: str(clerk.document(field, other).ref.id) for field, other in fields.items()}
            more = {field: f"{field}:{id}" for field, id in refs.items()}
            clerk.engine.create_document(type, {"name": name, **({"status": "new"} if type == "order" else {}), **more})

    return deed


def open_order(name: str, amount: int) -> Deed:
    def deed(clerk: Clerk) -> None:
        row = clerk.document("order", name)
        if row.fields["status"] == "new":
            clerk.engine.set_document(row.ref, {"status": "open", "sum": amount})

    return deed


def start(process: str, name: str) -> Deed:
    def deed(clerk: Clerk) -> None:
        if clerk.instance(process, name) is None:
            clerk.engine.start(process, inputs={"name": name})

    return deed


def message(name: str, key: str, **values: object) -> Deed:
    return lambda clerk: void(clerk.engine.send_message(name, key, values, id=f"{name}/{key}"))


def absent(person: str, first: str, last: str) -> Deed:
    def deed(clerk: Clerk) -> None:
        if not clerk.engine.absences(person):
            clerk.engine.absent(person, first, last)

    return deed


def operate(process: str, name: str, status: str, deed: Callable[[Engine, int], object], unless: str = "") -> Deed:
    """Does something to an instance that is in that status, unless its timeline tells of it."""

    def act(clerk: Clerk) -> None:
        row = clerk.instance(process, name)
        if row is not None and row.status == status and not any(line.kind == unless for line in clerk.engine.timeline(row.id)):
            deed(clerk.engine, row.id)

    return act


def repair(name: str, deed: Callable[[Engine, int, int], object]) -> Deed:
    """Does something about the incident of an instance, if there is one."""

    def act(clerk: Clerk) -> None:
        row = clerk.instance("mended", name)
        for incident in clerk.engine.incidents() if row else ():
            if row is not None and incident.instance == row.id:
                deed(clerk.engine, row.id, incident.id)

    return act


def move(name: str, stage: str) -> Deed:
    def deed(clerk: Clerk) -> None:
        row = clerk.document("deal", name)
        if row.fields["stage"] != stage:
            (instance,) = clerk.engine.instances("sales", document=row.ref)
            clerk.engine.move(instance.id, stage, by="boss")

    return deed


def void(_: object) -> None:
    pass


def at(*, minutes: int = 0, hours: int = 0) -> timedelta:
    return timedelta(minutes=minutes, hours=hours)


PLAN: list[tuple[timedelta, Deed]] = [
    (at(), create("account", "A")),
    (at(), create("deal", "D1")),
    (at(), create("deal", "D2")),
    (at(), create("order", "O1", account="A", deal="D1")),
    (at(), create("order", "O2", account="A")),
    (at(), create("order", "O3")),
    (at(), start("herd", "H1")),
    (at(), start("mended", "M1")),
    (at(), start("mended", "M2")),
    (at(), start("stopped", "S1")),
    (at(), start("stopped", "S2")),
    (at(), start("stopped", "S3")),
    (at(minutes=30), operate("stopped", "S3", "running", lambda engine, id: engine.suspend(id), unless="suspend")),
    (at(minutes=45), absent("orlov", "2026-03-03", "2026-03-04")),
    (at(hours=1), message("leave", "L1", who="ivanov")),
    (at(minutes=62), open_order("O1", 10)),
    (at(minutes=62), open_order("O2", 20)),
    (at(hours=2), operate("stopped", "S1", "running", lambda engine, id: engine.cancel(id))),
    (at(hours=2), operate("stopped", "S2", "running", lambda engine, id: engine.command(id, "withdraw", by="boss"))),
    (at(hours=3), repair("M1", lambda engine, id, incident: engine.retry(id, incident))),
    (at(hours=3), repair("M2", lambda engine, id, incident: engine.skip(id, incident, results={"number": 2}))),
    (at(hours=4), message("money", "O1", sum=7)),
    (at(hours=5), move("D2", "lost")),
    (at(hours=26), open_order("O3", 30)),
    (at(hours=30), operate("stopped", "S3", "suspended", lambda engine, id: engine.resume(id))),
]
"""What comes from outside, and when."""


def clerk(store: Store, firm: Firm, clock: KeptClock, outside: Outside, helped: bool = False) -> Clerk:
    """A clerk at work on a store."""
    return Clerk(Engine(store, firm.workspace, clock, {"book": outside.book_in, "broken": outside.broken}), clock, firm, helped)
