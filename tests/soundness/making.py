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


def free(name: str) -> str:
    """A condition of which nothing is known, whatever has happened before."""
    return f'is_absent(user("{name}"))'


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
        branches = [{"when": free(self.id()), **self.way(depth)} for _ in range(self.chance.choice((1, 1, 2)))]
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
            made["steps"].insert(0, {"activity": "pause", "for": "1d"})  # while nothing is waited for, nothing happens meanwhile
            made["meanwhile"] = [{"command": self.id(), "cancels": cancels, "steps": self.steps(depth - 1, 1, 2)}]
        return made

    def parallel(self, depth: int) -> Written:
        around, self.around = self.around, []
        branches = {name: {"steps": self.steps(depth, 1, 2), **({"when": free(name)} if self.chance.random() < 0.3 else {})} for name in ("left", "right")}
        self.around = around
        return {"activity": "parallel", "branches": branches, "join": self.chance.choice(("all", "all", "any"))}

    def loop(self, depth: int) -> Written:
        return {"activity": "loop", self.chance.choice(("until", "while")): free(self.id()), "steps": self.steps(depth, 1, 3)}

    def each(self, depth: int) -> Written:
        around, self.around = self.around, []
        steps = self.steps(depth, 1, 2)
        self.around = around
        return {"activity": "for-each", "items": "[1]", "as": f"i{self.count}", "in-parallel": True, "steps": steps}


def compiled(steps: list[Written]) -> Graph | None:
    """The graph of the steps; None where something is wrong with them that is no matter of soundness."""
    reading = Reading("p.yaml", vocabulary())
    process = Process.model_validate({"bpflow": 1, "id": "p", "steps": steps}, context=reading)
    made = lower(process, {}, reading=reading)
    return None if reading.findings or made.findings else made.graph


def make(chance: Random) -> list[Written]:
    """A random process."""
    return Maker(chance, chance.choice((3, 4, 5, 6, 7))).steps(chance.choice((0, 0, 1, 2)), 2, chance.choice((4, 5, 6)))


# ── sound by construction ───────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Sound:
    """Makes up flat processes in which everything comes to its end: each piece has one way in, and goes on to one step that is there."""

    chance: Random
    left: int = 12
    count: int = 0
    made: list[list[Written]] = field(default_factory=lambda: [[]])

    def id(self) -> str:
        self.count += 1
        self.left -= 1
        return f"s{self.count}"

    def add(self, **step: Any) -> str:
        """Adds a step to the list that is being made; its id."""
        self.made[-1].append(step)
        return str(step["id"])

    def piece(self, then: str, depth: int, apart: bool = False) -> str:
        """A piece of a process that goes on to the step `then`; the step by which it is entered."""
        kinds = [self.ask, self.notify, self.pause]
        kinds += (
            [self.series, self.series, self.choice, self.choose, self.split, self.split, self.again, self.nested, self.nested]
            if depth > 0 and self.left > 0
            else []
        )
        if self.chance.random() < 0.06:
            return self.add(id=self.id(), activity="end", result="done")
        return self.chance.choice(kinds)(then, depth - 1)

    def ask(self, then: str, depth: int) -> str:
        return self.add(id=self.id(), activity="request-info", to=WHO, next=then)

    def notify(self, then: str, depth: int) -> str:
        return self.add(id=self.id(), activity="notify", to=WHO, text="Hi", next=then)

    def pause(self, then: str, depth: int) -> str:
        return self.add(id=self.id(), activity="pause", next=then, **{"for": "1d"})

    def series(self, then: str, depth: int) -> str:
        return self.piece(self.piece(then, depth), depth)

    def choice(self, then: str, depth: int) -> str:
        """Outcomes, or branches of a race, that lead to pieces of their own."""
        ways = {name: {"next": self.piece(then, depth)} for name in ("yes", "no", "later")[: self.chance.choice((2, 3))]}
        if self.chance.random() < 0.3:
            triggers: tuple[Written, ...] = ({"after": "1d"}, {"command": self.id()}, {"command": self.id()})
            branches = {name: {**trigger, **way} for (name, way), trigger in zip(ways.items(), triggers, strict=False)}
            return self.add(id=self.id(), activity="race", branches=branches)
        return self.add(id=self.id(), activity="request-info", to=WHO, outcomes=ways)

    def choose(self, then: str, depth: int) -> str:
        branches = [{"when": free(self.id()), "next": self.piece(then, depth)} for _ in range(self.chance.choice((1, 2)))]
        return self.add(id=self.id(), activity="condition", branches=branches, otherwise={"next": self.piece(then, depth)})

    def split(self, then: str, depth: int) -> str:
        """A split and its join: each way comes to it by one step of its own."""
        join, ways = self.id(), self.chance.choice((2, 2, 3, 4))
        need = self.chance.choice(({}, {}, {"need": "any"}, {"need": self.chance.randint(1, ways)}))
        self.add(id=join, activity="join", next=then, **need)
        lasts = [self.notify(join, 0) for _ in range(ways)]
        return self.add(id=self.id(), activity="notify", to=WHO, text="Hi", next=[self.piece(last, depth) for last in lasts])

    def again(self, then: str, depth: int) -> str:
        """A piece that an outcome repeats."""
        ask = self.id()
        first = self.piece(ask, depth)
        self.add(id=ask, activity="request-info", to=WHO, outcomes={"done": {"next": then}, "again": {"next": first}})
        return first

    def inside(self, depth: int) -> list[Written]:
        """A list of steps of its own."""
        self.made.append([])
        first = self.piece(self.notify("go-on", 0), depth)
        steps = self.made.pop()
        return [{"id": self.id(), "activity": "notify", "to": WHO, "text": "Hi", "next": first}, *steps]

    def nested(self, then: str, depth: int) -> str:
        match self.chance.choice(("block", "parallel", "loop", "for-each")):
            case "block":
                keys: Written = {"steps": self.inside(depth)}
                if self.chance.random() < 0.4:
                    keys["meanwhile"] = [{"command": self.id(), "cancels": self.chance.random() < 0.5, "steps": self.inside(depth - 1)}]
                return self.add(id=self.id(), activity="block", next=then, **keys)
            case "parallel":
                branches = {name: {"steps": self.inside(depth)} for name in ("left", "right", "third")[: self.chance.choice((2, 3))]}
                return self.add(id=self.id(), activity="parallel", branches=branches, join=self.chance.choice(("all", "any", 2)), next=then)
            case "loop":
                return self.add(id=self.id(), activity="loop", until=free(self.id()), steps=self.inside(depth), next=then)
        keys = {"items": "[1]", "as": f"i{self.count}", "in-parallel": self.chance.random() < 0.5, "steps": self.inside(depth)}
        return self.add(id=self.id(), activity="for-each", next=then, **keys)


def make_sound(chance: Random) -> list[Written]:
    """A random process that is sound, whatever its conditions come to."""
    made = Sound(chance, chance.choice((4, 8, 12, 20)))
    last = made.add(id=made.id(), activity="notify", to=WHO, text="Hi", next="go-on")
    first = made.piece(last, chance.choice((2, 3, 4)))
    return [{"id": made.id(), "activity": "notify", "to": WHO, "text": "Hi", "next": first}, *made.made[0]]
