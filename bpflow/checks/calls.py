"""Rules about calls of processes, which only the whole workspace can tell: what is called must be there, and be called as it asks."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from bpflow.checks.rule import page
from bpflow.diagnostics import Diagnostic, Message, Span, did_you_mean, say
from bpflow.graph import Call, Expr, Graph
from bpflow.values import Field, InvalidValue, check, read

START, INPUT = "processes.start", "inputs."
Processes = Mapping[str, Graph | None]
"""The processes of a workspace by id; None for one with errors, of which nothing is known but that it is there."""

page(
    "not-callable",
    """
    A process that says how it starts is called by others only if it says so.

    A process without `start` can be started in any way. One that lists its starts has `on: call` among them if other processes may call it.

    Bad:

        # check.yaml
        bpflow: 1
        id: check
        start:
          - {on: manual}
        steps:
          - {activity: end, result: checked}
        # order.yaml
        bpflow: 1
        id: order
        steps:
          - {activity: call-process, process: check}

    Good:

        # check.yaml
        bpflow: 1
        id: check
        start:
          - {on: manual}
          - {on: call}
        steps:
          - {activity: end, result: checked}
        # order.yaml
        bpflow: 1
        id: order
        steps:
          - {activity: call-process, process: check}
    """,
)

page(
    "call-inputs",
    """
    A call gives the called process the inputs that it has, and all that it requires.

    Values that are written out must be of the type of the input; what an expression gives is seen when it runs.

    Bad:

        # check.yaml
        bpflow: 1
        id: check
        inputs:
          amount: {type: money, required: true}
        outputs: {tax: amount / 5}
        steps:
          - {activity: end, result: checked}
        # order.yaml
        bpflow: 1
        id: order
        steps:
          - {activity: call-process, process: check, inputs: {amount: a lot}}

    Good:

        # check.yaml
        bpflow: 1
        id: check
        inputs:
          amount: {type: money, required: true}
        outputs: {tax: amount / 5}
        steps:
          - {activity: end, result: checked}
        # order.yaml
        bpflow: 1
        id: order
        steps:
          - {activity: call-process, process: check, inputs: {amount: 1500}}
    """,
)

page(
    "call-document",
    """
    A called process that runs on a document is given one, and no other is.

    Bad:

        # check.yaml
        bpflow: 1
        id: check
        document: {type: deal, fields: {name: {type: string}}}
        steps:
          - {activity: end, result: checked}
        # order.yaml
        bpflow: 1
        id: order
        steps:
          - {activity: call-process, process: check}

    Good:

        # check.yaml
        bpflow: 1
        id: check
        document: {type: deal, fields: {name: {type: string}}}
        steps:
          - {activity: end, result: checked}
        # order.yaml
        bpflow: 1
        id: order
        document: {type: deal, fields: {name: {type: string}}}
        steps:
          - {activity: call-process, process: check, document: document}
    """,
)


@dataclass(frozen=True, slots=True)
class _Called:
    """A call, as its step was written."""

    file: str
    process: str
    arguments: Mapping[str, Expr]

    def finding(self, rule: str, message: Message, hint: Message | None = None, at: Expr | None = None) -> Diagnostic:
        expr = at or self.arguments["process"]
        line, column = expr.place or (1, 1)
        value = literal(expr.text)
        length = len(value if isinstance(value, str) else expr.text)
        return Diagnostic(Span(self.file, line, column, line, column + length), rule, message, hint)

    @property
    def inputs(self) -> dict[str, Expr]:
        return {name.removeprefix(INPUT): expr for name, expr in self.arguments.items() if name.startswith(INPUT)}


def check_calls(graph: Graph, known: Processes) -> Iterator[Diagnostic]:
    """The findings about the calls of one process of a workspace."""
    for node in graph.nodes:
        if isinstance(node, Call) and node.service == START:
            arguments = dict(node.arguments)
            process = arguments["process"]
            called = _Called(graph.source, str(literal(process.text)), arguments)
            if called.process not in known:
                message = say('there is no process "{process}"', process=called.process)
                yield called.finding("unknown-process", message, did_you_mean(called.process, known))
            elif (other := known[called.process]) is not None:
                yield from _as_it_asks(called, other)


def _as_it_asks(called: _Called, other: Graph) -> Iterator[Diagnostic]:
    if other.starts and not any(start.on == "call" for start in other.starts):
        message = say('the process "{process}" cannot be called: it has no start "on: call"', process=other.process)
        yield called.finding("not-callable", message, say('add "on: call" to its "start"'))
    if other.document is not None and "document" not in called.arguments:
        message = say('"{process}" runs on a document of the type "{wanted}"', process=other.process, wanted=other.document)
        yield called.finding("call-document", message, say('name the document with "document"'))
    if other.document is None and "document" in called.arguments:
        message = say('the process "{name}" has no document', name=other.process)
        yield called.finding("call-document", message, at=called.arguments["document"])
    yield from _inputs(called, other)


def _inputs(called: _Called, other: Graph) -> Iterator[Diagnostic]:
    fields, given = dict(other.inputs), called.inputs
    for name, expr in given.items():
        if name not in fields:
            message = say('the process "{process}" has no input "{input}"', process=other.process, input=name)
            yield called.finding("call-inputs", message, did_you_mean(name, fields), expr)
        elif (wrong := _wrong(fields[name], expr, other)) is not None:
            yield called.finding("call-inputs", say('"{field}": {reason}', field=name, reason=wrong.message), wrong.hint, expr)
    for name, field in fields.items():
        if field.required and field.default is None and name not in given:
            yield called.finding("call-inputs", say('"{input}" is missing: the process "{process}" requires it', input=name, process=other.process))


def _wrong(field: Field, expr: Expr, other: Graph) -> InvalidValue | None:
    """Why what is written out cannot be a value of the input; None if it can, or is not written out."""
    value = literal(expr.text)
    if value is ...:
        return None
    try:
        check(field, read(field, value, ZoneInfo(other.timezone)))
    except InvalidValue as wrong:
        return wrong
    return None


def literal(text: str) -> Any:
    """The value of an expression that is a literal; `...` for any other."""
    words = {"true": True, "false": False, "none": None}
    if text in words:
        return words[text]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return ...
    return Decimal(text) if isinstance(value, float) else value
