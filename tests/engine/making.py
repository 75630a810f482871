"""Random graphs over the eight kinds: bodies nested in each other, loops, flat splits with joins, and every way of leaving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st
from msgspec.structs import replace

from bpflow.graph import (
    Alarm,
    Block,
    Call,
    Choose,
    Climb,
    Each,
    Exit,
    Expr,
    Flow,
    Form,
    Graph,
    Handler,
    Join,
    Node,
    Outcome,
    Retry,
    Rule,
    Step,
    Task,
    Trigger,
    Variable,
    Wait,
)
from bpflow.values import Field
from tests.engine.play import sets

CONDITIONS = ("x % 2 == 0", "x % 3 == 1", "y > x", 'document.status == "a"', 'document.status == "b" or x > 3', "true", "false", "6 // document.n > 1")
SETS: tuple[dict[str, str], ...] = ({"x": "x + 1"}, {"x": "x + 1"}, {"y": "x + 2"}, {"x": "0"}, {"x": "y", "y": "x"}, {"x": "6 // document.n"})
DATES = ("now + hours(2)", "document.at", "document.at + hours(1)", 'datetime("2026-03-02T12:00Z")', "none")
PEOPLE = (
    'user("ivanov")',
    '[user("ivanov"), user("petrov")]',
    '[user("boss"), department("sales"), user("petrov")]',
    'department("sales")',
    "document.responsible",
    '[document.responsible, user("petrov")]',
)
RULES = (Rule(), Rule("all"), Rule("majority"), Rule("at-least", "2"), Rule("percent", "60"))
ITEMS = ("[1, 2, 3]", "[1]", "[]", "[x, y]", "document.items")

Found = TypeVar("Found")


@dataclass
class Maker:
    """Makes up a graph. `number(low, high)` decides; `around`: the blocks around the place that is being filled, the innermost last:
    (id, what follows it)."""

    number: Callable[[int, int], int]
    nodes: list[Node] = field(default_factory=list)
    around: list[tuple[str, str | None]] = field(default_factory=list)
    count: int = 0

    def pick(self, among: Sequence[Found]) -> Found:
        return among[self.number(0, len(among) - 1)]

    def chance(self, of: int) -> bool:
        return self.number(0, of - 1) == 0

    def id(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def condition(self) -> Expr:
        return Expr(self.pick(CONDITIONS))

    def flow(self, source: str, to: str | None, branch: str = "", up: int = 0) -> Flow:
        return Flow(f"{source}[{branch}]>{to or 'off'}^{up}", to, up)

    def add(self, node: Node) -> str:
        self.nodes.append(node)
        return node.id

    # ── lists of steps ─────────────────────────────────────────────────────────────────────────────────────────────
    def steps(self, then: str | None, depth: int, most: int = 3) -> str | None:
        """A few steps one after another, and then `then`. Gives the first."""
        for _ in range(self.number(0, most)):
            then = self.one(then, depth)
        return then

    def some(self, then: str | None, depth: int) -> str:
        """At least one step."""
        return self.one(self.steps(then, depth, 1), depth)

    def one(self, then: str | None, depth: int) -> str:
        simple = (self.step, self.task, self.task, self.call, self.wait)
        nested = (self.choose, self.choose, self.loop, self.split, self.split, self.block, self.block, self.each, self.leave, self.work)
        return self.pick(nested if depth > 0 and not self.chance(4) else simple)(then, depth - 1)

    # ── the kinds ──────────────────────────────────────────────────────────────────────────────────────────────────
    def step(self, then: str | None, depth: int) -> str:
        id = self.id()
        return self.add(Step(id, (self.flow(id, then),), sets(**self.pick(SETS)), self.pick(((), (), ("n1", "n2")))))

    def choose(self, then: str | None, depth: int) -> str:
        id = self.id()
        arms = tuple((self.condition(), self.flow(id, self.steps(then, depth, 2), str(n))) for n in range(self.pick((1, 2, 2, 3))))
        otherwise = None if self.chance(4) else self.flow(id, self.steps(then, depth, 1), "else")
        return self.add(Choose(id, arms, otherwise, self.pick(("first", "first", "every", "only"))))

    def loop(self, then: str | None, depth: int) -> str:
        turn, until = self.id(), self.id()
        body = self.steps(until, depth) or until
        self.add(Choose(until, ((self.condition(), self.flow(until, then, "done")),), self.flow(until, turn, "again")))
        bound = self.pick((None, 2, 5, 20))
        return self.add(Step(turn, (self.flow(turn, body),), sets(x="x + 1"), self.pick(((), ("n2", "n3"))), turn, bound))

    def split(self, then: str | None, depth: int) -> str:
        """A flat split and a join; some branches lose their way, and some tokens pass twice."""
        id, join = self.id(), self.id()
        size = self.pick((2, 2, 3))
        ends = [self.id() for _ in range(size)]
        out = []
        for end in ends:
            lost = self.chance(8)
            self.add(Step(end, (self.flow(end, None if lost else join),)))
            out += [self.flow(id, self.steps(end, depth, 2) or end, end)] * (2 if self.chance(8) else 1)
        need = self.pick(("all", "all", "live", 1, 2))
        self.add(Join(join, tuple(self.flow(end, join).id for end in ends), self.flow(join, then), need))
        out = [replace(flow, id=f"{flow.id}#{number}") for number, flow in enumerate(out)]
        return self.add(Step(id, tuple(out)))

    def wait(self, then: str | None, depth: int) -> str:
        id = self.id()
        triggers = [self.trigger() for _ in range(self.pick((1, 1, 2, 3)))]
        arms = tuple((trigger, self.flow(id, self.steps(then, 0, 1), str(n))) for n, trigger in enumerate(triggers))
        return self.add(Wait(id, arms, self.pick((None, id))))

    def trigger(self, kinds: Sequence[Any] = ("at", "at", "until", "changed", "message", "command")) -> Trigger:
        kind = self.pick(kinds)
        name = self.pick(("", "m", "boom"))
        if kind == "at":
            return Trigger(kind, Expr(self.pick(DATES)), name, fixed=self.chance(3))
        if kind in ("until", "changed"):
            return Trigger(kind, self.condition(), name)
        form = (("v", Field("integer", required=self.chance(2))),) if kind in ("message", "command") else ()
        return Trigger(kind, Expr("x") if kind == "message" else None, name, by=Expr('user("petrov")') if self.chance(2) else None, form=form)

    def task(self, then: str | None, depth: int) -> str:
        id = self.id()
        names = self.pick((("yes",), ("yes", "no"), ("yes", "no", "late")))
        outcomes = tuple(Outcome(name, name, (("n", Field("integer", required=name == "no")),), button=name != "late") for name in names)
        ways = tuple((name, self.flow(id, self.steps(then, depth, 1) if name == "no" else then, name)) for name in names)
        alarms = tuple(self.alarm("late" in names) for _ in range(self.pick((0, 0, 1, 2))))
        subject = Expr(self.pick(('"Work"', 'text("n ", 6 // document.n)')))
        not_by = Expr('user("petrov")') if self.chance(5) else None
        if_nobody = Expr('user("sidorov")') if self.chance(3) else None
        climb = None
        if self.chance(5):  # the first outcome leads to the next of the line
            climb, ways = Climb(self.flow(id, then, "top")), ((names[0], self.flow(id, id, names[0])), *ways[1:])
        done_when = self.condition() if self.chance(5) else None
        checklist = (Expr('"Pack"'), Expr('text("n ", 6 // document.n)')) if self.chance(4) else ()
        more: dict[str, Any] = {
            "rule": self.pick(RULES) if len(names) > 1 else Rule(),
            "in_turn": self.chance(3),
            "delegate": self.pick(("anyone", "subordinates", "nobody")),
            "climb": climb,
            "done_when": done_when,
            "checklist": checklist,
            "observers": Expr(self.pick(PEOPLE)) if self.chance(5) else None,
        }
        return self.add(Task(id, Expr(self.pick(PEOPLE)), Form(subject, outcomes), ways, alarms, id, not_by, if_nobody, **more))

    def work(self, then: str | None, depth: int) -> str:
        """A task with subtasks."""
        id, main = self.id(), self.id()
        parts = tuple(self.id() for _ in range(self.pick((1, 2))))
        for part in parts:
            form = Form(Expr(self.pick(('"Part"', 'text("n ", 6 // document.n)'))), (Outcome("yes", "yes", (("n", Field("integer")),)),))
            self.add(Task(part, Expr(self.pick(PEOPLE)), form, (("yes", self.flow(part, None, "yes")),), part=(main, part)))
        self.around.append((id, then))
        self.task(None, 0)
        self.around.pop()
        made = self.nodes.pop()
        assert isinstance(made, Task)
        ways = tuple((name, self.flow(main, None, name)) for name, _ in made.outcomes)
        self.add(replace(made, id=main, outcomes=ways, gives=main, climb=None, parts=parts))
        entry = tuple(self.flow(id, inner, inner) for inner in (*parts, main))
        return self.add(Block(id, entry, self.flow(id, then)))

    def alarm(self, late: bool) -> Alarm:
        tell = self.pick((None, Expr('user("sidorov")'), Expr("document.responsible"), Expr("document.nothing")))
        remind = self.pick((None, Expr("now + hours(3)"), Expr("now + hours(6 // document.n)")))
        others = self.pick(((), (), (Expr(self.pick(PEOPLE)), None), (None, Expr(self.pick(PEOPLE)))))
        return Alarm(Expr(self.pick(DATES)), not self.chance(4), tell, remind, "late" if late and self.chance(2) else None, *others)

    def call(self, then: str | None, depth: int) -> str:
        id = self.id()
        arguments = self.pick(({}, {"a": "x"}, {"a": "6 // document.n"}))
        retry = self.pick((None, Retry(1, 100), Retry(2, 10)))
        timeout = self.pick((None, None, Expr("now + hours(1)"), Expr('"soon"')))
        return self.add(Call(id, "crm", sets(**arguments), self.flow(id, then), id, retry, timeout, not self.chance(5)))

    # ── bodies ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def within(self, id: str, then: str | None, make: Callable[[], Found]) -> Found:
        self.around.append((id, then))
        try:
            return make()
        finally:
            self.around.pop()

    def block(self, then: str | None, depth: int) -> str:
        id = self.id()
        size = self.pick((1, 2, 3))
        entry = tuple(self.flow(id, self.within(id, then, lambda: self.some(None, depth)), f"in{n}") for n in range(size))
        handlers = tuple(self.handler(id, then, depth, n) for n in range(self.pick((0, 0, 1, 2, 3))))
        need = self.pick(("all", "all", *range(1, size + 1)))
        return self.add(Block(id, entry, self.flow(id, then), need, None, handlers))

    def handler(self, id: str, then: str | None, depth: int, number: int) -> Handler:
        trigger = self.trigger(("at", "changed", "changed", "message", "command", "error", "error"))
        cancels = self.chance(2)
        outside = cancels and self.chance(2)
        if outside or not id:
            entry: str | None = self.some(then, depth)
        else:
            entry = self.within(id, then, lambda: self.steps(None, depth, 2))
        return Handler(f"h{number}", trigger, cancels, self.flow(id, entry, f"h{number}"), outside)

    def each(self, then: str | None, depth: int) -> str:
        id = self.id()
        at_most = self.pick((None, None, Expr("1"), Expr("2"), Expr("document.n")))
        enough = self.pick((None, None, Expr("done >= 2"), Expr("any(r == 2 for r in results)"), Expr("6 // document.n > done")))
        collect = self.pick((None, Expr("item"), Expr("item + 1"), Expr("item // document.n")))
        body = self.within(id, then, lambda: self.some(None, depth))
        each = Each(Expr(self.pick(ITEMS)), "item", at_most, enough, collect, sets(a="item", b="x") if collect is None else ())
        return self.add(Block(id, (self.flow(id, body, "in"),), self.flow(id, then), each=each, gives=id))

    def leave(self, then: str | None, depth: int) -> str:
        """The end, an error, the end of a block, or a flow out of some blocks."""
        id, how = self.id(), self.pick(("end", "raise", "terminate", "up", "up"))
        if how == "up" and self.around:
            up = self.number(1, len(self.around))
            return self.add(Step(id, (self.flow(id, self.around[-up][1], up=up),)))
        if how == "terminate" and self.around:
            return self.add(Exit(id, "terminate", self.pick(self.around)[0]))
        if how == "raise":
            return self.add(Exit(id, "raise", "boom", self.pick((None, self.flow(id, then)))))
        return self.add(Exit(id, "end", "done")) if self.chance(3) else self.step(then, depth)


def make(number: Callable[[int, int], int], depth: int = 3) -> Graph:
    """A process with variables `x` and `y`, a document, and perhaps handlers of its own."""
    maker = Maker(number)
    first = maker.some(maker.steps(None, depth), depth)
    handlers = tuple(replace(maker.handler("", None, 1, n), outside=False) for n in range(maker.pick((0, 0, 0, 1, 2))))
    variables = tuple(Variable(name, Field("integer"), Expr(text)) for name, text in (("x", "0"), ("y", "1")))
    outputs = sets(**{f"out_{node.id}": f"coalesce({node.id}, none)" for node in maker.nodes}, rest=maker.pick(("x", "x", "6 // document.n")))
    return Graph("p", "P", (Flow("", first),), tuple(maker.nodes), variables=variables, outputs=outputs, handlers=handlers)


@st.composite
def graphs(draw: Callable[[st.SearchStrategy[int]], int], depth: int = 3) -> Graph:
    """Such a process, by hypothesis."""
    return make(lambda low, high: draw(st.integers(low, high)), depth)
