"""Random processes in which everything is of the right type and known where it is read: nothing is wrong with them.

The law of this file: what a step gives is remembered with its kind, and forgotten where not every way has it. So whatever an error is said
about here, the rule is wrong that says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.whole.making import Written

STATUSES = ("new", "open", "won", "lost")
KINDS = ("integer", "string", "boolean", "date", "datetime", "choice", "user")
SIZES = ("big", "small", "none_of_both")


@dataclass(frozen=True)
class Given:
    """Something that may be read: how it is called, its kind, whether it may be none, and of a choice its values."""

    path: str
    kind: str
    optional: bool = False
    values: tuple[str, ...] = ()
    many: bool = False


DOCUMENT = (
    Given("document.name", "string"),
    Given("document.status", "choice", False, STATUSES),
    Given("document.responsible", "user", True),
    Given("document.amount", "integer", True),
    Given("document.ready", "boolean", True),
    Given("document.deadline", "datetime", True),
    Given("document.tags", "string", many=True),
    Given("document.parts", "integer", many=True),
    Given("document.parent.name", "string", True),
)
VARIABLES: Written = {
    "count": {"type": "integer", "default": 0},
    "flag": {"type": "boolean", "default": False},
    "size": {"type": "choice", "choices": list(SIZES), "default": "small"},
    "who": {"type": "user"},
    "day": {"type": "date"},
    "note": {"type": "text"},
    "list_of": {"type": "string", "many": True},
}
OWN = (
    Given("count", "integer"),
    Given("flag", "boolean"),
    Given("size", "choice", False, SIZES),
    Given("who", "user", True),
    Given("day", "date", True),
    Given("note", "string", True),
    Given("list_of", "string", many=True),
)


@dataclass
class Writer:
    """Writes a process. `number(low, high)` decides; `known` may be read here; `apart`: beside other steps, where variables are not set."""

    number: Callable[[int, int], int]
    left: int = 20
    known: tuple[Given, ...] = (*DOCUMENT, *OWN)
    apart: bool = False
    count: int = 0
    counters: list[str] = field(default_factory=list)

    def pick(self, among: Any) -> Any:
        return among[self.number(0, len(among) - 1)]

    def chance(self, of: int) -> bool:
        return self.number(0, of - 1) == 0

    def id(self) -> str:
        self.count += 1
        return f"s{self.count}"

    @contextmanager
    def within(self, *more: Given, apart: bool = False) -> Iterator[None]:
        """What is learned here is forgotten afterwards."""
        known, was = self.known, self.apart
        self.known, self.apart = (*known, *more), was or apart
        yield
        self.known, self.apart = known, was

    # ── expressions ────────────────────────────────────────────────────────────────────────────────────────────────
    def of(self, kind: str, many: bool = False, optional: bool | None = False) -> list[Given]:
        return [one for one in self.known if one.kind == kind and one.many == many and optional in (None, one.optional)]

    def expression(self, kind: str) -> str:
        """An expression of that kind, never none."""
        certain, perhaps = self.of(kind), self.of(kind, optional=True)
        if perhaps and self.chance(3):
            return f"coalesce({self.pick(perhaps).path}, {self.literal(kind)})"
        if certain and not self.chance(3):
            return str(self.pick(certain).path)
        return self.made(kind) if self.chance(2) else self.literal(kind)

    def literal(self, kind: str) -> str:
        match kind:
            case "integer":
                return str(self.number(0, 9))
            case "string":
                return self.pick(('"a"', '"да"', 'text("n")'))
            case "boolean":
                return self.pick(("true", "false"))
            case "date":
                return self.pick(("today()", 'date("2026-03-04")'))
            case "datetime":
                return self.pick(("now", 'datetime("2026-03-04T10:00")'))
            case "user":
                return self.pick(('user("ivanov")', 'user("boss")'))
        raise AssertionError(kind)

    def made(self, kind: str) -> str:
        """Something that is computed."""
        match kind:
            case "integer":
                counted = self.pick([one for one in self.known if one.many])
                return self.pick((f"{self.expression('integer')} + {self.number(1, 3)}", f"len({counted.path})", f"max({self.expression('integer')}, 2)"))
            case "string":
                return self.pick(
                    (f'{self.expression("string")} + "!"', f"text({self.expression(self.pick(KINDS[:5]))})", f"lower({self.expression('string')})")
                )
            case "boolean":
                return self.condition(1)
            case "date":
                return self.pick(
                    (f"{self.expression('date')} + days(2)", f"date({self.expression('datetime')})", f"next_working_day({self.expression('date')})")
                )
            case "datetime":
                return self.pick((f"{self.expression('datetime')} - hours(2)", f'at_time({self.expression("date")}, "09:00")', "now + working_days(1)"))
            case "user":
                head = f"head_of({self.expression('user')})"
                return self.pick((f'coalesce({head}, user("boss"))', f"({self.literal('user')} if {self.condition(1)} else {self.literal('user')})"))
        raise AssertionError(kind)

    def condition(self, depth: int = 2) -> str:
        """A condition that may be true and may be false."""
        if depth and self.chance(4):
            first = self.condition(depth - 1)
            with self.within():  # what is said twice of one thing may be a contradiction
                self.known = tuple(one for one in self.known if one.path not in first or one.many)
                return f"({first} {self.pick(('and', 'or'))} {self.condition(depth - 1)})"
        choices, perhaps = self.of("choice"), [one for one in self.known if one.optional and one.kind != "choice"]
        numbers = self.of("integer", optional=True)
        match self.number(0, 6):
            case 0 if choices:
                one = self.pick(choices)
                return f'{one.path} {self.pick(("==", "!="))} "{self.pick(one.values)}"'
            case 1 if choices:
                one = self.pick(choices)
                return f'{one.path} in ["{one.values[0]}", "{one.values[-1]}"]'
            case 2 if perhaps:
                return self.guarded(self.pick(perhaps))
            case 3:
                return f"any(len(t) > {self.number(1, 5)} for t in {self.pick(self.of('string', many=True)).path})"
            case 4 if numbers:
                return f"{self.pick(numbers).path} != none"
        kind = self.pick([kind for kind in ("integer", "date", "datetime") if self.of(kind)] or [""])
        return f"{self.pick(self.of(kind)).path} {self.pick(('<', '>='))} {self.literal(kind)}" if kind else "len(document.parts) > 2"

    def guarded(self, one: Given) -> str:
        """A condition that proves first that there is something."""
        match one.kind:
            case "boolean":
                return f"({one.path} != none and {one.path})"
            case "user":
                return f'({one.path} != none and {one.path} != user("ivanov"))'
            case "string":
                return f"({one.path} != none and len({one.path}) > 2)"
        return f"({one.path} != none and {one.path} > {self.literal(one.kind)})"

    def text(self) -> str:
        return f"On $({self.expression(self.pick(KINDS[:5]))}), $({self.pick([one for one in self.known if one.kind != 'choice' or not one.optional]).path})"

    def value(self, kind: str, values: tuple[str, ...] = ()) -> Any:
        if kind == "choice":
            return self.pick(values)
        return f"$({self.expression('string' if kind == 'text' else kind)})"

    # ── steps ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def steps(self, depth: int, most: int = 3) -> list[Written]:
        made = []
        for _ in range(self.number(1, most) if self.left > 0 else 1):
            self.left -= 1
            kinds = (*FLAT, *DEEP, *DEEP) if depth > 0 and self.left > 0 else FLAT
            made += self.pick(kinds)(self, depth - 1)
        return made

    def task(self, depth: int) -> list[Written]:
        id = self.id()
        base, fields = self.form(id)
        outcomes: Written = {}
        for number, name in enumerate(("yes", "no")):
            more, own = self.form(id, name)
            with self.within(*base, *more):
                outcomes[name] = {"title": name, "fields": own, **self.follow(depth, number)}
        step = {
            "id": id,
            "activity": "request-info",
            "title": self.text(),
            "to": self.expression("user"),
            "due": self.due(),
            "fields": fields,
            "outcomes": outcomes,
        }
        self.known = (*self.known, *base, Given(f"{id}.outcome", "choice", False, ("yes", "no")), Given(f"{id}.by", "user"), Given(f"{id}.at", "datetime"))
        return [step, *self.asked_of(id, depth)]

    def asked_of(self, id: str, depth: int) -> list[Written]:
        """Sometimes what only one outcome gives is read where that outcome is certain."""
        if not self.chance(2):
            return []
        with self.within():
            branch = {"when": f'{id}.outcome == "yes"', "steps": self.steps(0, 1)}
        return [{"id": self.id(), "activity": "condition", "branches": [branch], "otherwise": {"next": "go-on"}}]

    def follow(self, depth: int, number: int) -> Written:
        return {"next": "go-on"} if number and self.chance(2) else {"steps": self.steps(depth, 2)}

    def form(self, id: str, prefix: str = "") -> tuple[list[Given], Written]:
        known, fields = [], dict[str, Any]()
        for number in range(self.number(1, 2)):
            kind, required, name = self.pick(KINDS), self.chance(2), f"{prefix or 'f'}{number}"
            fields[name] = {"type": kind, "title": name, **({"required": True} if required else {}), **({"choices": list(SIZES)} if kind == "choice" else {})}
            known.append(Given(f"{id}.{name}", kind, not required, SIZES if kind == "choice" else ()))
        return known, fields

    def due(self) -> str:
        return self.pick(("2 working days", "4h", f"{self.expression('datetime')} + hours(1)", "hours(count + 1)"))

    def condition_step(self, depth: int) -> list[Written]:
        choices = self.of("choice")
        if choices and self.chance(3):
            return [self.each_choice(self.pick(choices), depth)]
        perhaps = [one for one in self.known if one.optional]
        if perhaps and self.chance(3):
            one = self.pick(perhaps)
            with self.within(*(replace(known, optional=False) for known in self.known if known.path == one.path)):
                self.known = tuple(known for known in self.known if known.path != one.path or not known.optional)
                first = {"when": f"{one.path} != none", "steps": self.steps(depth, 2)}
        else:
            with self.within():
                first = {"when": self.condition(), "steps": self.steps(depth, 2)}
        with self.within():
            rest = {"next": "go-on"} if self.chance(2) else {"steps": self.steps(depth, 2)}
        return [{"id": self.id(), "activity": "condition", "branches": [first], "otherwise": rest}]

    def each_choice(self, one: Given, depth: int) -> Written:
        """A branch for every value, and so no `otherwise`."""
        branches = []
        for value in one.values:
            with self.within():
                branches.append({"when": f'{one.path} == "{value}"', "steps": self.steps(depth, 1)})
        return {"id": self.id(), "activity": "condition", "branches": branches}

    def loop(self, depth: int) -> list[Written]:
        """A loop that changes what it waits for: a variable of its own, the document, or the answer of a task."""
        id, kind = self.id(), self.number(0, 2)
        with self.within():
            if kind == 0 and not self.apart:
                counter = f"n_{id}"
                self.counters.append(counter)
                inner = [*self.steps(depth, 2), {"activity": "set-variables", "set": {counter: f"$({counter} + 1)"}}]
                return [{"id": id, "activity": "loop", "until": f"{counter} > {self.number(1, 3)}", "steps": inner}]
            if kind == 1:
                inner = [*self.steps(depth, 2), {"activity": "update-document", "set": {"status": "won"}}]
                return [{"id": id, "activity": "loop", "while": 'document.status != "won"', "steps": inner}]
            asked = self.task(0)
            return [{"id": id, "activity": "loop", "until": f'{asked[0]["id"]}.outcome == "yes"', "steps": asked}]

    def parallel(self, depth: int) -> list[Written]:
        branches, learned = {}, list[Given]()
        for name in ("left", "right"):
            with self.within(apart=True):
                before = len(self.known)
                branches[name] = {"title": name, "steps": self.steps(depth, 2)}
                learned += self.known[before:]
        self.known = (*self.known, *learned)
        return [{"id": self.id(), "activity": "parallel", "branches": branches}]

    def for_each(self, depth: int) -> list[Written]:
        id, over = self.id(), self.pick([one for one in self.known if one.many])
        with self.within(Given(f"item_{id}", over.kind), apart=True):
            step: Written = {"id": id, "activity": "for-each", "items": over.path, "as": f"item_{id}", "steps": self.steps(depth, 2)}
        return [{**step, "in-parallel": True} if self.chance(2) else step]

    def block(self, depth: int) -> list[Written]:
        with self.within():
            made: Written = {"id": self.id(), "activity": "block", "steps": self.steps(depth, 2)}
        with self.within(apart=True):
            handler = {"after": "2d", "cancels": self.chance(2), "steps": self.steps(0, 1)}
        return [{**made, "meanwhile": [handler]}]

    def race(self, depth: int) -> list[Written]:
        with self.within():
            first = {"changed": f'document.status == "{self.pick(STATUSES)}"', "steps": self.steps(depth, 1)}
        with self.within():
            second = {"after": "3d", "steps": self.steps(depth, 1)}
        return [{"id": self.id(), "activity": "race", "branches": {"first": first, "second": second}}]

    # ── simple ones ────────────────────────────────────────────────────────────────────────────────────────────────
    def notify(self, depth: int) -> list[Written]:
        return [{"id": self.id(), "activity": "notify", "to": self.expression("user"), "text": self.text()}]

    def event(self, depth: int) -> list[Written]:
        step = {"id": self.id(), "activity": "calendar-event", "title": self.text(), "at": self.expression("datetime"), "to": self.expression("user")}
        return [{**step, "lasts": "1h"}]

    def pause(self, depth: int) -> list[Written]:
        until = self.expression("datetime") if self.chance(2) else f'document.status == "{self.pick(STATUSES)}"'
        return [{"id": self.id(), "activity": "pause", **({"for": "2h"} if self.chance(3) else {"until": until})}]

    def set_variables(self, depth: int) -> list[Written]:
        if self.apart:
            return self.notify(depth)
        one = self.pick([one for one in OWN if not one.many])
        self.known = tuple(replace(known, optional=False) if known.path == one.path else known for known in self.known)
        kind = "text" if one.path == "note" else one.kind
        value = self.value(kind, one.values)
        return [{"id": self.id(), "activity": "set-variables", "set": {one.path: value}}]

    def update_document(self, depth: int) -> list[Written]:
        one = self.pick([one for one in DOCUMENT if not one.many and one.path.count(".") == 1])
        return [{"id": self.id(), "activity": "update-document", "set": {one.path.removeprefix("document."): self.value(one.kind, one.values)}}]

    def create_document(self, depth: int) -> list[Written]:
        id = self.id()
        step = {"id": id, "activity": "create-document", "type": "deal", "set": {"name": self.value("string"), "status": self.pick(STATUSES)}}
        self.known = (*self.known, Given(f"{id}.document.name", "string"), Given(f"{id}.document.amount", "integer", True))
        return [step]

    def find_documents(self, depth: int) -> list[Written]:
        id = self.id()
        step = {"id": id, "activity": "find-documents", "type": "deal", "where": f'item.status == "{self.pick(STATUSES)}" and item.amount != none'}
        self.known = (*self.known, Given(f"{id}.count", "integer"))
        return [step]

    def decide(self, depth: int) -> list[Written]:
        id = self.id()
        rules = [{"when": self.condition(), "then": {"level": number}} for number in range(self.number(1, 3))]
        step = {"id": id, "activity": "decide", "rules": rules, "otherwise": {"level": 0}, "gives": {"level": {"type": "integer", "required": True}}}
        self.known = (*self.known, Given(f"{id}.level", "integer"))
        return [step]

    def pick_user(self, depth: int) -> list[Written]:
        id = self.id()
        step = {"id": id, "activity": "pick-user", "from": 'members(department("sales"))', "how": "first", "if-nobody": 'user("boss")'}
        self.known = (*self.known, Given(f"{id}.user", "user"))
        return [step]


FLAT = (Writer.notify, Writer.event, Writer.pause, Writer.set_variables, Writer.set_variables, Writer.update_document, Writer.create_document)
FLAT = (*FLAT, Writer.find_documents, Writer.decide, Writer.pick_user)
DEEP = (Writer.task, Writer.condition_step, Writer.condition_step, Writer.loop, Writer.parallel, Writer.for_each, Writer.block, Writer.race)


def write(number: Callable[[int, int], int], depth: int = 3, size: int = 20) -> Written:
    """A process without mistakes of data."""
    writer = Writer(number, size)
    steps = writer.steps(depth, 5)
    counters = {name: {"type": "integer", "default": 0} for name in writer.counters}
    outputs = {"last": writer.pick([one for one in writer.known if not one.many]).path}
    head: Written = {"bpflow": 1, "id": "p", "title": "Процесс", "timezone": "Europe/Moscow", "document": "deal", "start": [{"on": "manual"}]}
    return {**head, "variables": {**VARIABLES, **counters}, "outputs": outputs, "steps": [*steps, {"activity": "end", "result": "done"}]}
