"""Random processes as an analyst could write them: every activity with most of its keys, nested in each other, and flat graphs of `next`.

The law of this file: an activity is one method of `Maker` and one line in `ACTIVITIES`. Ids, places that `next` may name and names that
expressions may read are right by construction; what the expressions say is right only mostly, so that there are incidents to repair.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import yaml

Written: TypeAlias = dict[str, Any]
Found = TypeVar("Found")

FACTS = ("document.amount > 5", 'document.status == "open"', 'document.status in ["won", "lost"]', "document.ready == true", "len(document.tags) > 1")
CONDITIONS = (*FACTS, "x % 2 == 0", "x % 3 == 1", "y > x", "true", "false", "6 // document.amount > 1", "flag", "document.deadline < now")
WATCHED = (*FACTS, *FACTS, "x > 2", "flag", "6 // document.amount > 1", 'document.responsible == user("ivanov")', "y > x and document.ready")
DATES = (
    "document.deadline",
    "document.deadline - hours(1)",
    "document.deadline + days(1)",
    "now + hours(2)",
    'datetime("2026-03-03T12:00")',
    "today()",
    "none",
)
LENGTHS = ("2h", "90min", "1d", "1 working day", "4 working hours", "hours(x + 1)", "minutes(document.amount)", "minutes(x - x)")
PEOPLE = (
    'user("ivanov")',
    'user("gone")',
    'department("sales")',
    'with_role("clerk")',
    "document.responsible",
    "manager",
    "initiator",
    "both",
    'members(department("sales"))',
)
OTHERWISE = {"boolean": "false", "people": 'user("boss")', "date": "now"}
"""What is taken where a result is not there, by the kind of what reads it."""
RULES: tuple[Any, ...] = ("any", "all", "majority", {"at-least": 2}, {"percent": 60})
NOBODY = ('department("empty")', 'members(department("empty"))', "document.nobody", 'user("stranger")')
NUMBERS = ("$(x + 1)", "$(y)", "3", "$(6 // document.amount)", "$(document.amount)", "0")
SETS: tuple[Written, ...] = ({"x": "$(x + 1)"}, {"x": "$((x + 1) % 7)"}, {"y": "$(x)", "x": "$(y)"}, {"flag": "$(not flag)"}, {"who": "$(manager)"}, {"x": 0})
CHANGES: tuple[Written, ...] = (
    {"status": "open"},
    {"status": "won"},
    {"status": "$(document.status)"},
    {"amount": "$(x)"},
    {"amount": "$(x - 3)"},
    {"ready": "$(flag)"},
    {"deadline": "$(now + hours(3))"},
    {"deadline": "none"},
    {"responsible": "$(who)"},
    {"name": "none"},
)
ITEMS = {
    "number": ("[1, 2, 3]", "[x, y]", "document.parts", "list(p for p in document.parts if p > x)"),
    "text": ("document.tags", "list(t for t in document.tags if t == none)"),
    "people": ('members(department("sales"))',),
}
MESSAGES, ERRORS = ("ping", "pong"), ("notify", "documents.update", "calendar.add", "timeout", "crm", "no_money", "cancelled")
KEYS = ("document.name", "x", "6 // document.amount")
OUTCOMES = (("done",), ("yes", "no"), ("yes", "no", "later"))
FORMS: tuple[Written, ...] = (
    {},
    {},
    {"n": {"type": "integer", "min": 0, "max": 9}},
    {"n": {"type": "integer", "required": True}, "note": {"type": "text", "max": 20}},
    {"day": {"type": "date", "required": True}, "kind": {"type": "choice", "choices": ["big", "small"]}},
    {"person": {"type": "user"}, "many": {"type": "string", "many": True}},
)


@dataclass
class Maker:
    """Makes up a process. `number(low, high)` decides; `around`: the ids of the lists around the place that is being filled, as far as
    `next` may name them; `apart`: in what runs beside others; `given`: names and fields that expressions may read, with their kinds;
    `left`: how many steps there may still be, roughly; `ends`: whether there may be an `end`."""

    number: Callable[[int, int], int]
    left: int = 30
    ends: bool = True
    around: list[list[str]] = field(default_factory=list)
    apart: bool = False
    given: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def pick(self, among: Sequence[Found]) -> Found:
        return among[self.number(0, len(among) - 1)]

    def chance(self, of: int) -> bool:
        return self.number(0, of - 1) == 0

    def id(self, kind: str = "s") -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def maybe(self, of: int, key: str, value: Callable[[], Any]) -> Written:
        """That key, once in so many times."""
        return {key: value()} if self.chance(of) else {}

    # ── expressions ────────────────────────────────────────────────────────────────────────────────────────────────
    def condition(self) -> str:
        return self.read("boolean") or self.pick(CONDITIONS)

    def read(self, kind: str) -> str | None:
        """Sometimes something that reads what a step has given."""
        known = [text for text, of in self.given if of == kind]
        return self.proved(self.pick(known), kind) if known and self.chance(3) else None

    def proved(self, text: str, kind: str) -> str:
        """What a step has given, or something else where it has not been done."""
        return f"coalesce({text}, {OTHERWISE[kind]})"

    def people(self) -> str | list[str]:
        if self.chance(15):
            return self.pick(NOBODY)
        return [self.pick(PEOPLE), self.pick(PEOPLE)] if self.chance(4) else self.read("people") or self.pick(PEOPLE)

    def length(self) -> str:
        return self.pick(LENGTHS)

    def date(self) -> str:
        return self.read("date") or self.pick(DATES)

    def text(self) -> str:
        return self.pick(("Work", "On $(document.name)", "$(x) and $(y)", "By $(document.deadline)", "$(text(6 // document.amount))"))

    # ── lists ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def steps(self, depth: int, least: int = 1, most: int = 3) -> list[Written]:
        """A list of steps, each of which `next` may name from wherever in it."""
        kinds = [self.kind(depth) for _ in range(self.number(least, most) if self.left > 0 else 1)]
        self.left -= len(kinds)
        ids = [self.id() for _ in kinds]
        self.around.append([*ids])
        made: list[Written] = []
        for kind, id in zip(kinds, ids, strict=True):
            made += self.split(id, depth - 1) if kind == "split" else [self.step(kind, id, depth - 1)]
        if self.ends and self.chance(15):
            made.append({"activity": "end", "result": "done"})
        elif self.chance(6):
            made[-1].setdefault("next", self.targets())
        self.around.pop()
        return made

    def kind(self, depth: int) -> str:
        """An activity that may stand here, or a `split`."""
        found = self.pick(NESTED if depth > 0 and self.left > 0 and not self.chance(4) else SIMPLE)
        return "pause" if self.apart and found == "set-variables" else found

    def step(self, kind: str, id: str, depth: int) -> Written:
        """A step of that activity, with the keys that every step has."""
        own: Written = getattr(self, ACTIVITIES[kind].__name__)(id, depth)
        common = {"id": id, "activity": kind}
        if kind in CALLING:
            common |= self.maybe(4, "retry", lambda: {"times": self.number(1, 2), **self.maybe(2, "first", lambda: self.pick(("5s", "10min")))})
        if kind != "join":
            common |= self.maybe(5, "on-error", lambda: self.branch(min(depth, 0)))
        return {**common, **own}

    def split(self, id: str, depth: int) -> list[Written]:
        """A flat split, and a join; a branch may lose its way into the next one."""
        ways = [f"{id}_{letter}" for letter in ("a", "b", "c")[: self.pick((2, 2, 3))]]
        join = f"{id}_j"
        self.around[-1] += [*ways, join]
        first = {**self.step("set-variables" if not self.apart else "pause", id, 0), "next": [*ways, *([join] if self.chance(6) else [])]}
        made = [self.way(way, self.pick((0, depth))) for way in ways]
        for number, one in enumerate(made):
            if number < len(made) - 1 and not self.chance(6):
                one["next"] = join
        return [first, *made, {"id": join, "activity": "join", **self.maybe(2, "need", lambda: self.pick(("all", "any", 1, 2)))}]

    def way(self, id: str, depth: int) -> Written:
        """The one step of a way between a split and its join."""
        kind = self.kind(depth)
        return self.step("block" if kind == "split" else kind, id, depth - 1)

    def targets(self) -> Any:
        """What `next` may say: a step before or after, here or around; rarely several."""
        known = [id for ids in self.around for id in ids]
        if not known or self.chance(4):
            return "go-on"
        several = sorted({self.pick(known) for _ in range(2)})
        return several if self.chance(5) else self.pick(known)

    def branch(self, depth: int) -> Written:
        """`steps`, or `next`."""
        return {"next": self.targets()} if self.chance(3) else {"steps": self.steps(depth, 1, 2)}

    @contextmanager
    def beside(self, apart: bool = True) -> Iterator[None]:
        """What is made here runs beside others: no `next` leads out of it, and it sets no variables."""
        around, was = self.around, self.apart
        if apart:
            self.around, self.apart = [], True
        yield
        self.around, self.apart = around, was

    # ── simple activities ──────────────────────────────────────────────────────────────────────────────────────────
    def notify(self, id: str, depth: int) -> Written:
        return {"to": self.people(), "text": self.text(), **self.maybe(3, "title", self.text), **self.maybe(5, "channel", lambda: "mail")}

    def calendar_event(self, id: str, depth: int) -> Written:
        more = {**self.maybe(3, "lasts", lambda: "90min"), **self.maybe(3, "remind-before", lambda: self.pick(("2h", "1 working day")))}
        return {"title": self.text(), "at": self.date(), "to": self.people(), **more}

    def update_document(self, id: str, depth: int) -> Written:
        if self.chance(5):
            return {"document": "document.parent", "set": self.pick(({"amount": "$(x)"}, {"status": "open"}, {"amount": "$(x - 3)"}))}
        sets = {"set": self.pick(CHANGES)} if not self.chance(4) else {"add": self.pick(({"tags": "new"}, {"amount": 1}, {"parts": "$(x)"}))}
        return {**sets, **self.maybe(6, "remove", lambda: {"tags": "new"}), **self.maybe(5, "note", self.text)}

    def set_variables(self, id: str, depth: int) -> Written:
        return {"set": dict(self.pick(SETS))}

    def pause(self, id: str, depth: int) -> Written:
        how = self.number(0, 2)
        return {"for": self.length()} if how == 0 else {"until": self.date() if how == 1 else self.pick(WATCHED)}

    def join(self, id: str, depth: int) -> Written:
        return self.maybe(2, "need", lambda: self.pick(("all", "any", 1)))

    # ── others ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def send_message(self, id: str, depth: int) -> Written:
        made: Written = {"message": self.pick(MESSAGES), **self.maybe(2, "key", lambda: self.pick(KEYS))}
        return {**made, **self.maybe(2, "values", lambda: {"v": "$(x)"}), **self.maybe(3, "keep", lambda: self.pick(("0h", "2h", "minutes(x)")))}

    def wait_message(self, id: str, depth: int) -> Written:
        made: Written = {"message": self.pick(MESSAGES), **self.maybe(2, "key", lambda: self.pick(KEYS))}
        if self.chance(2):
            made["values"] = {"v": {"type": "integer", "required": self.chance(2)}}
            self.gives(id, {f"{id}.v == 1": "boolean"})
        return made

    def call_process(self, id: str, depth: int) -> Written:
        made: Written = {"process": self.pick(("child", "child", "child", "p", "missing")), **self.maybe(8, "wait", lambda: False)}
        if "wait" not in made:
            self.gives(id, {f'{id}.result == "done"': "boolean", f"{id}.out == 1": "boolean"})
        return {**made, **({} if self.chance(9) else {"document": "document"}), **self.maybe(4, "inputs", lambda: {"given": "$(x)"})}

    def call_service(self, id: str, depth: int) -> Written:
        self.gives(id, {f"{id}.v == 1": "boolean"})
        return {"service": "crm", **self.maybe(2, "with", lambda: {"v": self.pick(NUMBERS)}), **self.maybe(4, "timeout", lambda: self.pick(("1h", "0min")))}

    def create_document(self, id: str, depth: int) -> Written:
        self.gives(id, {f"{id}.document.amount == x": "boolean"})
        made: Written = {"type": "deal", "set": {"name": "New of $(document.name)", "status": "new", "amount": self.pick(NUMBERS)}}
        return {**made, **self.maybe(3, "link", lambda: {"parent": "parent"})}

    def find_documents(self, id: str, depth: int) -> Written:
        self.gives(id, {f"{id}.count > 2": "boolean", f"len({id}.items) == 1": "boolean"})
        made = self.maybe(2, "where", lambda: self.pick(("item.amount > x", 'item.status == "new"', "item.amount // x > 1")))
        return {"type": "deal", **made, **self.maybe(3, "order", lambda: ["-item.amount", "item.name"]), **self.maybe(3, "limit", lambda: 1)}

    def decide(self, id: str, depth: int) -> Written:
        hit = self.pick(("first", "first", "unique", "collect", "sum", "max", "count"))
        self.gives(id, {f"{id}.level == 1": "boolean"} if hit != "collect" else {f"len({id}.level) == 1": "boolean"})
        then = [{} if hit == "count" else {"then": {"level": self.pick(NUMBERS)}} for _ in range(2)]
        made: Written = {"hit": hit, "rules": [{"when": self.condition(), **one} for one in then], "gives": {"level": {"type": "integer"}}}
        return {**made, **({} if hit == "count" or self.chance(3) else {"otherwise": {"level": 1}})}

    def pick_user(self, id: str, depth: int) -> Written:
        self.gives(id, {f"{id}.user": "people"})
        how = self.pick(("random", "round-robin", "least-loaded", "first"))
        return {"from": self.people(), "how": how, **self.maybe(2, "skip-absent", lambda: True), **self.maybe(3, "if-nobody", lambda: 'user("boss")')}

    # ── people ─────────────────────────────────────────────────────────────────────────────────────────────────────
    def request_info(self, id: str, depth: int) -> Written:
        made: Written = {"to": self.people(), "title": self.text(), **self.maybe(3, "text", self.text), **self.maybe(4, "show", lambda: ["amount", "x"])}
        names = self.pick(OUTCOMES)
        form = self.form(made)
        if len(names) > 1 or self.chance(3):
            made["outcomes"] = {name: self.outcome(name, number, depth) for number, name in enumerate(names)}
        made |= self.maybe(5, "who-may-not", lambda: self.pick(("initiator", 'user("petrova")')))
        made |= self.maybe(3, "if-nobody", lambda: 'user("boss")') | self.maybe(2, "delegate", lambda: self.pick(("anyone", "nobody")))
        made |= self.maybe(4, "ask", lambda: "in-turn") | self.maybe(3, "rule", lambda: self.pick(RULES) if len(names) > 1 else "any")
        if self.chance(2):
            made["due"] = self.pick((*LENGTHS, *DATES))
            made |= self.maybe(2, "on-overdue", lambda: self.overdue(names)) | self.maybe(4, "remind-before", self.length)
        if made.get("on-overdue", {}).get("outcome") == names[-1] and len(names) > 1 and self.chance(2):
            made["outcomes"][names[-1]]["button"] = False
        self.gives(id, {f'{id}.outcome == "{names[-1]}"': "boolean", f"{id}.overdue": "boolean", f"{id}.by": "people", **form})
        return made

    def task(self, id: str, depth: int) -> Written:
        made = self.request_info(id, depth)
        if self.chance(2):
            made["checklist"] = ["Один", "Два $(x)"]
            self.gives(id, {f"len(list(i for i in {id}.checklist if i.done)) > 1": "boolean"})
        made |= self.maybe(4, "observers", self.people)
        if self.chance(4):
            made["subtasks"] = {f"{id}_{n}": {"title": self.text(), "to": self.people(), **self.maybe(2, "due", self.length)} for n in range(2)}
            self.gives(id, {f"{id}.subtasks.{id}_1.by": "people"})
        if self.chance(3) and len(made.get("outcomes", {})) > 1:
            made["done-when"] = self.pick(WATCHED)
            for key in ("fields", "fill", "required", "comment"):
                next(iter(made["outcomes"].values())).pop(key, None)
        return made

    def approve_chain(self, id: str, depth: int) -> Written:
        known = [*self.given]
        made = self.request_info(id, depth)
        self.given[:] = known
        for key in ("to", "outcomes", "on-overdue", "rule", "ask"):
            made.pop(key, None)
        made |= {"until": "approver == document.responsible"} if self.chance(2) else {"levels": self.pick((1, 2))}
        made |= self.maybe(2, "start-at", lambda: self.pick(("document.responsible", 'user("ivanov")', 'user("boss")')))
        self.gives(id, {f"{id}.approver": "people", f"{id}.level > 1": "boolean", f'{id}.outcome == "approved"': "boolean"})
        return {**made, "outcomes": {"rejected": self.branch(depth)}}

    def form(self, made: Written) -> dict[str, str]:
        """Puts a form into the task; gives what can be read of its fields."""
        fields = self.pick(FORMS)
        made |= {"fields": fields} if fields else {}
        made |= self.maybe(5, "fill", lambda: ["amount"]) | self.maybe(6, "comment", lambda: self.pick(("none", "required")))
        if "fill" in made and self.chance(2):
            made["required"] = ["amount"]
        return {}

    def outcome(self, name: str, number: int, depth: int) -> Written:
        made: Written = {**self.maybe(3, "title", lambda: f"“{name}”"), **self.maybe(5, "comment", lambda: self.pick(("none", "optional", "required")))}
        made |= self.maybe(5, "fields", lambda: {f"only_{name}": {"type": "integer"}})
        return made if number == 0 and self.chance(2) else {**made, **self.branch(depth)}

    def overdue(self, names: Sequence[str]) -> Written:
        found = {**self.maybe(2, "remind", self.length), **self.maybe(2, "tell", self.people), **self.maybe(2, "outcome", lambda: names[-1])}
        if "outcome" not in found and self.chance(2):
            found[self.pick(("escalate-to", "reassign-to"))] = self.people()
        return found or {"tell": 'user("boss")'}

    def gives(self, id: str, read: dict[str, str]) -> None:
        self.given += read.items()

    # ── the flow ───────────────────────────────────────────────────────────────────────────────────────────────────
    def choose(self, id: str, depth: int) -> Written:
        branches = [{"when": self.condition(), **self.branch(depth)} for _ in range(self.pick((1, 1, 2, 3)))]
        return {"branches": branches, **({} if self.chance(5) else {"otherwise": self.branch(depth)})}

    def loop(self, id: str, depth: int) -> Written:
        how = self.pick(("while", "until"))
        made: Written = {how: self.condition(), **self.maybe(2, "max", lambda: self.pick((1, 3, 20)))}
        self.gives(id, {f"{id}.turn > 2": "boolean"})
        return {**made, "steps": self.steps(depth)}

    def for_each(self, id: str, depth: int) -> Written:
        item, beside, kind = self.id("item"), self.chance(2), self.pick(("number", "number", "number", "text", "people"))
        made: Written = {"items": self.pick(ITEMS[kind]), "as": item}
        if beside:
            made |= {"in-parallel": True, **self.maybe(2, "at-most", lambda: self.number(1, 2))}
        collected = [None, item, {"what": f"$({item})", "more": "$(x + 1)"}]
        enough = ["done >= 2", "len(results) > 1", "done * 2 >= total", "6 // document.amount > done"]
        if kind == "number":
            collected += [f"[{item}, x]", f"{item} // document.amount"]
        collect = self.pick(collected)
        if kind == "number" and collect == item:
            enough.append("any(r == x for r in results)")
        made |= self.maybe(3, "enough", lambda: self.pick(enough))
        known = len(self.given)
        self.given += {"number": [(f"{item} == 2", "boolean")], "text": [], "people": [(item, "people")]}[kind]
        with self.beside(beside):
            steps = self.steps(depth)
        del self.given[known:]
        self.gives(id, {f"len({id}.results) > 1": "boolean", **({f"{id}.results": "people"} if kind == "people" and collect == item else {})})
        return {**made, **({"collect": collect} if collect else {}), "steps": steps}

    def parallel(self, id: str, depth: int) -> Written:
        names = ("left", "right", "third")[: self.pick((1, 2, 2, 3))]
        with self.beside():
            branches = {name: {**self.maybe(4, "when", self.condition), "steps": self.steps(depth, 1, 2)} for name in names}
        return {"branches": branches, **self.maybe(2, "join", lambda: self.pick(("all", "any", self.number(1, len(names)))))}

    def race(self, id: str, depth: int) -> Written:
        names = ("first", "second", "third")[: self.pick((1, 2, 2, 3))]
        self.gives(id, {f'{id}.won == "{names[-1]}"': "boolean"})
        return {"branches": {name: {**self.trigger(id, name), **self.branch(depth)} for name in names}}

    def block(self, id: str, depth: int) -> Written:
        handlers = [self.handler(depth) for _ in range(self.pick((0, 1, 1, 2, 3)))]
        return {"steps": self.steps(depth), **({"meanwhile": handlers} if handlers else {})}

    def handler(self, depth: int) -> Written:
        name = self.id("cmd")
        made = self.trigger(name, name) if not self.chance(4) else {"error": self.pick((True, True, *ERRORS))}
        if "key" not in made and "error" not in made and "command" not in made:
            made |= self.maybe(3, "id", lambda: self.id("h"))
        if self.chance(2):
            with self.beside(self.apart):
                return {**made, "cancels": False, "steps": self.steps(depth, 1, 2)}
        if self.around and self.around[-1] and self.chance(3):
            return {**made, "cancels": True, "next": self.pick([id for ids in self.around for id in ids])}
        return {**made, "cancels": True, **({"steps": self.steps(depth, 1, 2)} if not self.chance(4) else {})}

    def trigger(self, id: str, name: str) -> Written:
        match self.pick(("after", "at", "changed", "changed", "message", "command")):
            case "after":
                return {"after": self.length()}
            case "at":
                return {"at": self.date()}
            case "changed":
                return {"changed": self.pick(WATCHED)}
            case "message":
                return {"message": self.pick(MESSAGES), **self.maybe(2, "key", lambda: self.pick(KEYS))}
        form = self.maybe(3, "fields", lambda: {"n": {"type": "integer", "required": True}})
        return {"command": f"{name}_{self.id('c')}" if name != id else name, **self.maybe(2, "by", self.people), **form}


ACTIVITIES: dict[str, Callable[[Maker, str, int], Written]] = {
    "notify": Maker.notify,
    "calendar-event": Maker.calendar_event,
    "update-document": Maker.update_document,
    "set-variables": Maker.set_variables,
    "pause": Maker.pause,
    "join": Maker.join,
    "send-message": Maker.send_message,
    "wait-message": Maker.wait_message,
    "call-process": Maker.call_process,
    "call-service": Maker.call_service,
    "create-document": Maker.create_document,
    "find-documents": Maker.find_documents,
    "decide": Maker.decide,
    "pick-user": Maker.pick_user,
    "request-info": Maker.request_info,
    "task": Maker.task,
    "approve-chain": Maker.approve_chain,
    "condition": Maker.choose,
    "loop": Maker.loop,
    "for-each": Maker.for_each,
    "parallel": Maker.parallel,
    "race": Maker.race,
    "block": Maker.block,
}
"""What makes a step of each activity; `end` stands at the end of lists."""
CALLING = frozenset({"notify", "calendar-event", "update-document", "call-process", "call-service", "create-document", "pick-user"})
"""Those that may have a `retry`."""
SIMPLE = (
    *["request-info"] * 4,
    *["task"] * 2,
    "approve-chain",
    *["pause"] * 2,
    *["notify", "update-document", "update-document", "set-variables", "set-variables", "calendar-event"],
    "race",
    "join",
)
NESTED = ("condition", "condition", "loop", "loop", "for-each", "for-each", "parallel", "parallel", "race", "block", "block", "split", "split", "request-info")

VARIABLES = {
    "x": {"type": "integer", "default": 0},
    "y": {"type": "integer", "default": 1},
    "flag": {"type": "boolean", "default": False},
    "who": {"type": "user"},
}
STARTS = ({"on": "manual"}, {"on": "call"})
MORE_STARTS: tuple[Written, ...] = (
    {"on": "document-changed", "when": "previous.status != document.status"},
    {"on": "document-created"},
)
PERSONS = {"manager": "document.responsible", "both": '[user("ivanov"), manager]'}


def head(name: str) -> Written:
    """What all these processes begin with."""
    return {"bpflow": 1, "id": name, "title": "Процесс", "timezone": "Europe/Moscow", "document": "deal", "people": PERSONS, "variables": VARIABLES}


def make(number: Callable[[int, int], int], depth: int = 3, size: int = 30, name: str = "p", kind: type[Maker] = Maker) -> Written:
    """A process with variables and people, on a document; perhaps with a start, an input, outputs and a `meanwhile`."""
    maker = kind(number, size)
    steps = maker.steps(depth, 1, 4)
    handlers = [maker.handler(1) for _ in range(maker.pick((0, 0, 0, 1, 2)))]
    made = head(name)
    made |= maker.maybe(3, "start", lambda: [*STARTS, maker.pick(MORE_STARTS)])
    made |= {"unless-running": True} if "start" in made or maker.chance(4) else {}
    made |= maker.maybe(3, "inputs", lambda: {"given": {"type": "integer", "default": 2}})
    made |= maker.maybe(2, "outputs", lambda: {"out": maker.pick(("x", *(maker.proved(*one) for one in maker.given)))})
    made |= {"meanwhile": handlers} if handlers else {}
    return unnamed({**made, "steps": steps}, maker)


def unnamed(process: Written, maker: Maker) -> Written:
    """The process, some of its steps without the ids that nothing reads."""
    text = "\n".join(scalars(process))
    for step in every_step(process):
        if "id" in step and maker.chance(2) and text.count(step["id"]) == 1:
            del step["id"]
    return process


def every_step(tree: Any) -> Iterator[Written]:
    if isinstance(tree, dict):
        if "activity" in tree:
            yield tree
        for one in tree.values():
            yield from every_step(one)
    elif isinstance(tree, list):
        for one in tree:
            yield from every_step(one)


def scalars(tree: Any) -> Iterator[str]:
    for one in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from scalars(one)
    if isinstance(tree, str):
        yield tree


class Dumper(yaml.SafeDumper):
    """YAML without anchors, which the language has not."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def written(process: Written) -> str:
    """The process as YAML."""
    text: str = yaml.dump(process, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=150)
    return text


# ── mistakes ────────────────────────────────────────────────────────────────────────────────────────────────────────
JUNK: tuple[Any, ...] = (
    None,
    "",
    0,
    -1,
    True,
    [],
    {},
    "x +",
    "$(",
    "$(x",
    "s1",
    "go-on",
    "none",
    ["s1", "s2"],
    [[]],
    {"a": 1},
    {"steps": []},
    "2 days ago",
    1.5,
)


def damaged(process: Written, number: Callable[[int, int], int]) -> Written:
    """The process with a few mistakes: something left out, something else in its place, a key misspelt, a part where another belongs."""
    tree = copy.deepcopy(process)
    for _ in range(number(1, 3)):
        places = [(holder, key) for holder in holders(tree) for key in (holder if isinstance(holder, dict) else range(len(holder)))]
        if not places:
            break
        holder, key = places[number(0, len(places) - 1)]
        other, name = places[number(0, len(places) - 1)]
        match number(0, 4):
            case 0:
                del holder[key]
            case 1:
                holder[key] = JUNK[number(0, len(JUNK) - 1)]
            case 2 if isinstance(holder, dict):
                holder[f"{key}s"] = holder.pop(key)
            case 3 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case _:
                holder[key] = copy.deepcopy(other[name])
    return tree


def holders(tree: Any) -> Iterator[Any]:
    """All tables and lists, from the outside inwards."""
    if isinstance(tree, dict | list):
        yield tree
        for one in tree.values() if isinstance(tree, dict) else tree:
            yield from holders(one)
