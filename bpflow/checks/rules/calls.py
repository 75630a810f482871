"""Rules about calls of processes, which only the whole workspace can tell: what is called must be there, and be called as it asks."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from bpflow.checks.interface import INPUT, START, Interface, interface_of, literal_text
from bpflow.checks.judging import Judge, judged, written
from bpflow.checks.rule import page
from bpflow.checks.subject import Subject
from bpflow.checks.wanted import a_document, value_of
from bpflow.diagnostics import Diagnostic, Message, did_you_mean, each_quoted, say
from bpflow.expressions import parse
from bpflow.expressions.parse import written_out
from bpflow.graph import Call, Expr, Graph
from bpflow.values import Field, InvalidValue, check, read

Processes = Mapping[str, Interface | None]
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

    Each must be of the type of its input: values that are written out, and those that expressions give as far as their types are known.

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


class _Called(Struct, frozen=True):
    """A call, as its step was written."""

    file: str
    process: str
    arguments: Mapping[str, Expr]

    def finding(self, rule: str, message: Message, hint: Message | None = None, at: Expr | None = None) -> Diagnostic:
        return Diagnostic(written(self.file, at or self.arguments["process"]), rule, message, hint)

    @property
    def inputs(self) -> dict[str, Expr]:
        return {name.removeprefix(INPUT): expr for name, expr in self.arguments.items() if name.startswith(INPUT)}


def interfaces(subjects: Mapping[str, Subject | None]) -> Processes:
    """The processes of a workspace as they see each other."""
    return {id: interface_of(one.graph, one.environment.known) if one else None for id, one in subjects.items()}


def check_calls(subject: Subject, known: Processes) -> Iterator[Diagnostic]:
    """The findings about the calls of one process of a workspace, and about what it reads of their results."""
    judge, others = Judge(subject), {id: one for id, one in known.items() if one is not None}
    called = [dict(node.arguments) for node in subject.graph.nodes if isinstance(node, Call) and node.service == START]
    for arguments in called:
        yield from _call(_Called(subject.graph.source, literal_text(arguments["process"]), arguments), known, judge)
    if called:
        yield from judged(replace(subject, others=others))


def _call(called: _Called, known: Processes, judge: Judge) -> Iterator[Diagnostic]:
    if called.process not in known:
        message = say('there is no process "{process}"', process=called.process)
        yield called.finding("unknown-process", message, did_you_mean(called.process, known))
    elif (other := known[called.process]) is not None:
        yield from _as_it_asks(called, other.graph, judge)


def _as_it_asks(called: _Called, other: Graph, judge: Judge) -> Iterator[Diagnostic]:
    document = called.arguments.get("document")
    if other.starts and not any(start.on == "call" for start in other.starts):
        message = say('the process "{process}" cannot be called: it has no start "on: call"', process=other.process)
        yield called.finding("not-callable", message, say('add "on: call" to its "start"'))
    if other.document is not None and document is None:
        message = say('"{process}" runs on a document of the type "{wanted}"', process=other.process, wanted=other.document)
        yield called.finding("call-document", message, say('name the document with "document"'))
    elif other.document is not None and document is not None:
        yield from (replace(one, rule="call-document") for one in judge.of(document, a_document(other.document)))
    elif document is not None:
        message = say('the process "{name}" has no document', name=other.process)
        yield called.finding("call-document", message, at=document)
    yield from _inputs(called, other, judge)


def _inputs(called: _Called, other: Graph, judge: Judge) -> Iterator[Diagnostic]:
    fields, given = dict(other.inputs), called.inputs
    for name, expr in given.items():
        if name not in fields:
            message = say('the process "{process}" has no input "{input}"', process=other.process, input=name)
            hint = did_you_mean(name, fields) or (say("it takes: {names}", names=each_quoted(fields)) if fields else None)
            yield called.finding("call-inputs", message, hint, expr)
        elif literal(expr.text) is ...:
            yield from (replace(one, rule="call-inputs") for one in judge.of(expr, replace(value_of(name, fields[name]), way="read")))
        elif (wrong := wrong_literal(fields[name], expr, other)) is not None:
            hint = _as_value(literal(expr.text), judge.subject) or wrong.hint
            yield called.finding("call-inputs", say('"{field}": {reason}', field=name, reason=wrong.message), hint, expr)
    misnamed = any(name not in fields for name in given)
    for name, field in fields.items():
        if field.required and field.default is None and name not in given and not misnamed:
            yield called.finding("call-inputs", say('"{input}" is missing: the process "{process}" requires it', input=name, process=other.process))


def _as_value(text: Any, subject: Subject) -> Message | None:
    """A hint for the name of a value where a text stands."""
    named = isinstance(text, str) and subject.environment.of(text.partition(".")[0], False) is not None
    return say('write "{name}"', name=f"$({text})") if named else None


def wrong_literal(field: Field, expr: Expr, other: Graph) -> InvalidValue | None:
    """Why what is written out cannot be a value of the field, as it is read there; None if it can."""
    try:
        check(field, read(field, literal(expr.text), ZoneInfo(other.timezone)))
    except InvalidValue as wrong:
        return wrong
    return None


def literal(text: str) -> Any:
    """The value, or the list of values, that is written out; `...` for anything else."""
    tree = parse(text).tree
    if not isinstance(tree, ast.List):
        return written_out(tree)
    values = [written_out(one) for one in tree.elts]
    return ... if ... in values else values
