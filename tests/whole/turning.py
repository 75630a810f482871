"""A loop around random steps, walked straight on for many turns: what the state takes must not depend on how many there have been."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from bpflow.diagnostics import Refused
from bpflow.engine.pages import encode
from bpflow.loading import Loaded, LoadedWorkspace
from bpflow.runtime import VirtualClock
from tests.runtime.looking import stored
from tests.whole.making import Maker, Written, head
from tests.whole.walking import START, arms_of, key_of, new_deal, opened

CHANGES: tuple[dict[str, object], ...] = (
    {"status": "open", "ready": True, "amount": 7, "tags": ["a", "b"]},
    {"status": "won", "ready": False, "responsible": "petrova"},
    {"status": "new", "amount": 2, "responsible": "ivanov", "tags": []},
)


def make_loop(number: Callable[[int, int], int], depth: int, size: int) -> Written:
    """A process that goes round for ever, with a task at the beginning of each turn."""
    maker = Maker(number, size, ends=False)
    mark: Written = {"id": "mark", "activity": "request-info", "to": 'user("boss")'}
    body = [mark, *maker.steps(depth, 1, 3)]
    if maker.chance(3):  # the same without the word for it
        return {**head("p"), "steps": [*body, {"id": "again", "activity": "pause", "for": "1h", "next": "mark"}]}
    return {**head("p"), "steps": [{"id": "turns", "activity": "loop", "until": False, "steps": body}]}


class Turning:
    """An instance that is driven on: answered, waited for, changed, pressed, whatever it waits for."""

    def __init__(self, workspace: LoadedWorkspace, loaded: Loaded) -> None:
        self.clock = VirtualClock(START)
        self.engine = opened(":memory:", workspace, self.clock)
        self.deal = new_deal(self.engine, self.clock)
        self.id = self.engine.start(self.engine.deploy(loaded).process, document=self.deal, by="ivanov")
        self.sizes: list[int] = []
        self.repaired = 0
        self.tried: Counter[str] = Counter()

    def turn(self, times: int) -> bool:
        """So many turns; false if it does not come so far."""
        left = times * 8
        while len(self.sizes) < times and left and self.repaired < times * 2:
            left -= 1
            held = stored(self.engine, self.id)
            assert held.state is not None
            if held.state.status != "running":
                return False
            if self.at_the_mark():
                written = encode(held.program, held.state)
                self.sizes.append(sum(len(re.sub(rb"\d+", b"0", data)) for data in (written.root, *written.pages.values())))
            self.push(left)
        return len(self.sizes) == times

    def at_the_mark(self) -> bool:
        where = [one for one in self.engine.instance(self.id).where if one.kind != "block"]
        return len(where) == 1 and where[0].path.endswith("mark")

    def push(self, number: int) -> None:
        """Does the first thing that can be done, a task before a date, a date before anything else."""
        if incidents := self.engine.incidents():
            return self.repair(incidents[0].id)
        tasks, due = self.engine.tasks(instance=self.id), self.engine.next_due()
        try:
            if tasks:
                self.answer(tasks[number % len(tasks)].id)
            elif due is not None:
                self.clock.set(due)
            else:
                self.other(number)
        except Refused:
            self.clock.forward(timedelta(hours=1))
        self.engine.work()

    def repair(self, incident: int) -> None:
        """Passes what is wrong over, by whatever way there is."""
        self.repaired += 1
        for branch in (None, "otherwise", "1", "done", "yes"):
            with suppress(Refused):
                self.engine.skip(self.id, incident, branch=branch, by="boss")
                return
        with suppress(Refused):
            self.engine.retry(self.id, incident, by="boss")

    def answer(self, task: str) -> None:
        view = self.engine.task(task)
        values: dict[str, object] = {"integer": 4, "date": "2026-03-04", "choice": "big"}
        outcome = view.outcomes[0 if self.repeated(task) < 3 else -1]  # the first may wait for a condition
        form = {name: values[f.kind] for name, f in outcome.fields if f.kind in values}
        party = {"department:sales": "petrova", "role:clerk": "boss"}.get(next(one.party for one in self.engine.tasks(instance=self.id) if one.id == task))
        by = party or view.people[0].party.id
        for item in (item for item in view.checklist if item.by is None):
            self.engine.tick(task, item.text, by=by)
        self.engine.answer(task, by=by, outcome=outcome.name, values=form, comment="Так" if outcome.comment == "required" else None)

    def repeated(self, task: str) -> int:
        """How often it has been tried to answer the task before."""
        self.tried[task] += 1
        return self.tried[task] - 1

    def other(self, number: int) -> None:
        """A message, a button, or a change of the document."""
        buttons, listens = self.engine.commands(self.id), [arm for arm in arms_of(self.engine, self.id) if arm[2].kind == "message"]
        if buttons and number % 3 == 0:
            self.engine.command(self.id, buttons[0].name, by="ivanov", values={name: 1 for name, _ in buttons[0].form.fields})
        elif listens and number % 3 == 1:
            self.engine.send_message(*key_of(self.engine, self.id, listens[0]), {"v": 1}, keep="0h")
        else:
            self.engine.set_document(self.deal, CHANGES[number % len(CHANGES)])
