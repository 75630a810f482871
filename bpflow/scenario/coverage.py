"""Coverage: which steps, branches and outcomes of a process no scenario has visited.

The law of this file: it compares the flows of the graph with those that the histories tell of, and asks nobody else. A step is
visited when it has been entered, a branch or an outcome when it has been taken — by whomever, a deadline too. What is written once and
stands in every stage of a pipeline (a move that all have, the question for what a stage needs) is visited when it is in one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from bpflow.diagnostics import Message, Span, say
from bpflow.graph import ENTER, Block, Choose, Expr, Flow, Graph, Handler, Node, Place, StepInfo, Task, Wait, is_way, step_name, step_of


class Unvisited(Struct, frozen=True):
    """Something that no scenario has visited: how people call it, and where it stands in the process's file."""

    name: Message
    span: Span


class Share(Struct, frozen=True):
    """How many of the steps (branches, outcomes) were visited, and which were not."""

    total: int
    unvisited: tuple[Unvisited, ...] = ()

    @property
    def visited(self) -> int:
        """The number of those that were."""
        return self.total - len(self.unvisited)

    @property
    def full(self) -> bool:
        """All of them were."""
        return not self.unvisited


class Coverage(Struct, frozen=True):
    """What the scenarios of a process have visited of it."""

    steps: Share
    branches: Share
    outcomes: Share

    @property
    def full(self) -> bool:
        """Everything was visited."""
        return self.steps.full and self.branches.full and self.outcomes.full

    @property
    def unvisited(self) -> tuple[Unvisited, ...]:
        """All that was not, in the order of the file."""
        parts = (*self.steps.unvisited, *self.branches.unvisited, *self.outcomes.unvisited)
        return tuple(sorted(parts, key=lambda part: (part.span.line, part.span.column)))


def told(coverage: Coverage) -> Iterator[Message]:
    """How much was visited, and each part that was not, line by line."""
    shares = {"steps": coverage.steps, "branches": coverage.branches, "outcomes": coverage.outcomes}
    counts = {name: f"{share.visited}/{share.total}" for name, share in shares.items()}
    yield say("  visited: steps {steps}, branches {branches}, outcomes {outcomes}", **counts)
    for part in coverage.unvisited:
        yield say("    not visited: {name}, {place}", name=part.name, place=f"{part.span}")


def coverage_of(graph: Graph, nodes: Set[str], taken: Set[str], file: str | None = None) -> Coverage:
    """The coverage of a process by the ids of the nodes and of the flows that were visited. `file` is what places call its file."""
    told = _Told(graph, graph.source if file is None else file)
    entered = {step_of(node) for node in nodes}
    return Coverage(
        steps=_share((told.key(step), step.path in entered, told.step(step)) for step in graph.steps),
        branches=_share((key, flow.id in taken, part) for key, flow, part in told.branches()),
        outcomes=_share((key, flow.id in taken, part) for key, flow, part in told.outcomes()),
    )


def _share(parts: Iterable[tuple[Key, bool, Unvisited]]) -> Share:
    """Those of one key are one; the first tells its name and its place."""
    found: dict[Key, tuple[bool, Unvisited]] = {}
    for key, visited, part in parts:
        known = found.setdefault(key, (visited, part))
        found[key] = known[0] or visited, known[1]
    return Share(len(found), tuple(part for visited, part in found.values() if not visited))


Key: TypeAlias = tuple[object, ...]
"""What tells one part from others."""


class _Told:
    """The parts of a graph in words, with their places."""

    def __init__(self, graph: Graph, file: str) -> None:
        self.graph, self.file = graph, file
        self.infos: Mapping[str, StepInfo] = {step.path: step for step in graph.steps}
        self.asking = {step_of(node.id) for node in graph.nodes if isinstance(node, Task)}
        """The steps that ask people: where such a step has branches by outcome besides, they are told as its outcomes."""

    def step(self, step: StepInfo) -> Unvisited:
        return Unvisited(called(step), self._span(step.place))

    @staticmethod
    def key(step: StepInfo) -> Key:
        """What tells a step from others: the question for what a stage needs is the same in all stages."""
        return ("enter", step_name(step.path)) if step.activity == ENTER else (step.path,)

    def branches(self) -> Iterator[tuple[Key, Flow, Unvisited]]:
        """The ways out of each node that has several and is no task, and what may happen meanwhile, with what they are called."""
        for node in self.graph.nodes:
            step = self.infos.get(step_of(node.id))
            asks = isinstance(node, Choose) and step is not None and step.path in self.asking
            if step is not None and not asks and not is_way(node.id):
                for way in _ways(node):
                    place = way.at.place if way.at and way.at.place else step.place
                    key = (way.flow.id,) if way.once is None else way.once
                    yield key, way.flow, Unvisited(say("{branch} of {step}", branch=way.name, step=called(step)), self._span(place))
        for way in _handled(self.graph.handlers):
            yield (way.flow.id,), way.flow, Unvisited(say("{branch} of the process", branch=way.name), self._span(way.at.place if way.at else None))

    def outcomes(self) -> Iterator[tuple[Key, Flow, Unvisited]]:
        for node in self.graph.nodes:
            step = self.infos.get(step_of(node.id))
            if isinstance(node, Task) and step is not None:
                titles = {outcome.name: outcome for outcome in node.form.outcomes}
                for name, flow in node.outcomes:
                    title = titles[name].title if name in titles else name
                    shown = named(title, name)
                    key = (*self.key(step), name)
                    yield key, flow, Unvisited(say("the outcome {outcome} of {step}", outcome=shown, step=called(step)), self._span(step.place))

    def _span(self, place: Place | None) -> Span:
        line, column = place or (1, 1)
        return Span(self.file, line, column, line, column + 1)


class _Way(NamedTuple):
    """A way that may be taken or not: its flow, what it is called, and the expression that stands for its place. `once`: what tells it from
    others, where the same stands in several stages."""

    flow: Flow
    name: Message
    at: Expr | None = None
    once: Key | None = None


def _ways(node: Node) -> Iterator[_Way]:
    """The branches of a node. That a parallel has nothing to do is no branch of it."""
    match node:
        case Choose():
            for when, flow in node.arms:
                yield _Way(flow, _branch(branch_name(flow)), when)
            if node.otherwise and node.hit != "every":
                yield _Way(node.otherwise, _branch(branch_name(node.otherwise)))
        case Wait() if len(node.arms) > 1:
            for trigger, flow in node.arms:
                yield _Way(flow, _branch(branch_name(flow)), trigger.expr or trigger.by)
        case Block():
            for flow in node.entry if len(node.entry) > 1 else ():
                yield _Way(flow, _branch(branch_name(flow)))
            yield from _handled(node.handlers)


def _handled(handlers: Iterable[Handler]) -> Iterator[_Way]:
    """What may happen meanwhile, and what is done about errors."""
    for handler in handlers:
        by = handler.trigger.by
        if handler.trigger.kind == "alone":
            continue  # taken wherever the step is, which is visited or not
        if handler.trigger.kind == "move":
            yield _Way(handler.entry, say("the move to {stage}", stage=named(handler.trigger.title, handler.name)), by, (handler.name, by and by.place))
            continue
        name = say('"on-error"') if handler.name == "on-error" else say('what may come meanwhile, "{name}",', name=handler.name)
        yield _Way(handler.entry, name, handler.trigger.expr or by)


def branch_name(flow: Flow) -> str:
    """The name of the branch in the id of a flow: `node[name]>target`."""
    return flow.id.partition("[")[2].partition("]>")[0]


def _branch(name: str) -> Message:
    match name:
        case "again":
            return say("another turn")
        case "over":
            return say("the end")
        case "otherwise":
            return say('"otherwise"')
    return say("branch {number}", number=name) if name.isdigit() else say('the branch "{name}"', name=name)


def called(step: StepInfo) -> Message:
    """The step as people call it: its title with its id, or its id alone."""
    return named(step.title, step_name(step.path))


def named(title: str, name: str) -> Message:
    """A title with the name behind it, or the name alone."""
    return say('"{title}" ({name})', title=title, name=name) if title and title != name else say('"{name}"', name=name)
