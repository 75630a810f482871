"""A random walk through instances of a random process, on a real engine with a database file: anything that can happen, and what cannot.

The law of this file: after each deed, whatever came of it, everything that must hold is looked at (`checking`), and nothing but Refused
may have been raised. A deed is one method; which deeds there are, and how often, says `DEEDS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bpflow.diagnostics import Refused
from bpflow.expressions.data import Document
from bpflow.graph import Trigger, Wait
from bpflow.loading import Loaded, LoadedWorkspace
from bpflow.runtime import Engine, VirtualClock, open_engine
from bpflow.services.request import Request, ServiceError
from bpflow.values import Field
from tests.runtime.looking import stored
from tests.whole.checking import Checked, check

START = datetime.fromisoformat("2026-03-02T10:00+03:00")
PEOPLE = ("ivanov", "petrova", "boss", "ivanov", "petrova", "stranger")
CHANGES: tuple[dict[str, object], ...] = (
    {"status": "open"},
    {"status": "new"},
    {"status": "won"},
    {"amount": 0},
    {"amount": 7},
    {"amount": 2},
    {"amount": None},
    {"ready": True},
    {"ready": False},
    {"responsible": "petrova"},
    {"responsible": None},
    {"responsible": "ivanov"},
    {"deadline": None},
    {"tags": ["a", "b"]},
    {"tags": []},
    {"parts": [1, 2, 3, 0]},
    {"parts": None},
)


class Walk:
    """Somebody who does anything. `number(below)` decides; of the processes the first is started, the others may be called; `seen` are the
    ids of tasks that there have been."""

    def __init__(self, db: Path, workspace: LoadedWorkspace, loaded: Sequence[Loaded], number: Callable[[int], int]) -> None:
        self.db, self.workspace, self.number = db, workspace, number
        self.clock = VirtualClock(START)
        self.deeds: Counter[str] = Counter()
        self.checked: dict[int, Checked] = {}
        self.seen: list[str] = []
        self.engine = self.opened()
        self.process, *_ = [self.engine.deploy(one).process for one in loaded]
        self.deal = new_deal(self.engine, self.clock)

    def opened(self) -> Engine:
        return opened(f"sqlite:///{self.db}?sync=normal", self.workspace, self.clock, self.number)

    def pick(self, among: Sequence[Any]) -> Any:
        return among[self.number(len(among))]

    def go(self, steps: int) -> None:
        """So many deeds, a few of them after all has ended."""
        try:
            self.do(self.start)
            after = 4
            while steps and after:
                self.do(self.pick(DEEDS).__get__(self))
                steps -= 1
                after -= not self.running()
            for one in self.checked:
                check(self.engine, one, None)
        finally:
            self.engine.close()

    def do(self, deed: Callable[[], None]) -> None:
        """One deed; then all is forgotten that is not in the store, and looked at."""
        try:
            deed()
            self.deeds[deed.__name__] += 1
        except Refused:
            self.deeds[f"{deed.__name__} refused"] += 1
        self.look()
        self.engine.runner.cache.clear()
        if self.number(6) == 0:
            self.engine.close()
            self.engine = self.opened()

    def look(self) -> None:
        for row in self.engine.instances():
            known = self.checked.get(row.id)
            if known is None or known.revision != row.revision:
                self.checked[row.id] = check(self.engine, row.id, known)
                self.engine.instance(row.id)
                self.engine.timeline(row.id)
        assert not [incident for incident in self.engine.incidents() if incident.kind == "broken"]
        self.deeds["incident"] = max(self.deeds["incident"], sum(row.incidents for row in self.engine.instances()))
        self.seen += [task.id for task in self.engine.tasks() if task.id not in self.seen]

    def running(self) -> list[int]:
        return [row.id for row in self.engine.instances(status="running")]

    # ── people ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def start(self) -> None:
        if len(self.engine.instances()) < 3:
            self.engine.start(self.process, document=self.deal, by=self.pick(("ivanov", "boss", None)))

    def answer(self) -> None:
        tasks = self.engine.tasks()
        if not tasks:
            return self.wait()
        task = self.pick(tasks)
        view = self.engine.task(task.id)
        outcome = self.pick(view.outcomes)
        values = {name: value for name, f in outcome.fields if (value := self.value(f)) is not None}
        comment = "Так" if outcome.comment == "required" or (outcome.comment == "optional" and self.number(4) == 0) else None
        member = {"department:sales": "petrova", "role:clerk": "boss"}.get(task.party, task.party.partition(":")[2])
        self.engine.answer(task.id, by=member if self.number(12) else self.pick(PEOPLE), outcome=outcome.name, values=values, comment=comment)

    def tick(self) -> None:
        tasks = self.engine.tasks()
        task = self.pick(tasks) if tasks else None
        items = self.engine.task(task.id).checklist if task else ()
        if task is None or not items:
            return self.answer()
        member = {"department:sales": "petrova", "role:clerk": "boss"}.get(task.party, task.party.partition(":")[2])
        number = self.number(len(items) + 1)
        self.engine.tick(task.id, number + 1, by=member, done=number >= len(items) or items[number].by is None)

    def value(self, f: Field) -> object:
        if self.number(15) == 0:
            return self.pick((None, "?", -1))
        given: dict[str, object] = {"date": "2026-03-04", "choice": "big", "user": "petrova", "integer": self.number(9)}
        return given.get(f.kind, "текст") if not f.many else ["a", "b"]

    def hand(self) -> None:
        """A task is claimed, given back, delegated or taken from somebody; often it may not be."""
        tasks = self.engine.tasks()
        if not tasks:
            return self.work()
        task = self.pick(tasks)
        assert self.engine.who(task.id).waiting is not None
        kind, _, name = task.party.partition(":")
        by, to = name if kind == "user" and self.number(4) else self.pick(PEOPLE), self.pick(PEOPLE)
        match self.number(5):
            case 0 | 1:
                self.engine.claim(task.id, by=self.pick(PEOPLE))
            case 2:
                self.engine.release(task.id, by=by)
            case 3:
                self.engine.delegate(task.id, by=by, to=to, comment=self.pick((None, "Прошу")))
            case _:
                would = self.engine.reassign(by, self.pick((to, None)), by="boss", why="Ушёл", dry_run=self.number(2) == 0)
                self.deeds["reassigned"] += sum(one.reason is None for one in would)

    def answer_wrongly(self) -> None:
        """A task that is closed perhaps, an outcome that is not there, a field that is none."""
        if self.seen:
            task, outcome = self.pick(self.seen), self.pick(("done", "yes", "no", "never", "later"))
            self.engine.answer(task, by=self.pick(PEOPLE), outcome=outcome, values=self.pick(({}, {"n": "x"}, {"nothing": 1})))

    def change(self) -> None:
        changed = self.pick((*CHANGES, {"deadline": self.clock.now() + timedelta(hours=self.number(9) - 2)}))
        self.engine.set_document(self.deal, changed, by=self.pick(("ivanov", None)))
        if self.number(4) == 0:
            self.engine.work()

    def command(self) -> None:
        """A button, of a wait or of what may happen meanwhile; sometimes one that is not there, or by somebody else."""
        buttons = [button for id in self.running() for button in self.engine.commands(id)]
        if not buttons:
            return self.message()
        button = self.pick(buttons)
        values = {name: value for name, f in button.form.fields if (value := self.value(f)) is not None}
        comment = "Так" if button.form.comment == "required" else None
        self.engine.command(button.instance, button.name, by=self.pick(PEOPLE), values=values, comment=comment, place=self.pick((None, button.place)))

    # ── machines ───────────────────────────────────────────────────────────────────────────────────────────────────
    def message(self) -> None:
        """A message that somebody waits for, or that perhaps nobody does."""
        listens = [(id, arm) for id in self.running() for arm in arms_of(self.engine, id) if arm[2].kind == "message"]
        name, key = key_of(self.engine, *self.pick(listens)) if listens and self.number(4) else (self.pick(("ping", "pong")), self.pick((None, 1)))
        self.engine.send_message(name, key, self.pick(({"v": 1}, {}, {"v": "?"})), keep=self.pick((None, "0h", "2h")), id=self.pick((None, None, "once")))

    def wait(self) -> None:
        """Until the next timer, or for a while."""
        due = self.engine.next_due()
        if due is not None and self.number(4):
            self.clock.set(due)
        else:
            self.clock.forward(timedelta(minutes=self.pick((0, 5, 90, 1500))))
        self.engine.work()

    def work(self) -> None:
        self.engine.work(limit=1)

    # ── operators ──────────────────────────────────────────────────────────────────────────────────────────────────
    def repair(self) -> None:
        incidents = self.engine.incidents()
        if not incidents:
            return self.change()
        incident = self.pick(incidents)
        self.deeds["repaired"] += 1
        if self.number(2):
            self.engine.retry(incident.instance, incident.id, by="boss", why="Ещё раз")
            return
        branch = self.pick((None, None, None, "1", "otherwise", "yes", "no", "done"))
        self.engine.skip(incident.instance, incident.id, by="boss", results=self.pick(({}, {"x": 1})), branch=branch)

    def operate(self) -> None:
        """Suspends or resumes, corrects a variable, or moves a token."""
        instances = [row.id for row in self.engine.instances() if row.ended is None]
        if not instances:
            return self.start()
        id = self.pick(instances)
        view = self.engine.instance(id)
        if view.suspended is not None:
            self.engine.resume(id, by="boss")
        elif self.number(3) == 0:
            self.engine.suspend(id, by="boss", why="Обед")
        elif self.number(2):
            self.engine.correct(id, self.pick(({"x": 3}, {"x": 0}, {"flag": True}, {"y": "?"}, {"who": "petrova"})), by="boss")
        else:
            tokens = [token for token, state in stored(self.engine, id).state.tokens.items() if state.status in ("waiting", "held")]
            steps = [step.path for step in stored(self.engine, id).program.graph.steps]
            self.engine.jump(id, self.pick(tokens or [1]), self.pick(steps), by="boss")

    def cancel(self) -> None:
        running = self.running()
        if running and self.number(20) == 0:
            self.engine.cancel(self.pick(running), by="boss", why="Хватит")


def arms_of(engine: Engine, id: int) -> list[tuple[int, int, Trigger]]:
    """Everything that an instance could be woken by: who waits, the number of the arm, and for what."""
    held, found = stored(engine, id), list[tuple[int, int, Trigger]]()
    assert held.state is not None
    for token in held.state.tokens.values():
        node = held.program.nodes.get(token.node)
        found += [(token.id, n, trigger) for n, (trigger, _) in enumerate(node.arms)] if isinstance(node, Wait) else []
    for scope in held.state.scopes.values():
        found += [(scope.id, n, handler.trigger) for n, handler in enumerate(held.program.handlers.get(scope.block, ()))]
    return found


def key_of(engine: Engine, id: int, arm: tuple[int, int, Trigger]) -> tuple[str, Any]:
    """The name and the key of the message that an arm listens for; without a key where it does not listen now."""
    state = stored(engine, id).state
    assert state is not None
    holder, number, trigger = arm
    token, scope = state.tokens.get(holder), state.scopes.get(holder)
    arms = token.waiting.arms if token and token.waiting else scope.arms if scope else None
    return arms.listening.get(number, (trigger.name, None)) if arms else (trigger.name, None)


def opened(url: str, workspace: LoadedWorkspace, clock: VirtualClock, number: Callable[[int], int] = lambda below: 0) -> Engine:
    """An engine with a service, which may say no, or break."""

    def crm(request: Request) -> dict[str, object]:
        match number(5):
            case 1:
                raise ServiceError("no_money", "no money")
            case 2:
                raise ValueError("broken")
        return {"v": request.arguments.get("v"), "key": request.key}

    return open_engine(url, workspace, clock, {"crm": crm})


def new_deal(engine: Engine, clock: VirtualClock) -> Document:
    """The document that the instances are about, with another above it."""
    parent = engine.create_document("deal", {"name": "Главная", "status": "new"})
    fields = {"name": "Сделка", "status": "new", "responsible": "ivanov", "amount": 4, "parts": [3, 1], "tags": ["a"], "parent": parent}
    return engine.create_document("deal", {**fields, "deadline": clock.now() + timedelta(hours=5)})


DEEDS = (
    *[Walk.answer] * 6,
    *[Walk.tick] * 2,
    *[Walk.hand] * 3,
    *[Walk.wait] * 4,
    *[Walk.change] * 4,
    *[Walk.command] * 2,
    *[Walk.message, Walk.work] * 2,
    *[Walk.repair] * 4,
    *[Walk.answer_wrongly, Walk.start, Walk.cancel],
    *[Walk.operate] * 2,
)
