"""A graph made ready to run: nodes by id, expressions compiled on first use, numbers for the codec. One program serves all instances."""

from __future__ import annotations

from functools import cached_property
from types import NoneType
from typing import Any

from msgspec import Struct

from bpflow.engine.state import ROOT
from bpflow.expressions import Code, compile_code, parse
from bpflow.expressions.parse import written_out
from bpflow.graph import Block, Expr, Flow, Graph, Handler, Join, Node, Outcome, Stage, Step, Task, Trigger, Wait, expressions, flows

MAX_HOPS = 10_000
"""The most nodes that a token enters between two events from outside."""
MAX_LIVE = 10_000
"""The most tokens in one scope."""

DATA_TRIGGERS = frozenset({"at", "until", "changed"})
DECISION = frozenset({"outcome", "by", "at", "comment", "answers", "waiting", "overdue", "subtasks", "checklist"})
"""The results of a task besides the fields of its forms."""
CLIMB = ("approver", "skipped", "passed", "level")
"""The results by which a task that climbs a line knows how far it has come."""


LONGEST_RUN = 16
"""How many flows a way has at most."""


class Way(Struct, frozen=True, gc=False):
    """The way of a token that follows a flow: past nodes that do nothing, to one that does something, or off the list (None).

    `numbers`: those of the flows that it takes · `flow`: the last of them · `entered`: how many nodes it comes to · `special`: it leaves as many
    blocks as `up` says, or `returns` from a handler that has taken the place of the body.
    """

    numbers: tuple[int | str, ...]
    flow: str
    to: str = ""
    node: Node | None = None
    kind: type[Any] = NoneType
    entered: int = 0
    special: bool = False
    up: int = 0
    returns: bool = False


class Asked(Struct, frozen=True, gc=False):
    """What is known of a task beforehand. `forms`, `ways`: by outcome · `given`: whether some expression reads its results, `whole`: more of
    them than the fields of its forms · `simple`: one answer decides it, and nothing else belongs to it · `subject`: where it is always the same."""

    forms: dict[str, Outcome]
    ways: dict[str, Flow]
    given: bool
    whole: bool
    simple: bool
    subject: str | None


class Program:
    """What `advance` runs. Made from a graph, never stored; the caller keeps it by digest. What every event needs is found when it is made,
    all else when it is asked for first."""

    __slots__ = (
        "__dict__",
        "asked",
        "awaited_names",
        "codes",
        "conditional",
        "fields_read",
        "flow_numbers",
        "graph",
        "handler_blocks",
        "handlers",
        "has_turns",
        "live_joins",
        "node_numbers",
        "nodes",
        "people",
        "returns",
        "stages",
        "waits",
        "ways",
    )

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: dict[str, Node] = {node.id: node for node in graph.nodes}
        self.stages: dict[str, Stage] = {stage.id: stage for stage in graph.stages}
        self.people = {name: expr.text for name, expr in graph.people}
        self.codes: dict[str, Code] = {}
        self.handlers: dict[str, tuple[Handler, ...]] = {"": graph.handlers}
        for node in graph.nodes:
            if isinstance(node, Block):
                if node.each and node.handlers:
                    raise ValueError(f"{node.id}: a block for each item has no handlers; put it into a block that has")
                self.handlers[node.id] = node.handlers
        self._prepare(graph)

    def _prepare(self, graph: Graph) -> None:
        """Finds what every event needs: the tasks as they are `asked`; `waits`, the nodes at which a token waits for the first of its arms or a condition that
        closes its task, and those of them that wait for times and conditions alone (`conditional`): neither a message nor a button moves their token;
        whether scopes can have names of their own (`has_turns`); `live_joins`, the inclusive joins, each with the nodes from which a token could still
        reach it; the numbers of nodes and flows in stored states."""
        waits = [node for node in graph.nodes if isinstance(node, Wait)]
        tasks = [node for node in graph.nodes if isinstance(node, Task)]
        self.waits = frozenset((*(node.id for node in waits), *(task.id for task in tasks if task.done_when)))
        self.conditional = frozenset(node.id for node in waits if node.arms and all(arm.kind in DATA_TRIGGERS for arm, _ in node.arms))
        self.has_turns = any(isinstance(node, Block) for node in graph.nodes) or bool(graph.handlers)
        self.handler_blocks = frozenset(block for block, handlers in self.handlers.items() if handlers)
        self.live_joins = {node.id: self._upstream(node.id) for node in graph.nodes if isinstance(node, Join) and node.need == "live"}
        self.node_numbers = {node: number for number, node in enumerate(self.node_ids)}
        self.flow_numbers = {flow: number for number, flow in enumerate(self.flow_ids)}
        self.fields_read, self.awaited_names, self.returns = self._fields_read(), self._awaited_names(), self._returns()
        self.asked = {task.id: self._asked(task) for task in tasks}
        off = (f"{node}>off" for node in self.nodes)  # by which a token leaves what has no flow out
        self.ways = {id: self._way(flow) for id, flow in self.flow_by_id.items()} | {flow: Way((flow,), flow) for flow in off}

    def _asked(self, task: Task) -> Asked:
        wanted = self.fields_read.get(task.gives or "", frozenset())
        whole = wanted is None or not DECISION.isdisjoint(wanted)
        more = task.alarms or task.done_when or task.checklist or task.observers or task.parts or task.part or task.climb
        simple = task.rule.kind == "any" and not (task.in_turn or more or whole or self.handler_blocks)
        forms = {outcome.name: outcome for outcome in task.form.outcomes}
        subject = written_out(parse(task.form.subject.text).tree)
        return Asked(forms, dict(task.outcomes), task.gives in self.fields_read, whole, simple, subject if isinstance(subject, str) else None)

    def _way(self, flow: Flow) -> Way:
        run, special = [flow], self._is_special(flow)
        while not special and len(run) < LONGEST_RUN and (following := self._passed_on(run[-1])) is not None:
            run.append(following)
        last = run[-1]
        node = self.nodes[last.to] if last.to is not None else None
        entered = len(run) if node is not None else len(run) - 1
        numbers = tuple([self.flow_numbers[one.id] for one in run])
        return Way(numbers, last.id, last.to or "", node, type(node), entered, special, flow.up, flow.id in self.returns)

    def _is_special(self, flow: Flow) -> bool:
        return flow.up > 0 or flow.id in self.returns

    def _passed_on(self, flow: Flow) -> Flow | None:
        """The flow that follows at once, as the node between does nothing: a step that sets nothing, and what it counts or forgets are results that
        no expression reads."""
        step = self.nodes.get(flow.to or "")
        if not isinstance(step, Step) or len(step.out) != 1 or step.sets or self._is_special(step.out[0]):
            return None
        counts = step.turn is not None and (step.bound is not None or step.turn in self.fields_read)
        return step.out[0] if not counts and self._kept.isdisjoint(step.forgets) else None

    @cached_property
    def _kept(self) -> frozenset[str]:
        """The names that may be among those of a state: results that are read, and variables."""
        variables = (name for node in self.graph.nodes if isinstance(node, Step) and node.gives is None for name, _ in node.sets)
        return frozenset((*self.fields_read, *variables))

    def way_to(self, flow: str, node: str) -> Way:
        """The way of a token that enters a node anew, as if by a flow that it has taken."""
        returns, there = flow in self.returns, self.nodes[node]
        return Way((self.flow_numbers.get(flow, flow),), flow, node, there, type(there), 1, returns, 0, returns)

    def code(self, expr: Expr) -> Code:
        """The compiled form of an expression, made when it is asked for first; the same text means the same everywhere in a graph."""
        code = self.codes.get(expr.text)
        if code is None:
            code = self.codes[expr.text] = compile_code(expr.text, self.people)
        return code

    def outcomes(self, node: str) -> tuple[Outcome, ...]:
        """The outcomes of a task; of any other node none."""
        task = self.nodes.get(node)
        return task.form.outcomes if isinstance(task, Task) else ()

    def warm(self) -> None:
        """Does now what would otherwise be done when the first instance comes to it."""
        for expr in expressions(self.graph):
            self.code(expr)

    @cached_property
    def given(self) -> tuple[tuple[str, Expr | None], ...]:
        """The inputs and the variables, each with what it is where nothing is given."""
        inputs = ((name, Expr(field.default or "[]") if field.default or field.many else None) for name, field in self.graph.inputs)
        return (*inputs, *((variable.name, variable.default) for variable in self.graph.variables))

    @cached_property
    def plans(self) -> dict[str, Any]:
        """How `enough` is counted, by its text; kept by `enough`."""
        return {}

    def _awaited_names(self) -> frozenset[str]:
        """The names that some condition waited for reads: only their changes make waiting tokens look again."""
        triggers = [arm for node in self.graph.nodes if isinstance(node, Wait) for arm, _ in node.arms]
        triggers += [Trigger("changed", node.done_when) for node in self.graph.nodes if isinstance(node, Task) and node.done_when]
        triggers += [handler.trigger for handlers in self.handlers.values() for handler in handlers]
        return frozenset(name for trigger in triggers for name in self.names_read(trigger))

    def _fields_read(self) -> dict[str, frozenset[str] | None]:
        """Name → the fields of it that some expression of the graph reads (None: the whole of it). What nobody reads, no state keeps."""
        found: dict[str, set[str] | None] = {}
        for expr in expressions(self.graph):
            parsed = parse(expr.text)
            for path in parsed.paths:
                fields = found.setdefault(path.names[0], set())
                if fields is not None and len(path.names) > 1:
                    fields.add(path.names[1])
                elif len(path.names) == 1:
                    found[path.names[0]] = None
            for name in parsed.names:
                if not any(path.names[0] == name for path in parsed.paths):
                    found[name] = None
        for node in self.graph.nodes:
            if isinstance(node, Task) and node.climb and (kept := found.setdefault(node.gives or "", set())) is not None:
                kept |= {*CLIMB, "outcome"}
        return {name: None if fields is None else frozenset(fields) for name, fields in found.items()}

    def names_read(self, trigger: Trigger) -> frozenset[str]:
        """The names that the condition of a trigger reads; people are read through."""
        if trigger.kind not in DATA_TRIGGERS or trigger.fixed or trigger.expr is None:
            return frozenset()
        text = trigger.expr.text
        if text not in self._names_read:
            self._names_read[text] = self._names_in(text)
        return self._names_read[text]

    @cached_property
    def _names_read(self) -> dict[str, frozenset[str]]:
        return {}

    def _names_in(self, text: str) -> frozenset[str]:
        found: set[str] = set()
        todo = [text]
        while todo:
            names = set(parse(todo.pop()).names) - found
            found |= names
            todo += [self.people[name] for name in names if name in self.people]
        return frozenset(found)

    @cached_property
    def node_ids(self) -> list[str]:
        """The nodes in the order of the pinned graph: their places are their numbers in stored states."""
        return ["", *self.nodes]

    @cached_property
    def flow_ids(self) -> list[str]:
        entries = [*self.graph.entry, *(handler.entry for handler in self.graph.handlers)]
        inner = [flow for node in self.graph.nodes for flow in flows(node)]
        return ["", *dict.fromkeys(flow.id for flow in (*entries, *inner))]

    def target(self, flow: str) -> str | None:
        """The node that a flow leads to; None off the list, as by the way out of an `end` that an operator has passed over."""
        known = self.flow_by_id.get(flow)
        return known.to if known else None

    @cached_property
    def flow_by_id(self) -> dict[str, Flow]:
        entries = [*self.graph.entry, *(handler.entry for handler in self.graph.handlers)]
        return {flow.id: flow for flow in (*entries, *(f for node in self.graph.nodes for f in flows(node)))}

    @cached_property
    def regions(self) -> dict[str, tuple[str, int]]:
        """Node → the body in which it stands: the block ("" for the process) and the number of the handler, or -1."""
        found: dict[str, tuple[str, int]] = {}
        handlers = [(handler.entry, ("", n)) for n, handler in enumerate(self.graph.handlers)]
        todo = [*reversed(handlers), *((flow, ("", -1)) for flow in self.graph.entry)]  # the last first: what a handler leads to is found by then
        while todo:
            flow, region = todo.pop()
            for _ in range(flow.up):
                region = found[region[0]]
            if flow.to is not None and flow.to not in found:
                found[flow.to] = region
                todo += self._ways(self.nodes[flow.to], region)
        return found

    def _ways(self, node: Node, region: tuple[str, int]) -> list[tuple[Flow, tuple[str, int]]]:
        """The flows out of a node that stands in a region, each with the region in which it begins."""
        if not isinstance(node, Block):
            return [(flow, region) for flow in flows(node)]
        handlers = [(handler.entry, region if handler.outside else (node.id, n)) for n, handler in enumerate(node.handlers)]
        return [(node.out, region), *((flow, (node.id, -1)) for flow in node.entry), *handlers]

    def _returns(self) -> frozenset[str]:
        """The flows by which what has taken the place of the process's body leads back into it."""
        if not any(handler.cancels for handler in self.graph.handlers):
            return frozenset()
        inner = [(flow, self._handler_of(node.id)) for node in self.graph.nodes for flow in flows(node)]
        ways = [*((handler.entry, number) for number, handler in enumerate(self.graph.handlers)), *inner]
        back = (flow.id for flow, number in ways if number >= 0 and self.graph.handlers[number].cancels and self.regions.get(flow.to or "") == ("", -1))
        return frozenset(back)

    def _handler_of(self, node: str) -> int:
        """The number of the process's handler in which a node stands, or -1."""
        block, number = self.regions.get(node, ("", -1))
        return number if not block else self._handler_of(block)

    @cached_property
    def flow_into(self) -> dict[str, str]:
        """Node → a flow that leads to it."""
        return {flow.to: id for id, flow in reversed(self.flow_by_id.items()) if flow.to is not None}

    def _upstream(self, join: str) -> frozenset[str]:
        sources: dict[str, set[str]] = {}
        for node in self.graph.nodes:
            for flow in flows(node):
                if flow.to is not None:
                    sources.setdefault(flow.to, set()).add(node.id)
        found: set[str] = set()
        todo = list(sources.get(join, ()))
        while todo:
            node_id = todo.pop()
            if node_id not in found and node_id != join:
                found.add(node_id)
                todo += sources.get(node_id, ())
        return frozenset(found)


__all__ = ["MAX_HOPS", "MAX_LIVE", "ROOT", "Program"]
