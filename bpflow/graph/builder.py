"""The builder: lists of steps go in, each lowers itself through its `Lowering`, and nodes with resolved flows come out.

The law of this file: whatever is wrong in a process, lowering goes on to its end and all findings come at once. A place that a
flow may lead to is known before any step of its list is lowered, so the order of the steps does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from bpflow.diagnostics import Diagnostic, Message, Severity, Span, did_you_mean, say
from bpflow.expressions import ExpressionError, parse
from bpflow.graph import written
from bpflow.graph.literals import valued
from bpflow.graph.nodes import Block, Call, Expr, Flow, Handler, Join, Node, Place, Retry, Step, StepInfo, Trigger, flows, is_inside, step_of
from bpflow.graph.written import NOWHERE, Part, Written
from bpflow.values import DocumentType, Field, ServiceType

GO_ON = "go-on"
STAGE, ENTER = "stage", "enter"
"""What stands for the activity of a stage, and for that of the question for what it needs."""
ERROR = "error"
"""The name under which the steps of `on-error` read the error: its `name` and `message`."""
ITEM = "item"
"""The name under which a search reads each document."""
# The names of steps without an id: ids have no capital letters, so these are nobody's.
_HIDDEN = str.maketrans({"/": "_S_", ".": "_B_", "-": "_D_"})


class Lowered(Protocol):
    """What the builder knows of a step of a definition."""

    @property
    def activity(self) -> str: ...
    @property
    def id(self) -> str | None: ...
    @property
    def title(self) -> str | None: ...
    @property
    def next(self) -> Sequence[str]: ...
    @property
    def retry(self) -> LoweredRetry | None: ...
    @property
    def on_error(self) -> LoweredBranch | None: ...
    @property
    def place(self) -> Span: ...
    @property
    def around(self) -> str: ...
    def lower(self, b: Lowering, /) -> None: ...


class LoweredBranch(Protocol):
    """What the builder knows of a branch."""

    def way(self, b: Lowering, name: str, /) -> Way: ...


class LoweredRetry(Protocol):
    """What the builder knows of a `retry`."""

    @property
    def place(self) -> Span: ...
    def lowered(self) -> Retry: ...


class Way(Struct, frozen=True):
    """Where something goes on: to the node `to`, or off the list (None) into the scope at `depth` (blocks around it)."""

    to: str | None
    depth: int = 0


class World(Struct, frozen=True):
    """What steps are lowered against: the process's document type, the other types, its variables and inputs, its zone, the known services."""

    process: str = ""
    title: str = ""
    file: str = ""
    timezone: str = "UTC"
    document: DocumentType | None = None
    has_document: bool = False
    """It says that it has one, even if its type is not known."""
    types: Mapping[str, DocumentType] = field(default_factory=dict)
    variables: Mapping[str, Field] = field(default_factory=dict)
    inputs: Mapping[str, Field] = field(default_factory=dict)
    services: Mapping[str, ServiceType] = field(default_factory=dict)
    stage_field: str | None = None
    """Of a pipeline: the field of the document that only moves may change."""


class _Places(Struct):
    """A list of steps that is being lowered: the entries of its steps by id, what follows it, and the list around it. `apart`: it runs
    beside others like it, so nothing in it leads out of it. `stage`: it is the whole of a stage, by the id of that."""

    depth: int
    after: Way
    around: _Places | None
    by_id: dict[str, str] = field(default_factory=dict)
    apart: bool = False
    stage: str = ""

    def find(self, id: str) -> tuple[Way, bool] | None:
        """The way to a step, and whether it leads out of a list that runs beside others."""
        at: _Places | None = self
        leaves = False
        while at is not None:
            if id in at.by_id:
                return Way(at.by_id[id], at.depth), leaves
            leaves = leaves or at.apart
            at = at.around
        return None

    def is_apart(self) -> bool:
        return self.apart or (self.around is not None and self.around.is_apart())

    def home(self) -> tuple[str, bool]:
        """The stage in which the list stands ("" if it stands in none), and whether leaving it leads out of what runs beside others."""
        at: _Places | None = self
        leaves = False
        while at is not None and not at.stage:
            leaves, at = leaves or at.apart, at.around
        return (at.stage if at else ""), leaves

    def known(self) -> set[str]:
        return set(self.by_id) | (self.around.known() if self.around else set())


class Builder:
    """Gathers the nodes, steps and findings of one process."""

    def __init__(self, world: World, origins: dict[Place, tuple[Part, ...]] | None = None) -> None:
        self.world = world
        self.origins: dict[Place, tuple[Part, ...]] = {} if origins is None else origins
        self.findings: list[Diagnostic] = []
        self.infos: dict[str, StepInfo] = {}
        self.types: dict[str, DocumentType] = {}
        self._nodes: dict[str, Node] = {}
        self._ids: dict[str, Span] = {}
        self._unknown: list[tuple[str, Span, set[str]]] = []
        self._top = _Places(0, Way(None), None)
        self.alone: list[Handler] = []
        """Where instances of their own begin."""
        self.stages: Mapping[str, Callable[[str], Way]] = {}
        """Of a pipeline: for each stage, what makes the way into it from within another one (or, "", from within none)."""

    def lower(self, steps: Sequence[Lowered]) -> Flow:
        """Lowers the steps of the process; the flow that enters it."""
        entry = self._list(steps, "", Way(None), self._top, 0)
        return Flow(f">{entry.to or 'off'}", entry.to)

    def stage(self, id: str, place: Span) -> Lowering:
        """A stage of a pipeline, as seen from inside of the block that it is."""
        self._is_new(id, place)
        return Lowering(self, id, Way(None, 1), _Places(1, Way(None, 1), self._top, stage=id), 1, place=place)

    def extra(self, path: str, activity: str, title: str, place: Span, depth: int) -> Lowering:
        """A step that the analyst has not written as one, at the depth given; where there is one of that path already, the same."""
        self.infos.setdefault(path, StepInfo(path, activity, title, written.start_of(place)))
        return Lowering(self, path, Way(None, depth), self._top, depth, place=place)

    def head(self, place: Span) -> Lowering:
        """What reads the values in the head of the process, which is no step, and lowers what may happen while it runs."""
        return Lowering(self, "", Way(None), self._top, place=place)

    def finish(self, entries: Iterable[Flow] = ()) -> tuple[tuple[Node, ...], tuple[StepInfo, ...]]:
        """The nodes in the order of the steps that they came from, and the steps; judges the names that `next` did not find. `entries`
        are the flows that come from no node: that into the process, and those of what may happen while it runs."""
        self._gather_joins(entries)
        for name, span, known in self._unknown:
            if name in self._ids:
                message = say('"{name}" stands inside a block, and nothing can jump into a block', name=name)
                self.report("jump-into-block", span, message, say("go to the block itself, or move the step out of it"))
            else:
                self.report("unknown-step", span, say('there is no step "{name}"', name=name), did_you_mean(name, {*known, GO_ON}))
        self._unknown.clear()
        order = {path: number for number, path in enumerate(self.infos)}
        return tuple(sorted(self._nodes.values(), key=lambda node: order[step_of(node.id)])), tuple(self.infos.values())

    def _gather_joins(self, entries: Iterable[Flow]) -> None:
        """A join waits for all flows that lead to it, which are known when everything is lowered."""
        into: dict[str, list[str]] = {id: [] for id, node in self._nodes.items() if isinstance(node, Join)}
        for flow in (*entries, *(flow for node in self._nodes.values() for flow in flows(node))) if into else ():
            if flow.to in into:
                into[flow.to].append(flow.id)
        for id, gathered in into.items():
            node = self._nodes[id]
            assert isinstance(node, Join)
            self._nodes[id] = replace(node, into=tuple(gathered))

    def report(self, rule: str, span: Span, message: Message, hint: Message | None = None, severity: Severity = Severity.ERROR) -> None:
        """Notes a finding."""
        here = span if span.file else Span(self.world.file, span.line, span.column, span.end_line, span.end_column)
        self.findings.append(Diagnostic(here, rule, message, hint, severity))

    def keep(self, made: Written) -> Expr:
        """Remembers which parts of the file an expression was made from."""
        if made.expr.place and made.parts:
            self.origins.setdefault(made.expr.place, made.parts)
        return made.expr

    def _list(self, steps: Sequence[Lowered], prefix: str, after: Way, around: _Places | None, depth: int) -> Way:
        """Lowers a list in its place; the way into it."""
        places = _Places(depth, after, around)
        paths = self._paths(steps, prefix, places)
        if around is self._top and not prefix:
            self._top.by_id |= places.by_id
        ways = [*(Way(entry_of(step, path), depth) for step, path in zip(steps, paths, strict=True)), after]
        for step, path, following in zip(steps, paths, ways[1:], strict=True):
            self.infos[path] = StepInfo(path, str(step.activity), str(step.title or ""), written.start_of(step.place))
            b = Lowering(self, path, following, places, depth, step.id, step.place)
            b.then = b.lead(step.next, after) if step.next else following
            self._step(step, b)
        return ways[0]

    def _step(self, step: Lowered, b: Lowering) -> None:
        """Lowers a step. One with `on-error` stands in a block of its own, whose handler takes the error (BPMN 2.0, 13.5.3: a boundary event)."""
        inside = b.inside() if step.on_error else b
        if step.retry:
            inside.retry = step.retry.lowered()
        step.lower(inside)
        if step.retry and not inside.retried:
            message = say('"{activity}" calls no service itself, so there is nothing to try again', activity=step.activity)
            self.report("idle-retry", step.retry.place, message, say('write it at the step that may fail, or use "on-error"'))
        if step.on_error:
            guard = entry_of(step, b.path)
            caught = Handler("on-error", Trigger("error"), True, inside.flow(guard, "on-error", step.on_error.way(inside, "on-error")), gives=ERROR)
            b.add(Block(guard, (inside.flow(guard, "try", Way(_first_of(step, b.path), inside.depth)),), b.flow(guard), handlers=(caught,)))

    def _paths(self, steps: Sequence[Lowered], prefix: str, places: _Places) -> list[str]:
        """The paths of the steps of a list: by id, else by activity with a number from the second on; never one twice."""
        taken = {step.id for step in steps if step.id}
        paths = []
        for step in steps:
            new = step.id is not None and self._is_new(step.id, step.place)
            name = step.id if step.id and new else _numbered(step.id or step.activity, taken)
            paths.append(prefix + name)
            if step.id and new:
                places.by_id[step.id] = entry_of(step, prefix + name)
        return paths

    def _is_new(self, id: str, place: Span) -> bool:
        span, first = _or(written.span_of(id), place), self._ids.get(id)
        if first is None:
            self._ids[id] = span
            return True
        self.report("duplicate-id", span, say('the id "{id}" is taken by the step in line {line}', id=id, line=first.line))
        return False

    def _resolve(self, name: str, places: _Places, after: Way) -> Way:
        if name == GO_ON:
            return after
        found = places.find(name)
        if found is None and name in self.stages:
            home, leaves = places.home()
            found = (after, True) if leaves else (self.stages[name](home), False)
        if found is None:
            self._unknown.append((name, written.span_of(name), places.known() | self.stages.keys()))
            return after
        if found[1]:
            message = say('"{name}" stands outside of what runs in parallel here, and nothing can jump out of that', name=name)
            self.report("jump-out-of-parallel", written.span_of(name), message, say("let the branch run to its end, and go on after all of them"))
            return after
        return found[0]

    def _add(self, node: Node) -> None:
        if node.id in self._nodes:
            raise ValueError(f"the node {node.id} is there already")
        self._nodes[node.id] = node

    def given_within(self, path: str) -> tuple[str, ...]:
        """The names that the steps inside `path` give results under, in the order of the steps."""
        inner = (node for id, node in self._nodes.items() if is_inside(id, path))
        return tuple(sorted({name for node in inner for name in _given_by(node)}))


class Lowering:
    """The builder as one step sees it: where the step stands, what follows it, and what it may do."""

    __slots__ = ("_builder", "_id", "_place", "_places", "depth", "path", "retried", "retry", "then")

    def __init__(self, builder: Builder, path: str, then: Way, places: _Places, depth: int = 0, id: str | None = None, place: Span = NOWHERE) -> None:
        self._builder, self._places, self._id, self._place = builder, places, id, place
        self.path = path
        """The path of the step, and the id of the node by which it is entered."""
        self.then = then
        """What follows the step."""
        self.depth = depth
        """The number of blocks around it."""
        self.retry: Retry | None = None
        """How often the calls of the step are tried again."""
        self.retried = False
        """Whether it has such calls."""

    @property
    def world(self) -> World:
        """The process around the step."""
        return self._builder.world

    @property
    def name(self) -> str:
        """The name under which the step gives results: its id, else one made from its path that nobody else has."""
        return self._id or "Step_" + self.path.translate(_HIDDEN)

    def node(self, suffix: str = "") -> str:
        """The id of the node by which the step is entered, or of a further node of it."""
        return f"{self.path}:{suffix}" if suffix else self.path

    def at(self, suffix: str = "") -> Way:
        """The way to a node of the step."""
        return Way(self.node(suffix), self.depth)

    def add(self, node: Node) -> None:
        """Adds a node of the step. ValueError if its id is not the step's path with or without a suffix, or is taken."""
        if step_of(node.id) != self.path:
            raise ValueError(f"{node.id} is no node of the step {self.path}")
        if self.retry and isinstance(node, Call) and node.retry is None:
            self.retried = True
            node = replace(node, retry=self.retry)
        self._builder._add(node)

    def flow(self, source: str, branch: str = "", way: Way | None = None, title: str | None = None) -> Flow:
        """A flow from the node `source` on the way given, else to what follows the step; `title` is for drawings."""
        way = way or self.then
        return Flow(f"{source}{f'[{branch}]' if branch else ''}>{way.to or 'off'}", way.to, max(0, self.depth - way.depth), title or "")

    def lead(self, next: Sequence[str], after: Way, branch: str = "") -> Way:
        """The way to the step that a `next` names. To several it is a split, a node of this step, which puts a token on each way."""
        ways = [self._builder._resolve(name, self._places, after) for name in next]
        if len(ways) == 1:
            return ways[0]
        split = self.node(f"split.{branch}" if branch else "split")
        self.add(Step(split, tuple(dict.fromkeys(self.flow(split, way=way) for way in ways))))
        return Way(split, self.depth)

    def branch(self, name: str, steps: Sequence[Lowered] | None, next: Sequence[str] = (), then: Way | None = None) -> Way:
        """The way into a branch: its steps, lowered here, or where `next` leads. After the steps comes `then`, else what follows the step.

        `name` tells the branches of a step apart in the paths of their steps; it may be empty if there is but one.
        """
        if set(name) & set(":/>[]"):
            raise ValueError(f"{name!r} cannot name a branch")
        following = self.then if then is None else then
        if next:
            following = self.lead(next, following, name)
        if not steps:
            return following
        prefix = f"{self.path}.{name}/" if name else f"{self.path}/"
        return self._builder._list(steps, prefix, following, self._places, self.depth)

    def inside(self, *, apart: bool = False) -> Lowering:
        """The same step as seen from inside the block that it opens: one deeper, and what follows there is the end of the block.

        `apart`: what stands there runs beside others, so no `next` leads out of it.
        """
        deeper = self.depth + 1
        places = _Places(deeper, Way(None, deeper), self._places, apart=apart) if apart else self._places
        return Lowering(self._builder, self.path, Way(None, deeper), places, deeper, self._id, self._place)

    def beside(self) -> Lowering:
        """The same step as seen from what runs beside it: no `next` leads out of that."""
        return Lowering(self._builder, self.path, self.then, _Places(self.depth, self.then, self._places, apart=True), self.depth, self._id, self._place)

    def alone(self, entry: str) -> Lowering:
        """The same step as seen in an instance of its own, which begins at the node `entry`: nothing else of the process is in it."""
        own = Lowering(self._builder, self.path, Way(None), _Places(0, Way(None), None), 0, self._id, self._place)
        begins = own.flow("", f"alone.{self.path}", Way(entry))
        self._builder.alone.append(Handler(self.path, Trigger("alone"), True, begins))
        return own

    @property
    def is_apart(self) -> bool:
        """Whether the step may run beside others of the same instance: in a branch of a parallel, in a turn of a for-each in parallel."""
        return self._places.is_apart()

    def given_within(self) -> tuple[str, ...]:
        """The names under which the steps inside this one, lowered so far, give results."""
        return self._builder.given_within(self.path)

    def value(self, raw: Any, field: Field | None, place: Span = NOWHERE) -> Expr:
        """The expression for a value written for a field: a literal read by its type, or a text with `$(…)`. Mistakes become findings."""
        made = valued(raw, field, self.world.timezone, place)
        for part in made.written:
            self._builder.keep(part)
        meant = self._meant(raw)
        for finding in made.findings:
            self.report(finding.rule, finding.message, meant if meant and finding.rule == "wrong-value" else finding.hint, _or(finding.span, place))
        return made.expr

    def _meant(self, raw: Any) -> Message | None:
        """A hint for the name of a value where a text stands: `starts` is a word, `$(starts)` what was filled in."""
        try:
            names = parse(raw).names if isinstance(raw, str) else {}
        except ExpressionError:
            return None
        known = {*self.world.inputs, *self.world.variables, "document", "initiator"}
        return say('write "{name}"', name=f"$({raw})") if names and known.issuperset(names) else None

    def instead(self, expr: Expr, text: str) -> Expr:
        """Another expression in the place of one that was short for it."""
        if expr.place:
            self._builder.origins.pop(expr.place, None)
        return Expr(text, expr.place)

    def fields_of(self, document: Expr | None) -> Mapping[str, Field] | None:
        """The fields of the process's document, or of the one that an expression such as `document.client` leads to; None if not known."""
        names = (document.text if document else "document").split(".")
        here = self.world.document
        for name in names[1:]:
            field = dict(here.fields).get(name) if here else None
            here = self.world.types.get(field.of[0]) if field and field.kind == "document" and len(field.of) == 1 else None
        return dict(here.fields) if here and names[0] == "document" else None

    def document_type(self, name: str, at: Span = NOWHERE) -> DocumentType | None:
        """A document type that the step works with; the graph is pinned to it. One that is not there is a finding."""
        found = self.world.types.get(name)
        if found is None:
            self.report("unknown-type", say('there is no document type "{type}"', type=name), did_you_mean(name, self.world.types), at)
        else:
            self._builder.types[name] = found
        return found

    def report(self, rule: str, message: Message, hint: Message | None = None, at: Span | None = None, severity: Severity = Severity.ERROR) -> None:
        """Notes a finding at a place, else at the step."""
        self._builder.report(rule, _or(at or NOWHERE, self._place), message, hint, severity)


def _given_by(node: Node) -> Iterator[str]:
    """The names of the results of a node, and of what its handlers bring."""
    name = getattr(node, "gives", None) or getattr(node, "turn", None)
    if name:
        yield name
    if isinstance(node, Block):
        yield from (handler.gives for handler in node.handlers if handler.gives)


def entry_of(step: Lowered, path: str) -> str:
    """The node by which a step is entered: that of its path, the block that it opens around that, or the one that takes its errors."""
    return f"{path}:guard" if step.on_error else _first_of(step, path)


def _first_of(step: Lowered, path: str) -> str:
    return f"{path}:{step.around}" if step.around else path


def _numbered(name: str, taken: set[str]) -> str:
    """The name, or with the first number from 2 on that makes it new; it is taken from then on."""
    number, found = 2, name
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    taken.add(found)
    return found


def _or(span: Span, other: Span) -> Span:
    return other if span is NOWHERE else span
