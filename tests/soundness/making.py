"""Small random processes in which flows split, meet, go round and are left: lists of steps with `next`, nested in each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from bpflow.definition.lowering import lower
from bpflow.definition.process import Process
from bpflow.definition.reading import Reading
from bpflow.definition.vocabulary import vocabulary
from bpflow.graph import Graph

Written: TypeAlias = dict[str, Any]
WHO = 'user("ivanov")'


@dataclass
class Maker:
    """Makes up a process of about `left` steps. `around`: the ids that `next` may name."""

    chance: Random
    left: int = 7
    around: list[list[str]] = field(default_factory=list)
    count: int = 0

    def id(self) -> str:
        self.count += 1
        return f"s{self.count}"

    def steps(self, depth: int, least: int = 1, most: int = 3) -> list[Written]:
        ids = [self.id() for _ in range(max(least, min(self.left, self.chance.randint(least, most))))]
        self.left -= len(ids)
        self.around.append(ids)
        made = [self.step(id, depth) for id in ids]
        self.around.pop()
        return made

    def target(self) -> str:
        """Most often a step of the same list."""
        known = self.around[-1] if self.chance.random() < 0.8 else [id for ids in self.around for id in ids]
        return self.chance.choice(["go-on", *known, *known])

    def way(self, depth: int) -> Written:
        return {"steps": self.steps(depth - 1, 1, 2)} if depth > 0 and self.left > 0 and self.chance.random() < 0.3 else {"next": self.target()}

    def step(self, id: str, depth: int) -> Written:
        kinds = ["ask", "ask", "ask", "notify", "pause", "choose", "choose", "split", "split", "split", "join", "join", "join", "end", "race"]
        kinds += ["block", "parallel", "loop", "each", "block"] if depth > 0 and self.left > 0 else []
        made: Written = {"id": id, **getattr(self, self.chance.choice(kinds))(depth - 1)}
        if "next" not in made and made["activity"] != "end" and self.chance.random() < 0.35:
            made["next"] = self.target()
        return made

    def ask(self, depth: int) -> Written:
        names = ("yes", "no", "later")[: self.chance.choice((1, 1, 2, 3))]
        ways = {name: self.way(depth) for name in names[1:]}
        return {"activity": "request-info", "to": WHO, "outcomes": {names[0]: {}, **ways}}

    def notify(self, depth: int) -> Written:
        return {"activity": "notify", "to": WHO, "text": "Hi"}

    def pause(self, depth: int) -> Written:
        return {"activity": "pause", "for": "1d"}

    def choose(self, depth: int) -> Written:
        branches = [{"when": f"c{self.count}_{n}", **self.way(depth)} for n in range(self.chance.choice((1, 1, 2)))]
        return {"activity": "condition", "branches": branches, "otherwise": self.way(depth)}

    def split(self, depth: int) -> Written:
        known = self.around[-1]
        return {"activity": "notify", "to": WHO, "text": "Hi", "next": self.chance.sample(known, min(len(known), self.chance.choice((2, 2, 3))))}

    def join(self, depth: int) -> Written:
        return {"activity": "join", **self.chance.choice(({}, {}, {"need": "any"}, {"need": 2}))}

    def end(self, depth: int) -> Written:
        return {"activity": "end", "result": "done"}

    def race(self, depth: int) -> Written:
        return {"activity": "race", "branches": {"late": {"after": "2d", **self.way(depth)}, "pressed": {"command": self.id(), **self.way(depth)}}}

    def block(self, depth: int) -> Written:
        made: Written = {"activity": "block", "steps": self.steps(depth, 1, 4)}
        if self.chance.random() < 0.4:
            cancels = self.chance.random() < 0.5
            made["meanwhile"] = [{"command": self.id(), "cancels": cancels, "steps": self.steps(depth - 1, 1, 2)}]
        return made

    def parallel(self, depth: int) -> Written:
        around, self.around = self.around, []
        branches = {name: {"steps": self.steps(depth, 1, 2), **({"when": "c"} if self.chance.random() < 0.3 else {})} for name in ("left", "right")}
        self.around = around
        return {"activity": "parallel", "branches": branches, "join": self.chance.choice(("all", "all", "any"))}

    def loop(self, depth: int) -> Written:
        return {"activity": "loop", self.chance.choice(("until", "while")): "c", "steps": self.steps(depth, 1, 3)}

    def each(self, depth: int) -> Written:
        around, self.around = self.around, []
        steps = self.steps(depth, 1, 2)
        self.around = around
        return {"activity": "for-each", "items": "[1, 2]", "as": f"i{self.count}", "in-parallel": True, "steps": steps}


def compiled(steps: list[Written]) -> Graph | None:
    """The graph of the steps; None where something is wrong with them that is no matter of soundness."""
    reading = Reading("p.yaml", vocabulary())
    process = Process.model_validate({"bpflow": 1, "id": "p", "steps": steps}, context=reading)
    made = lower(process, {}, reading=reading)
    return None if reading.findings or made.findings else made.graph


def make(chance: Random) -> list[Written]:
    """A random process."""
    return Maker(chance, chance.choice((3, 4, 5, 6, 7))).steps(chance.choice((0, 0, 1, 2)), 2, chance.choice((4, 5, 6)))
