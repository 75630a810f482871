"""The rule that what is read of a step is there, on every way that leads to where it is read."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject
from bpflow.checks.ways.cases import Case
from bpflow.checks.ways.given import decided
from bpflow.checks.ways.reading import Missing
from bpflow.checks.ways.telling import Telling
from bpflow.checks.ways.views import INNER, around, seen
from bpflow.checks.ways.walk import Walk
from bpflow.diagnostics import Diagnostic, Message, Span, say
from bpflow.graph import ERROR, Block, Expr, Handler, Node, Part, Place, Step, Task, gives, handlers_of, step_name, step_of


@rule("unset-result")
def unset_result(subject: Subject) -> Iterator[Diagnostic]:
    """What is read of a step must be there on every way to the place where it is read.

    Results are there once the step has been done: not on a way that has passed it by, not in the next turn of its loop, which forgets them,
    and not outside of a for-each. The fields of a form are there after the outcomes that have this form. Whoever reads them elsewhere first
    asks: `ask.outcome == "arranged"`, `ask.meeting_at != none`, or says with `coalesce(ask.meeting_at, …)` what is taken instead. An instance
    that came there on the way shown would stop with an incident.

    Bad:

        steps:
          - id: ask
            activity: request-info
            to: document.responsible
            outcomes:
              arranged: {title: Arranged, fields: {meeting_at: {type: datetime, required: true}}}
              refused: {title: Refused, next: go-on}
          - {activity: calendar-event, title: Meeting, at: ask.meeting_at, to: document.responsible}

    Good:

        steps:
          - id: ask
            activity: request-info
            to: document.responsible
            outcomes:
              arranged: {title: Arranged, fields: {meeting_at: {type: datetime, required: true}}}
              refused: {title: Refused, steps: [{activity: end, result: refused}]}
          - {activity: calendar-event, title: Meeting, at: ask.meeting_at, to: document.responsible}
    """
    if subject.complete and subject.walk.ledger.bits:
        yield from _Search(subject).findings()


class _Found(Struct, frozen=True):
    """Something missing in a part of the file, on the shortest way known. `node`: where it is read; "" for the head of the process."""

    part: Part
    missing: Missing
    case: Case
    node: str

    @property
    def span(self) -> Span:
        """Where it is read."""
        return self.part.span(self.missing.offset, self.missing.length)

    @property
    def path(self) -> str:
        """What is read, as it is written."""
        return self.part.text[self.missing.offset : self.missing.offset + self.missing.length]


class _Search:
    """Looks through all expressions of a process."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.walk: Walk = subject.walk
        self.telling = Telling(self.walk)
        self.found: dict[tuple[str, tuple[str, ...]], _Found] = {}
        self.visited: set[Place] = set()

    def findings(self) -> Iterator[Diagnostic]:
        for id in self.walk.at:
            for expr, case in seen(self.walk, id):
                self.look(expr, case, id)
        for expr, case in around(self.walk):
            self.look(expr, case, "")
        for id in self.walk.at:
            self.look_at_rules(id)
        yield from map(self.finding, self.found.values())

    def look(self, expr: Expr, case: Case, node: str) -> None:
        """Notes what is missing in an expression, in a case in which it is evaluated."""
        place = expr.place
        if place is None:
            return
        self.visited.add(place)
        for part in self.subject.origins.get(place, ()):
            hidden = self.hidden(place, node)
            for missing in self.walk.text_of(part.text, hidden).missing(case):
                self.note(_Found(part, missing, case, node))

    def note(self, found: _Found) -> None:
        """Keeps the first of a node that lacks the same, on the shortest way; that a name or a field is none at all is a finding of other rules."""
        named = self.subject.environment.of(found.missing.names[0], False)
        if named is None or any(self.subject.environment.known.field_of(named.type, field) is None for field in found.path.split(".")[1:2]):
            return
        key = found.node, found.missing.names
        before = self.found.get(key)
        if before is None or (found.case.length, found.span) < (before.case.length, before.span):
            self.found[key] = found

    def hidden(self, place: Place, node: str) -> frozenset[str]:
        """The names that only the expression at that place sees."""
        own = frozenset(self.subject.names_within.get(place, ()))
        block = self.walk.layout.nodes.get(node)
        enough = block.each.enough if isinstance(block, Block) and block.each else None
        return own | INNER if enough is not None and enough.place == place else own

    def look_at_rules(self, id: str) -> None:
        """The rules of a table of which several count stand in one expression, which has no place of its own."""
        node = self.walk.layout.nodes[id]
        if not isinstance(node, Step) or node.gives is None or any(expr.place in self.subject.origins for _, expr in node.sets):
            return
        for case in self.walk.cases(id):
            names = {missing.names for _, expr in node.sets for missing in self.walk.text(expr).missing(case)}
            for part in self._written_in(id) if names else ():
                for missing in self.walk.text_of(part.text).missing(case):
                    if missing.names in names:
                        self.note(_Found(part, missing, case, id))

    def _written_in(self, id: str) -> Iterator[Part]:
        """What is written in a step and stands in no expression of the graph by itself."""
        starts = sorted(info.place for info in self.walk.graph.steps if info.place)
        begin = next((info.place for info in self.walk.graph.steps if info.path == step_of(id) and info.place), None)
        end = next((place for place in starts if begin is not None and place > begin), None)
        for place, parts in self.subject.origins.items():
            if begin is not None and begin <= place and (end is None or place < end) and place not in self.visited:
                yield from parts

    # ── what is said ────────────────────────────────────────────────────────────────────────────────────────────────
    def finding(self, found: _Found) -> Diagnostic:
        lacks = self.walk.ledger.read(found.missing.names) & ~found.case.there
        way = self.telling.way(found.case, lacks & -lacks)
        message, hint = _Reason(self.walk, self.telling, found, way).told()
        run = self.telling.told(way)
        if found.node:
            here = say('{step}: "{path}" is read', step=self.telling.called(found.node), path=found.path)
        else:
            here = say('"{path}" is read', path=found.path)
        return Diagnostic(found.span, "unset-result", message, hint, run=(*run, here))


class _Reason(Struct, frozen=True):
    """Why something is missing on a way, and what to do about it."""

    walk: Walk
    telling: Telling
    found: _Found
    way: list[Case]

    @property
    def name(self) -> str:
        return self.found.missing.names[0]

    def told(self) -> tuple[Message, Message]:
        """The message, and the hint."""
        return self.inside_only() or self.forgotten() or self.of_outcome() or self.not_done()

    def givers(self) -> list[Node]:
        """The nodes that give what has the name."""
        return [node for node in self.walk.layout.nodes.values() if self.name in gives(node)]

    def bringers(self) -> list[Handler]:
        """What may happen that brings it."""
        return [handler for handlers in handlers_of(self.walk.graph).values() for handler in handlers if handler.gives == self.name]

    def coalesce(self) -> Message:
        if not self.found.node:
            return say("write what is given then: `coalesce({path}, none)`", path=self.found.path)
        return say("ask first: `{path} != none`, or write what is to be taken instead: `coalesce({path}, …)`", path=self.found.path)

    # ── one reason each ─────────────────────────────────────────────────────────────────────────────────────────────
    def inside_only(self) -> tuple[Message, Message] | None:
        """What is known only in the turns of a for-each, or in the steps of what may happen."""
        for node in self.walk.layout.nodes.values():
            if isinstance(node, Block) and node.each and self.name in self.walk.layout.body(node.id).names | {node.each.name}:
                return self._of_turn(node)
        if self.name == ERROR:
            message = say('"error" is known only where something has failed: in the steps of "on-error" and after them')
            return message, say("read it there, or keep what is needed of it in a variable")
        return None

    def _of_turn(self, node: Block) -> tuple[Message, Message] | None:
        within = self.walk.layout.within((node.id, -1))
        if node.each is None or self.found.node in within or any(giver.id not in within and giver is not node for giver in self.givers()):
            return None
        step = step_name(step_of(node.id))
        if self.name == node.each.name:
            return say('"{name}" is the item of "{step}", and known only in its steps', name=self.name, step=step), self._collect(step)
        return say('the results of "{name}" are known only inside the turns of "{step}"', name=self.name, step=step), self._collect(step)

    @staticmethod
    def _collect(step: str) -> Message:
        return say('say with "collect" what each turn gives; "{step}.results" has it then', step=step)

    def forgotten(self) -> tuple[Message, Message] | None:
        """What was there on the way, and has been forgotten: by a turn, a stage, a task that is asked again."""
        bits = self.walk.ledger.read(self.found.missing.names) & ~self.found.case.there
        had = [number for number, case in enumerate(self.way[:-1]) if not bits & ~case.there]
        node = self.walk.layout.nodes.get(self.way[had[-1]].node) if had else None
        if not isinstance(node, Step) or self.name not in node.forgets:
            return None
        step = self.telling.called(node.id)
        message = say('"{name}" is not there on every way: "{step}" begins anew and forgets it', name=self.name, step=step)
        return message, self.coalesce()

    def of_outcome(self) -> tuple[Message, Message] | None:
        """A field that the form of the outcome does not have."""
        task = next((node for node in self.givers() if isinstance(node, Task)), None)
        if task is None or len(self.found.missing.names) < 2:
            return None
        field = self.found.missing.names[1]
        if field not in decided(task, "") and self.found.node in (task.id, f"{task.id}:open"):
            message = say('"{path}" is there only when "{step}" has been answered', path=self.found.path, step=self.name)
            return message, self.coalesce()
        having = [name for name, _ in task.outcomes if field in decided(task, name)]
        left = [name for case in self.way for name, flow in task.outcomes if flow.id == case.flow]
        if not having or not left or left[-1] in having:
            return None
        message = say('after the outcome "{outcome}" of "{step}" there is no "{field}"', outcome=left[-1], step=self.name, field=field)
        hint = say('ask first: `{step}.outcome == "{outcome}"`, or write `coalesce({path}, …)`', step=self.name, outcome=having[0], path=self.found.path)
        return message, hint

    def not_done(self) -> tuple[Message, Message]:
        """What has not been done on the way."""
        givers = self.givers()
        if any(isinstance(node, Task) for node in givers):
            return say('nobody has answered "{name}" on some way to this place', name=self.name), self.coalesce()
        if not givers and self.bringers():
            kinds = {handler.trigger.kind for handler in self.bringers()}
            if kinds == {"answer"}:
                return say('"answer" is known only in the steps of "on-answer"'), say("the results of the task are read under its id")
            return say('"{name}" has not happened on some way to this place', name=self.name), self.coalesce()
        if len(self.found.missing.names) > 1 and self.way and self.walk.ledger.bits[self.name,] & self.found.case.there:
            return say('"{path}" is not there on some way to this place', path=self.found.path), self.coalesce()
        return say('"{name}" has not been done on some way to this place', name=self.name), self.coalesce()
