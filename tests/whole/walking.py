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
from bpflow.engine.events import Arrived, Commanded
from bpflow.engine.state import State
from bpflow.expressions.data import User
from bpflow.graph import Outcome, Trigger, Wait
from bpflow.loading import Loaded, LoadedWorkspace
from bpflow.runtime import Engine, VirtualClock, open_engine
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
    """Somebody who does anything. `number(below)` decides; `seen` are the ids of tasks that there have been."""

    def __init__(self, db: Path, workspace: LoadedWorkspace, loaded: Loaded, number: Callable[[int], int]) -> None:
        self.db, self.workspace, self.number = db, workspace, number
        self.clock = VirtualClock(START)
        self.deeds: Counter[str] = Counter()
        self.checked: dict[int, Checked] = {}
        self.seen: list[str] = []
        self.engine = self.opened()
        self.process = self.engine.deploy(loaded).process
        parent = self.engine.create_document("deal", {"name": "Главная", "status": "new"})
        fields = {"name": "Сделка", "status": "new", "responsible": "ivanov", "amount": 4, "parts": [3, 1], "tags": ["a"], "parent": parent}
        self.deal = self.engine.create_document("deal", {**fields, "deadline": self.clock.now() + timedelta(hours=5)})

    def opened(self) -> Engine:
        return open_engine(f"sqlite:///{self.db}?sync=normal", self.workspace, self.clock)

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
        self.deeds["incident"] = max(self.deeds["incident"], sum(row.incidents for row in self.engine.instances()))
        self.seen += [task.id for task in self.engine.tasks() if task.id not in self.seen]

    def running(self) -> list[int]:
        return [row.id for row in self.engine.instances(status="running")]

    def some(self) -> tuple[int, State] | None:
        """A running instance."""
        running = self.running()
        if not running:
            return None
        id = self.pick(running)
        state = stored(self.engine, id).state
        assert state is not None
        return id, state

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

    def value(self, f: Field) -> object:
        if self.number(15) == 0:
            return self.pick((None, "?", -1))
        given: dict[str, object] = {"date": "2026-03-04", "choice": "big", "user": "petrova", "integer": self.number(9)}
        return given.get(f.kind, "текст") if not f.many else ["a", "b"]

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
        """A button, of a wait or of what may happen meanwhile."""
        found = self.some()
        if found is None:
            return
        id, state = found
        buttons = [(holder, arm) for holder, arm, trigger in self.arms(id, state) if trigger.kind == "command"]
        if not buttons:
            return self.message()
        values = self.pick(({}, {"n": 2}))
        self.engine._happen(id, Commanded(self.clock.now(), User(self.pick(PEOPLE)), *self.pick(buttons), values))

    def arms(self, id: int, state: State) -> list[tuple[int, int, Trigger]]:
        program = stored(self.engine, id).program
        found = []
        for token in state.tokens.values():
            node = program.nodes.get(token.node)
            found += [(token.id, n, trigger) for n, (trigger, _) in enumerate(node.arms)] if isinstance(node, Wait) else []
        for scope in state.scopes.values():
            found += [(scope.id, n, handler.trigger) for n, handler in enumerate(program.handlers.get(scope.block, ()))]
        return found

    # ── machines ───────────────────────────────────────────────────────────────────────────────────────────────────
    def message(self) -> None:
        found = self.some()
        listens = [(holder, arm) for holder, arms in holders(found[1]) for arm in arms] if found else []
        if found and listens:
            self.engine._happen(found[0], Arrived(self.clock.now(), *self.pick(listens), {"v": 1}))

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
            return self.engine.retry(incident.instance, incident.id, by="boss", why="Ещё раз")
        branch = self.pick((None, None, None, "1", "otherwise", "yes", "no", "done"))
        self.engine.skip(incident.instance, incident.id, by="boss", results=self.pick(({}, {"x": 1})), branch=branch)

    def cancel(self) -> None:
        running = self.running()
        if running and self.number(8) == 0:
            self.engine.cancel(self.pick(running), by="boss", why="Хватит")


def holders(state: State) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = [(token.id, token.waiting.arms.listening) for token in state.tokens.values() if token.waiting]
    return found + [(scope.id, scope.arms.listening) for scope in state.scopes.values() if scope.arms]


DEEDS = (
    *[Walk.answer] * 6,
    *[Walk.wait] * 4,
    *[Walk.change] * 4,
    *[Walk.command] * 2,
    *[Walk.message, Walk.work] * 2,
    *[Walk.repair] * 4,
    *[Walk.answer_wrongly, Walk.start, Walk.cancel],
)

__all__ = ["Outcome", "Walk"]
