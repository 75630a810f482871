"""One of several programs that hammer the same instances: `python -m tests.runtime.hammering URL FOLDER NUMBER DEEDS AT`.

It says on its output what was accepted and what was refused, each deed by its mark, which no other deed has. The last program also works.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

from bpflow.diagnostics import Refused
from bpflow.runtime import Engine, VirtualClock, open_engine
from bpflow.runtime.rounds import Rounds
from bpflow.stores.contract import Conflict, StoreError
from bpflow.stores.entries import TaskEntry

FILES = {
    "bpflow.yaml": "timezone: UTC\n",
    "directory.yaml": "people:\n  boss: {name: Boss}\n",
    "documents/deal.yaml": """\
type: deal
title: Deal
title-field: name
fields: {name: {type: string, title: Name}, mark: {type: integer}, seen: {type: integer}}
""",
    "child.yaml": """\
bpflow: 1
id: child
title: Child
steps:
  - {activity: pause, until: now + minutes(1)}
  - {activity: end, result: done}
""",
    "target.yaml": """\
bpflow: 1
id: target
title: Target
document: deal
meanwhile:
  - {message: ping, key: document, cancels: false, values: {mark: {type: integer}}, steps: [{activity: notify, to: user("boss"), text: Ping}]}
  - {changed: 'coalesce(document.mark, 0) > 0', cancels: false, steps: [{activity: notify, to: user("boss"), text: Seen}]}
  - {command: poke, cancels: false, fields: {mark: {type: integer}}, steps: [{activity: notify, to: user("boss"), text: Poke}]}
steps:
  - id: turns
    activity: loop
    title: Turns
    until: turns.turn == 100000
    steps:
      - id: ask
        activity: request-info
        title: Mark?
        to: user("boss")
        due: none
        outcomes: {done: {fields: {mark: {type: integer}}}}
      - id: either
        activity: parallel
        title: Either
        branches:
          got: {steps: [{activity: wait-message, message: paid, key: document, values: {mark: {type: integer}}}]}
          sub: {steps: [{activity: call-process, process: child}, {activity: send-message, message: paid, key: document, values: {mark: 0}}]}
      - {activity: update-document, set: {seen: '$(coalesce(document.seen, 0) + 1)'}}
""",
}
PER_DEED = 1_000_000
"""So many marks a program has: they begin with its number."""


class Hammer:
    def __init__(self, engine: Engine, number: int) -> None:
        self.engine, self.number = engine, number
        self.chance = random.Random(number)
        self.mark = number * PER_DEED
        self.said: dict[str, list[tuple[int, int]]] = {}
        self.refused: list[int] = []
        self.reasons: set[str] = set()
        self.tasks: list[TaskEntry] = []

    def deeds(self) -> list[Callable[[int], tuple[str, int] | None]]:
        return [self.answer] * 6 + [self.pay] * 4 + [self.ping] * 2 + [self.poke] * 2 + [self.change] * 4 + [self.cancel] + [self.work] * 3

    def hammer(self, count: int) -> None:
        for _ in range(count):
            self.mark += 1
            deed = self.chance.choice(self.deeds())
            try:
                done = deed(self.mark)
            except StoreError:
                raise  # nobody can say whether it was done
            except (Refused, Conflict) as error:
                self.refused.append(self.mark)
                self.reasons.add(f"{deed.__name__}: {type(error).__name__}")
                continue
            if done is not None:
                self.said.setdefault(done[0], []).append((done[1], self.mark))

    def some(self) -> tuple[int, str] | None:
        """An instance and its document."""
        rows = self.engine.instances("target", limit=60)
        row = self.chance.choice(rows)
        assert row.document is not None
        return row.id, f"deal:{row.document.id}"

    def answer(self, mark: int) -> tuple[str, int] | None:
        """A task of a list that was read some time ago: it may be closed by now."""
        if not self.tasks or self.chance.random() < 0.1:
            self.tasks = self.engine.tasks("boss", limit=10)
        if not self.tasks:
            return None
        task = self.chance.choice(self.tasks)
        self.engine.answer(task.id, by="boss", values={"mark": mark})
        return "answered", task.instance

    def pay(self, mark: int) -> tuple[str, int]:
        return self.send("paid", mark)

    def ping(self, mark: int) -> tuple[str, int]:
        return self.send("ping", mark)

    def send(self, message: str, mark: int) -> tuple[str, int]:
        id, document = self.some() or (0, "")
        self.engine.send_message(message, self.engine.document(document).ref, {"mark": mark})
        return "sent", id

    def poke(self, mark: int) -> tuple[str, int]:
        id, _ = self.some() or (0, "")
        self.engine.command(id, "poke", by="boss", values={"mark": mark})
        return "poked", id

    def change(self, mark: int) -> tuple[str, int]:
        id, document = self.some() or (0, "")
        self.engine.set_document(document, {"mark": mark})
        return "changed", id

    def cancel(self, mark: int) -> tuple[str, int] | None:
        if self.chance.random() > 0.2:
            return None
        id, _ = self.some() or (0, "")
        self.engine.cancel(id, why=str(mark))
        return "cancelled", id

    def work(self, _: int) -> None:
        assert isinstance(self.engine.clock, VirtualClock)
        self.engine.clock.forward(timedelta(seconds=self.chance.randint(0, 40)))
        self.engine.work() if self.chance.random() < 0.7 else Rounds(self.engine._drain, limit=20).work()


def main(url: str, folder: str, number: str, deeds: str, at: str) -> None:
    with open_engine(url, folder, VirtualClock(datetime.fromisoformat(at))) as engine:
        hammer = Hammer(engine, int(number))
        print("ready", flush=True)
        sys.stdin.readline()
        hammer.hammer(int(deeds))
    print(json.dumps({"accepted": hammer.said, "refused": hammer.refused, "reasons": sorted(hammer.reasons)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
