"""The rule about loops that nothing can end.

The law of this file: a loop is endless only if the same condition keeps it going each time, and everything that it reads is known to stay as
it is. What may be changed from outside while something waits, by something beside, by a clock or a directory, is not known to stay.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

from bpflow.checks.cycles import cycles
from bpflow.checks.possible import DOCUMENT
from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject
from bpflow.diagnostics import Diagnostic, Severity, Span, each_quoted, say
from bpflow.expressions import FUNCTIONS, Parsed, parse
from bpflow.expressions.truth import certain
from bpflow.graph import Block, Call, Choose, Exit, Expr, Flow, Node, Step, Task, Wait, flows, step_of

QUICK = frozenset({"notify", "calendar.add", "people.pick", "documents.find"})
"""Services that leave the document of the process as it is."""


@rule("endless-loop")
def endless_loop(subject: Subject) -> Iterator[Diagnostic]:
    """Something in a loop must be able to end it.

    The condition of a loop is read in each turn. If the steps inside change nothing of what it reads, it is the same in each turn, and the
    loop goes on for ever (or is never repeated). Variables are changed by `set-variables`, results by the step that gives them; a document
    can also be changed from outside while the loop waits. Another way out is a `next`, an `end`, or `max`. A plain `while: true` is a warning.

    Bad:

        variables:
          attempts: {type: integer, default: 0}
        steps:
          - activity: loop
            until: attempts >= 3
            steps:
              - {activity: request-info, title: Call the client, to: document.responsible}

    Good:

        variables:
          attempts: {type: integer, default: 0}
        steps:
          - activity: loop
            until: attempts >= 3
            steps:
              - {activity: request-info, title: Call the client, to: document.responsible}
              - {activity: set-variables, set: {attempts: $(attempts + 1)}}
    """
    for choice in endless(subject).values():
        names = sorted({".".join(path.names) for expr, _ in choice.arms for path in parse(expr.text).paths})
        message = say("nothing in the loop changes {names}, so nothing ends it", names=each_quoted(names)) if names else say("nothing ends this loop")
        hint = say('change it in the loop, read a result of a step inside, or give the loop "max"') if names else say('write a condition, or give it "max"')
        meant = all(expr.text in ("true", "false") for expr, _ in choice.arms)
        yield Diagnostic(_span(choice, subject), "endless-loop", message, hint, Severity.WARNING if meant else Severity.ERROR)


def endless(subject: Subject) -> dict[str, Choose]:
    """The choices that keep loops going for ever, by their ids."""
    if not subject.complete:
        return {}
    nodes = {node.id: node for node in subject.graph.nodes}
    found: dict[str, Choose] = {}
    for members in _loops(subject):
        loop = Loop(subject, nodes, members)
        exits = loop.exits()
        if exits and not loop.has_bound() and all(map(loop.stays, exits)) and not loop.is_left_from_outside():
            found.setdefault(exits[0].id, exits[0])
    return found


def _loops(subject: Subject) -> Iterator[frozenset[str]]:
    """The nodes of each loop: of those that are written as one, and of the cycles that `next` makes."""
    ids = sorted(node.id for node in subject.graph.nodes)
    for node in subject.graph.nodes:
        if isinstance(node, Step) and node.turn:
            path = step_of(node.id)
            own = ids[bisect_right(ids, path) : bisect_right(ids, f"{path};")]  # ";" follows ":", and "." and "/" come before that
            yield frozenset(id for id in own if id[len(path)] in ":/.")
    yield from cycles({node.id: [flow.to for flow in flows(node) if flow.to] for node in subject.graph.nodes})


class Loop:
    """The nodes of a loop."""

    def __init__(self, subject: Subject, nodes: dict[str, Node], members: frozenset[str]) -> None:
        self.subject, self.nodes, self.members = subject, nodes, members
        blocks = (node for id in members if isinstance(node := nodes[id], Block))
        self.inner = frozenset(id for block in blocks for id in subject.possible.beside.inside(block))
        """Those inside of blocks that are in the loop."""
        self.all = members | self.inner

    @cached_property
    def changed(self) -> frozenset[str]:
        """The names that are changed in it."""
        return self.subject.possible.beside.names(self.all)

    def exits(self) -> list[Choose]:
        """The choices by which it can be left; none if it can be left in another way, or not at all."""
        found: list[Choose] = []
        for id in sorted(self.all):
            node = self.nodes[id]
            if isinstance(node, Exit):
                return []
            if any(self._leaves(id, flow) for flow in flows(node)):
                if not isinstance(node, Choose) or node.hit == "every":
                    return []
                found.append(node)
        return found

    def _leaves(self, id: str, flow: Flow) -> bool:
        if flow.to is None:
            return id not in self.inner or flow.up > 0
        return flow.to not in self.all

    def has_bound(self) -> bool:
        """Whether the turns are counted up to a most."""
        return any(isinstance(node := self.nodes[id], Step) and node.bound is not None for id in self.members)

    def is_left_from_outside(self) -> bool:
        """Whether something around the loop can end it, or it runs beside a body of which it may read how far that is."""
        beside = self.subject.possible.beside
        if any(handler.cancels for handler in self.subject.graph.handlers):
            return True
        if any(not self.members.isdisjoint(beside.region([handler.entry])) for handler, _ in beside.handlers()):
            return True
        around = (block for block in beside.blocks if block.id not in self.all and self.members <= beside.inside(block))
        return any(block.need != "all" or (block.each and block.each.enough) or any(one.cancels for one in block.handlers) for block in around)

    # ── what stays ──────────────────────────────────────────────────────────────────────────────────────────────────
    def stays(self, choice: Choose) -> bool:
        """Whether everything that the choice reads is the same in each turn, and that is no mistake that was told already."""
        if not all(self._is_written(expr) for expr, _ in choice.arms):
            return False
        conditions = [parse(expr.text) for expr, _ in choice.arms]
        if any(map(_asks, conditions)) or not all(self._stays(names) for one in conditions for names in _read(one)):
            return False
        return all(isinstance(one.tree, ast.Constant) or certain(one.tree, self.subject.possible.type_of) is None for one in conditions)

    def _is_written(self, expr: Expr) -> bool:
        use = self.subject.use_at(expr)
        return not use.inferred.mistakes if use else expr.text in ("true", "false")

    def _stays(self, names: tuple[str, ...]) -> bool:
        process, possible = self.subject.process, self.subject.possible
        if names[0] in possible.beside.changed or names[0] in self.changed:
            return False
        if names[0] in (*process.variables, *process.inputs):
            whole = possible.declared(names[:1])
            return len(names) == 1 or whole.kind == "record" or not self._waits()
        if names[0] == DOCUMENT:
            return not self._waits() and not self._is_beside()
        return any(names[0] == step.id for step in process.all_steps()) and possible.declared(names).kind not in ("any", "document")

    def _waits(self) -> bool:
        """Whether time may pass in a turn, or something is done that may change documents."""
        inside = [self.nodes[id] for id in self.all]
        return any(isinstance(node, Task | Wait) or (isinstance(node, Call) and node.service not in QUICK) for node in inside)

    def _is_beside(self) -> bool:
        return any(not self.members.isdisjoint(self.subject.possible.beside.region(entries)) for entries in self.subject.possible.beside.splits())


def _read(condition: Parsed) -> list[tuple[str, ...]]:
    return [path.names for path in condition.paths]


def _asks(condition: Parsed) -> bool:
    """Whether it reads a clock, or asks the outside."""
    return "now" in condition.names or any(FUNCTIONS[name].asks for name, _ in condition.calls)


def _span(choice: Choose, subject: Subject) -> Span:
    for expr, _ in choice.arms:
        use = subject.use_at(expr)
        if use is not None:
            return use.whole
    step = subject.step_of(choice.id)
    key = next((key for key in ("while", "until", "branches") if step and any(key == name.rstrip("_") for name in step.model_fields_set)), "")
    return step.value_span(key) if step else Span(subject.source.file, 1, 1)
