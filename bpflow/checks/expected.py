"""What an expression must give, by the place at which it stands in the graph.

The law of this file: what is expected is what the engine and the services of the house take there, and no less. Where they take whatever comes,
nothing is expected.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias, assert_never

from msgspec import Struct
from msgspec.structs import replace

from bpflow.checks.interface import literal_text
from bpflow.checks.wanted import CONDITION, FACT, LENGTH, LIST, MOMENT, PEOPLE, SPAN, TEXTS, TOLD, WATCHED, Wanted, Way, a_document, choices_of, value_of
from bpflow.definition.forms import NOT_CHOSEN
from bpflow.definition.house import HOUSE
from bpflow.expressions import parse
from bpflow.expressions.inference import Known, infer
from bpflow.graph import Block, Call, Choose, Exit, Expr, Graph, Handler, Join, Node, Outcome, Step, Task, Trigger, Wait
from bpflow.graph.nodes import Checks, Form, Sets
from bpflow.values import DocumentType, Field, ServiceType

Expected: TypeAlias = tuple[Expr, Wanted]
_PARTS = ("set.", "add.", "remove.")
"""What the names of the arguments begin with that are for fields of a document."""


_OF_MESSAGE = "values."
"""What the names of the arguments begin with that are the values of a message."""


class Places(Struct, frozen=True):
    """The places of a graph. `results`: the fields that steps give, by the names under which they do · `types`: the types of documents."""

    graph: Graph
    known: Known
    results: Mapping[str, Mapping[str, Field]]
    services: Mapping[str, ServiceType]
    types: Mapping[str, DocumentType]

    def all(self) -> Iterator[Expected]:
        """Every expression of which something is expected, with that."""
        yield from self._head()
        for node in self.graph.nodes:
            yield from self._node(node)

    # ── the head ────────────────────────────────────────────────────────────────────────────────────────────────────
    def _head(self) -> Iterator[Expected]:
        graph = self.graph
        yield from ((expr, PEOPLE) for _, expr in graph.people)
        yield from ((one.default, value_of(one.name, one.field)) for one in graph.variables if one.default)
        for start in graph.starts:
            yield from _each(CONDITION, start.when)
            yield from _each(PEOPLE, start.by)
            yield from _each(a_document(graph.document), start.document)
            yield from _values(start.give, dict(graph.inputs), "read" if start.on == "message" else "as-it-is")
        yield from _each(PEOPLE, *(stage.ask for stage in graph.stages))
        yield from self._handlers(graph.handlers)

    def _handlers(self, handlers: Iterable[Handler]) -> Iterator[Expected]:
        for handler in handlers:
            yield from _trigger(handler.trigger)

    # ── nodes ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def _node(self, node: Node) -> Iterator[Expected]:
        match node:
            case Step():
                yield from _values(node.sets, self._fields_set(node))
            case Choose():
                yield from ((condition, CONDITION) for condition, _ in node.arms)
            case Wait():
                for trigger, _ in node.arms:
                    yield from _trigger(trigger)
            case Task():
                yield from _task(node)
            case Call():
                yield from self._call(node)
            case Block():
                yield from self._block(node)
            case Join() | Exit():
                pass
            case _:
                assert_never(node)

    def _fields_set(self, node: Step) -> Mapping[str, Field]:
        if node.gives is None:
            return {variable.name: variable.field for variable in self.graph.variables}
        return self.results.get(node.gives, {})

    def _block(self, node: Block) -> Iterator[Expected]:
        yield from self._handlers(node.handlers)
        if node.each is not None:
            yield node.each.items, LIST
            yield from _each(CONDITION, node.each.enough)

    # ── calls ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def _call(self, node: Call) -> Iterator[Expected]:
        given = dict(node.arguments)
        yield from _each(MOMENT, node.timeout)
        match node.service:
            case "notify":
                yield from _of(given, to=PEOPLE, title=TEXTS, text=TEXTS, channel=TEXTS)
            case "calendar.add":
                yield from _of(given, title=TEXTS, at=MOMENT, lasts=SPAN, to=PEOPLE, remind_before=LENGTH)
            case "documents.update":
                yield from self._update(given)
            case "documents.create":
                yield from self._set(given, literal_text(given["type"]) if "type" in given else None)
            case "documents.find":
                yield from _of(given, where=FACT)
            case "messages.send":
                yield from _of(given, keep=LENGTH, key=TOLD)
                yield from ((expr, TOLD) for name, expr in given.items() if name.startswith(_OF_MESSAGE))
            case "people.pick":
                yield from _of(given, **{"from": PEOPLE, "if_nobody": PEOPLE})
            case service:
                takes = (HOUSE.get(service) or self.services.get(service) or ServiceType()).takes
                yield from _values(given.items(), dict(takes or ()), "read" if service in HOUSE else "sent")

    def _update(self, given: Mapping[str, Expr]) -> Iterator[Expected]:
        yield from _of(given, document=a_document(None), note=TEXTS)
        if "document" not in given:
            return
        yield from self._set(given, type_of_document(given["document"], self.known))

    def _set(self, given: Mapping[str, Expr], type: str | None) -> Iterator[Expected]:
        """The values for the fields of a document of that type."""
        fields = dict(self.types[type].fields) if type and type in self.types else {}
        for name, expr in given.items():
            how, _, field = name.partition(".")
            if f"{how}." in _PARTS and field in fields:
                wanted = value_of(field, fields[field])
                yield expr, wanted if how == "set" else _one_or_many(wanted, fields[field])


def type_of_document(expr: Expr, known: Known) -> str | None:
    """The type of the document that an expression gives; None if there may be several."""
    document = infer(parse(expr.text), known).type
    return document.of[0] if document.kind == "document" and len(document.of) == 1 else None


def _one_or_many(wanted: Wanted, field: Field) -> Wanted:
    """What `add` and `remove` take: a list or one of it, a number for a number."""
    if not field.many:
        return replace(wanted, none=False)
    return choices_of(wanted.field, field)


def _each(wanted: Wanted, *exprs: Expr | None) -> Iterator[Expected]:
    return ((expr, wanted) for expr in exprs if expr is not None)


def _of(given: Mapping[str, Expr], **wanted: Wanted) -> Iterator[Expected]:
    return ((given[name], one) for name, one in wanted.items() if name in given)


def _values(given: Iterable[tuple[str, Expr]], fields: Mapping[str, Field], way: Way = "as-it-is") -> Iterator[Expected]:
    """Values for fields, and how they get there."""
    return ((expr, replace(value_of(name, fields[name]), way=way)) for name, expr in given if name in fields)


def _trigger(trigger: Trigger) -> Iterator[Expected]:
    wanted = {"at": MOMENT, "changed": CONDITION, "until": WATCHED, "message": TOLD}.get(trigger.kind)
    yield from _each(wanted, trigger.expr) if wanted else ()
    yield from _each(PEOPLE, trigger.by)
    yield from _form(trigger.when, trigger.choices, trigger.checks, dict(trigger.form))
    yield from _values(trigger.prefill, dict(trigger.form))


def _task(node: Task) -> Iterator[Expected]:
    whom = PEOPLE if node.if_nobody is None else replace(PEOPLE, none=True)
    yield from _each(whom, node.people)
    yield from _each(PEOPLE, node.if_nobody)
    yield from _each(replace(PEOPLE, none=True), node.not_by, node.observers)
    yield from _each(CONDITION, node.done_when)
    yield from _each(TEXTS, *node.checklist)
    for alarm in node.alarms:
        yield from _each(MOMENT, alarm.at if alarm.overdue else None)
        yield from _each(MOMENT, alarm.remind)
        yield from _each(replace(PEOPLE, none=True), alarm.tell, alarm.escalate, alarm.reassign)
    yield from _shown(node.form)


def _shown(form: Form) -> Iterator[Expected]:
    yield from _each(TEXTS, form.subject, form.text)
    yield from _each(TOLD, *(expr for _, expr in form.show))
    fields: dict[str, Field] = {}
    for outcome in form.outcomes:
        fields |= dict(outcome.fields)
        yield from _outcome(outcome)
    yield from _values(form.prefill, fields)


def _outcome(outcome: Outcome) -> Iterator[Expected]:
    yield from _form(outcome.when, outcome.choices, outcome.checks, dict(outcome.fields))


def _form(when: Sets, choices: Sets, checks: Checks, fields: Mapping[str, Field]) -> Iterator[Expected]:
    """When the fields of a form are asked for, what may be chosen in them, and what must hold of all."""
    yield from ((expr, FACT) for _, expr in when)
    for name, expr in choices:
        if name in fields and fields[name].kind not in NOT_CHOSEN and not _written_out(expr):
            yield expr, choices_of(name, fields[name])
    for that, said in checks:
        yield that, FACT
        yield said, TEXTS


def _written_out(expr: Expr) -> bool:
    """Whether there is something in a list that has been checked when the field was read."""
    tree = parse(expr.text).tree
    return isinstance(tree, ast.List) and any(isinstance(one, ast.Constant) for one in tree.elts)
