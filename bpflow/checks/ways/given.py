"""What the nodes of a graph give: under which names results stand, with which fields, and by what they come and go.

The law of this file: it says what the engine does. A name or a field that is none is there; what is not there makes every expression that
reads it fail. Sets of names and fields are numbers, a bit for each.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from bpflow.expressions import parse
from bpflow.expressions.facts import Constant
from bpflow.graph import Block, Call, Expr, Graph, Handler, Node, Outcome, Step, Task, Trigger, Wait, expressions

Fields: TypeAlias = frozenset[str] | None
"""The fields of a record; None: all that anybody may read of it."""

DECISION = frozenset(("outcome", "by", "at", "comment"))
OPEN = DECISION | {"answers", "waiting", "overdue"}
"""What the results of a task have from the moment when it is opened."""
CLIMBING = frozenset(("approver", "skipped", "passed", "level"))
"""What they have besides where the task climbs a line of people."""
ANSWER = DECISION | {"in_place_of"}
"""What an answer has besides its form."""
PRESSED = frozenset(("by", "at", "comment"))
"""What a command brings besides its form."""


def while_open(task: Task) -> frozenset[str]:
    """The fields of a task's results while it is open: nobody has filled its form."""
    parts, items = {"subtasks"} if task.parts else set(), {"checklist"} if task.checklist else set()
    return OPEN | parts | items | (CLIMBING if task.climb else frozenset())


def form_fields(form: Iterable[Outcome]) -> frozenset[str]:
    """The fields of all the forms."""
    return frozenset(name for outcome in form for name, _ in outcome.fields)


def decided(task: Task, outcome: str) -> frozenset[str]:
    """The fields of a task's results once it has come to that outcome: those of its form, and of no other's."""
    return while_open(task) | form_fields(one for one in task.form.outcomes if one.name == outcome)


def brought(trigger: Trigger) -> Fields:
    """The fields of what a trigger brings. A message of which nothing is said has whatever its sender says."""
    own = frozenset(name for name, _ in trigger.form)
    match trigger.kind:
        case "command" | "move":
            return PRESSED | own
        case "message":
            return own if trigger.form else None
        case "error":
            return frozenset(("name", "message"))
        case "answer":
            return ANSWER
    return frozenset()


def _gifts(node: Node) -> Iterator[tuple[str, Fields]]:
    """The names under which a node gives something, with all the fields that there may be."""
    match node:
        case Step():
            if node.gives:
                yield node.gives, frozenset(name for name, _ in node.sets)
            if node.turn:
                yield node.turn, frozenset(("turn",))
        case Task() if node.gives:
            yield node.gives, while_open(node) | form_fields(node.form.outcomes)
        case Wait() if node.gives:
            for trigger, _ in node.arms:
                fields = brought(trigger)
                yield node.gives, None if fields is None else fields | {"won"}
        case Call() if node.gives:
            yield node.gives, None
        case Block():
            if node.gives:
                yield node.gives, frozenset(("results",))
            if node.each:
                yield node.each.name, None


class Ledger(Struct):
    """The results of a process that some expression reads: which there are, and the bit of each.

    `fields`: by name all fields that there may ever be · `bits`: of (name,) and (name, field) · `whole`: all bits of a name · `paths`:
    everything that is read, with its beginnings.
    """

    fields: dict[str, Fields] = field(default_factory=dict)
    bits: dict[tuple[str, ...], int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    paths: set[tuple[str, ...]] = field(default_factory=set)

    def mask(self, name: str, fields: Fields) -> int:
        """The bits of a record under that name that has those fields."""
        if fields is None or name not in self.whole:
            return self.whole.get(name, 0)
        found = self.bits[name,]
        for one in fields:
            found |= self.bits.get((name, one), 0)
        return found

    def read(self, names: tuple[str, ...]) -> int:
        """The bits that must be there for a path to be read."""
        return self.bits.get(names[:1], 0) | self.bits.get(names[:2], 0)

    def named(self, names: Iterable[str]) -> int:
        """All bits of some names."""
        found = 0
        for name in names:
            found |= self.whole.get(name, 0)
        return found


def expressions_in(graph: Graph) -> dict[str, tuple[Expr, ...]]:
    """The expressions of each node; under "" those that stand in none."""
    return {"": tuple(expressions(replace(graph, nodes=()))), **{node.id: tuple(expressions(node)) for node in graph.nodes}}


def ledger(graph: Graph, written: Mapping[str, tuple[Expr, ...]]) -> Ledger:
    """The results of a process, with its expressions by node. What has the name of a variable, an input or of people is none: that
    clash is a finding of its own."""
    found = Ledger()
    others = {"document", "initiator", *(variable.name for variable in graph.variables), *(name for name, _ in (*graph.inputs, *graph.people))}
    for name, fields in _all_gifts(graph):
        if name not in others:
            before = found.fields.get(name, frozenset())
            found.fields[name] = None if before is None or fields is None else before | fields
    for text in {expr.text for exprs in written.values() for expr in exprs}:
        for path in parse(text).paths:
            found.paths |= {path.names[:length] for length in range(1, len(path.names) + 1)}
    _number(found)
    return found


def _all_gifts(graph: Graph) -> Iterator[tuple[str, Fields]]:
    nodes = {node.id: node for node in graph.nodes}
    for node in graph.nodes:
        yield from _gifts(node)
        if isinstance(node, Block):
            yield from _brought_by(node.handlers)
            for handler in node.handlers:
                if handler.gives and handler.trigger.kind == "answer":
                    yield from ((handler.gives, decided(task, outcome.name)) for task in tasks_in(node, nodes) for outcome in task.form.outcomes)
    yield from _brought_by(graph.handlers)


def _brought_by(handlers: Iterable[Handler]) -> Iterator[tuple[str, Fields]]:
    for handler in handlers:
        if handler.gives:
            yield handler.gives, brought(handler.trigger)


def _number(found: Ledger) -> None:
    """Gives a bit to what is read: a name, and each of its fields that may be missing from it."""
    for path in sorted(found.paths):
        fields = found.fields.get(path[0], frozenset())
        if path[0] in found.fields and (len(path) == 1 or (len(path) == 2 and fields is not None and path[1] in fields)):
            bit = found.bits[path] = 1 << len(found.bits)
            found.whole[path[0]] = found.whole.get(path[0], 0) | bit


def tasks_in(block: Block, nodes: Mapping[str, Node]) -> list[Task]:
    """The task that is open inside a block beside which steps run; subtasks are none."""
    entered = (nodes.get(flow.to or "") for flow in block.entry)
    return [node for node in entered if isinstance(node, Task) and node.part is None]


def tested(written: Mapping[str, tuple[Expr, ...]]) -> frozenset[Constant]:
    """The constants with which some expression compares something."""
    trees = [parse(text).tree for text in {expr.text for exprs in written.values() for expr in exprs}]
    found = (inner for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Compare) for inner in ast.walk(node))
    return frozenset(node.value for node in found if isinstance(node, ast.Constant))  # type: ignore[misc]


def by_outcome(graph: Graph, known: Ledger) -> dict[tuple[str, str], dict[str, int]]:
    """What is there once it is known which outcome a task has come to, or which arm a wait: by the path that tells, and its value."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    several: set[str] = set()
    for node in graph.nodes:
        name, values = _told_by(node, known)
        for path, there in values.items():
            if name in {one for one, _ in found} and path in found:
                several.add(name)
            found.setdefault(path, {}).update(there)
    return {path: there for path, there in found.items() if path[0] not in several}


def _told_by(node: Node, known: Ledger) -> tuple[str, dict[tuple[str, str], dict[str, int]]]:
    match node:
        case Task() if node.gives:
            return node.gives, {(node.gives, "outcome"): {name: known.mask(node.gives, decided(node, name)) for name, _ in node.outcomes}}
        case Wait() if node.gives and node.names:
            fields = [brought(trigger) for trigger, _ in node.arms]
            masks = {name: known.mask(node.gives, None if one is None else one | {"won"}) for name, one in zip(node.names, fields, strict=True)}
            return node.gives, {(node.gives, "won"): masks}
    return "", {}
