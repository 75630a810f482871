"""Which values names can have at the nodes of the graph: outcomes of tasks that were chosen on the way there, what conditions have left over.

It goes over the graph once more beside `ways.walk`, because it keeps something else: sets of values by their types, one state for a node, joined
where ways meet; so a choice can be asked which of its cases are left over. The walk knows no types and keeps ways apart, and of a value only
what is equal or is not.

The law of this file: what is told is true on every way to the node. A name of which nothing is told may have any value: so it is with all
that something beside can change at any time, and with the fields of documents as soon as anything waits or is done; unless it is asked what
is so as long as nobody changes the document from outside (`lasting`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial, reduce
from typing import Any, TypeAlias

from bpflow.checks.beside import Beside
from bpflow.expressions import parse
from bpflow.expressions.inference import Known
from bpflow.expressions.parse import written_out
from bpflow.expressions.truth import Case, Cases, Values, cases_of
from bpflow.expressions.types import ANY, Type
from bpflow.graph import Block, Call, Choose, Expr, Flow, Graph, Node, Step, Task, changes, flows

Names: TypeAlias = tuple[str, ...]
State: TypeAlias = Mapping[Names, Values]
"""The only values that names have; of others nothing is known."""
DOCUMENT = "document"


class Possible:
    """What is known of values at each node of a graph."""

    def __init__(self, graph: Graph, known: Known, at_start: Known, *, lasting: bool = False) -> None:
        self.graph, self.known, self.lasting = graph, known, lasting
        self.nodes: dict[str, Node] = {node.id: node for node in graph.nodes}
        self.beside = Beside(graph)
        self.sets = _sets(graph)
        self.followed = self._followed()
        self.states: dict[str, State] = {}
        self._cases: dict[str, tuple[State, Cases]] = {}
        self._run(self._at_start(at_start))

    def cases(self, node: Choose) -> Cases:
        """What the conditions of a choice can come to where they stand."""
        state = self.at(node.id)
        before = self._cases.get(node.id)
        if before is None or before[0] != state:
            before = self._cases[node.id] = (state, cases_of((parse(expr.text).tree for expr, _ in node.arms), self.type_of, state))
        return before[1]

    def at(self, node: str) -> State:
        """What is known where the node is entered."""
        return self.states.get(node, {})

    def type_of(self, names: Names, known: Known | None = None) -> Type:
        """What a name with its fields may be. Results may be missing, a variable may be none if it is not only set to literals, and a field that
        is required now may be empty in an older document."""
        type = self.declared(names, known)
        literal = len(names) == 1 and all(_literal(expr) is not None for expr in self.sets.get(names[0], ()))
        return type if literal else type.or_none()

    def declared(self, names: Names, known: Known | None = None) -> Type:
        """The type of a name with its fields, once what gives it is done."""
        known = known or self.known
        type = known.names.get(names[0], ANY)
        for name in names[1:]:
            type = _field(type.present(), name, known)
        return type

    def _followed(self) -> frozenset[Names]:
        """The names with few values that conditions of ways read, but for those that something beside may change."""
        read = {path.names for node in self.graph.nodes if isinstance(node, Choose) for expr, _ in node.arms for path in parse(expr.text).paths}
        return frozenset(names for names in read if names[0] not in self.beside.changed and self._every(names))

    def _every(self, names: Names) -> Values:
        """All values that a name of few values can have; none if they are not few."""
        type = self.type_of(names)
        values: Iterable[Any] = (True, False) if type.kind == "boolean" else type.values or ()
        return frozenset(values) | ({None} if type.optional else frozenset()) if values else frozenset()

    # ── the ways ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _at_start(self, known: Known) -> State:
        """What the conditions of the starts and the defaults of the variables tell."""
        ways = [self._by_start(start.when, known) for start in self.graph.starts]
        first = reduce(_either, ways) if ways else {}
        values = {(one.name,): _literal(one.default) for one in self.graph.variables if one.default and one.name in self.sets}
        return {**first, **{names: frozenset({value}) for names, value in values.items() if value is not None and names in self.followed}}

    def _by_start(self, when: Expr | None, known: Known) -> State:
        if when is None:
            return {}
        cases = cases_of([parse(when.text).tree], partial(self.type_of, known=known))
        return self._values_in(cases, [case for case in cases.cases if case.truths[0]], DOCUMENT)

    def _run(self, start: State) -> None:
        self.states = dict.fromkeys((flow.to for flow in self.graph.entry if flow.to), start)
        self.states |= {handler.entry.to: {} for handler in self.graph.handlers if handler.entry.to}
        todo = deque(self.states)
        while todo:
            node = self.nodes[todo.popleft()]
            for to, state in self._after(node, self.states[node.id]):
                before = self.states.get(to)
                merged = state if before is None else _either(before, state)
                if before is None or merged != before:
                    self.states[to] = merged
                    todo.append(to)

    def _after(self, node: Node, state: State) -> Iterator[tuple[str, State]]:
        """The nodes that follow, each with what is known on the way there."""
        match node:
            case Choose():
                yield from _ways(self._chosen(node, state))
            case Task():
                left = self._without(state, {node.gives or "", *self._fleeting})
                outcomes = ((flow, {**left, **self._outcome(node, name)}) for name, flow in node.outcomes)
                yield from _ways((*outcomes, *(((node.climb.top, left),) if node.climb else ())))
            case Block():
                inside: State = {} if node.each else state
                yield from _ways((flow, inside) for flow in node.entry)
                yield from _ways((handler.entry, {}) for handler in node.handlers)
                yield from _ways([(node.out, self._without(state, self._changed_in(node)))])
            case _:
                yield from _ways((flow, self._done(node, state)) for flow in flows(node))

    def _changed_in(self, block: Block) -> frozenset[str]:
        writes = any(isinstance(node := self.nodes[id], Call) and _is_update(node) for id in self.beside.inside(block))
        return self.beside.changed_in(block) | ({DOCUMENT} if writes else frozenset(self._fleeting))

    def _outcome(self, task: Task, name: str) -> State:
        names = (task.gives or "", "outcome")
        return {names: frozenset({name})} if names in self.followed else {}

    def _done(self, node: Node, state: State) -> State:
        """What is known after a node that takes one way whatever is so."""
        if isinstance(node, Step):
            changed = changes(node)
            around = (node.gives,) if node.gives else ()
            made = {(*around, name): frozenset({value}) for name, expr in node.sets if (value := _literal(expr)) is not None}
            return {**self._without(state, changed), **{names: values for names, values in made.items() if names in self.followed}}
        left = self._without(state, {getattr(node, "gives", None) or "", *self._fleeting})
        return self._written(node, left) if isinstance(node, Call) else left

    @property
    def _fleeting(self) -> tuple[str, ...]:
        """The names that may be changed from outside."""
        return () if self.lasting else (DOCUMENT,)

    def _written(self, call: Call, state: State) -> State:
        """The state with what an update has written into the document of the process: a value where it is a literal, else any."""
        if not _is_update(call):
            return state
        written: dict[Names, Any] = {
            (DOCUMENT, name.partition(".")[2]): _literal(expr) if name.startswith("set.") else None for name, expr in call.arguments[1:]
        }
        made: State = {names: frozenset({value}) for names, value in written.items() if value is not None and names in self.followed}
        return {**{names: values for names, values in state.items() if names not in written}, **made}

    def _without(self, state: State, changed: Iterable[str]) -> State:
        roots = frozenset(changed)
        return {names: values for names, values in state.items() if names[0] not in roots}

    # ── conditions ──────────────────────────────────────────────────────────────────────────────────────────────────
    def _chosen(self, node: Choose, state: State) -> Iterator[tuple[Flow, State]]:
        """What is known on each way of a choice: of the names that its conditions read, the values with which it is taken.

        Nothing more, where it has no answer to some case: that is a mistake of its own, and what follows from it is none. (As long as nothing
        is changed from outside, it is what the analyst has thought of.)
        """
        cases = self.cases(node)
        if node.otherwise is None and not self.lasting and cases.left_over():
            cases = Cases((), ())
        rest = [(node.otherwise, len(node.arms))] if node.otherwise else []
        for flow, number in (*((flow, number) for number, (_, flow) in enumerate(node.arms)), *rest):
            taken = [case for case in cases.cases if _takes(case.truths, number, node.hit)]
            yield flow, {**state, **self._values_in(cases, taken)}

    def _values_in(self, cases: Cases, taken: list[Case], root: str = "") -> State:
        """The values that names have in some of the cases; not of those in which a condition names one that there is not."""
        at = [(place, one.names) for place, one in enumerate(cases.readings) if one.names in self.followed and root in ("", one.names[0])]
        found = {names: frozenset(case.values[place] for case in taken) for place, names in at}
        return {names: values for names, values in found.items() if values and values <= self._every(names) | {None}}


def _takes(truths: tuple[bool | None, ...], number: int, hit: str) -> bool:
    """Whether a choice goes the way of that number; that after the last is the one where none is true."""
    if hit == "first" or number == len(truths):
        return all(truth is False for truth in truths[:number]) and (number == len(truths) or truths[number] is True)
    return truths[number] is True


def _is_update(call: Call) -> bool:
    """Whether it writes into the document of the process."""
    return call.service == "documents.update" and call.arguments[0][1].text == DOCUMENT


def _ways(ways: Iterable[tuple[Flow, State]]) -> Iterator[tuple[str, State]]:
    return ((flow.to, state) for flow, state in ways if flow.to)


def _either(one: State, other: State) -> State:
    """What is known where one or the other is so."""
    both = ((names, values, other[names]) for names, values in one.items() if names in other)
    return {names: values if values is others else values | others for names, values, others in both}


def _literal(expr: Expr) -> Any:
    """The value that is written out; None if it is none, or no literal."""
    value = written_out(parse(expr.text).tree)
    return None if value is ... else value


def _sets(graph: Graph) -> dict[str, list[Expr]]:
    """All that each variable is set to."""
    found: dict[str, list[Expr]] = {}
    for node in graph.nodes:
        for name, expr in node.variables if isinstance(node, Step) else ():
            found.setdefault(name, []).append(expr)
    return found


def _field(type: Type, name: str, known: Known) -> Type:
    """The type of a field of a record, or of a document whose type is known."""
    fields = type.fields if type.kind == "record" else known.documents.get(type.of[0], ()) if type.kind == "document" and len(type.of) == 1 else ()
    return dict(fields).get(name, ANY)
