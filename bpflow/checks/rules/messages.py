"""Rules about messages, which only the whole workspace can tell: what one process sends, another has to receive.

Messages from outside are not known here; so nothing is said of one that is waited for and never sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from bpflow.checks.interface import literal_text
from bpflow.checks.judging import Judge, written
from bpflow.checks.rule import page
from bpflow.checks.rules.calls import literal, wrong_literal
from bpflow.checks.subject import Subject
from bpflow.checks.wanted import value_of
from bpflow.diagnostics import Diagnostic, Message, Severity, did_you_mean, say
from bpflow.graph import Call, Expr, Graph, triggers
from bpflow.values import Field

SEND, VALUE = "messages.send", "values."

page(
    "unmatched-message",
    """
    A message that a process sends is received by a process of the workspace, as it was sent.

    Its name is that of a message which somebody waits for or starts by. It has a key if it is waited for with a key, and none if it is waited
    for without. It brings what its receiver requires, each value of the type by which the receiver reads it. Otherwise it would be kept for
    ever, or be an incident of its receiver.

    Bad:

        # pay.yaml
        bpflow: 1
        id: pay
        steps:
          - {activity: send-message, message: payed, values: {amount: 1500}}
        # order.yaml
        bpflow: 1
        id: order
        steps:
          - {activity: wait-message, message: paid, values: {amount: {type: money, required: true}}}

    Good:

        # pay.yaml
        bpflow: 1
        id: pay
        steps:
          - {activity: send-message, message: paid, values: {amount: 1500}}
        # order.yaml
        bpflow: 1
        id: order
        steps:
          - {activity: wait-message, message: paid, values: {amount: {type: money, required: true}}}
    """,
    Severity.WARNING,
)


class _Received(Struct, frozen=True):
    """A message that a process of the workspace takes in. `keyed`: with a key or without one; None: either · `graph`: that of the process."""

    name: str
    keyed: bool | None
    form: dict[str, Field]
    graph: Graph


def check_messages(subjects: Iterable[Subject]) -> Iterator[Diagnostic]:
    """The findings about what the processes of a workspace send each other; they must be all that there are."""
    subjects = list(subjects)
    received = [one for subject in subjects for one in _received(subject.graph)]
    for subject in subjects:
        for node in subject.graph.nodes:
            if isinstance(node, Call) and node.service == SEND:
                yield from _sent(subject, dict(node.arguments), received)


def _received(graph: Graph) -> Iterator[_Received]:
    for start in graph.starts:
        if start.on == "message":
            yield _Received(start.name, None, dict(start.form), graph)
    for trigger in triggers(graph):
        if trigger.kind == "message":
            yield _Received(trigger.name, trigger.expr is not None, dict(trigger.form), graph)


def _sent(subject: Subject, arguments: dict[str, Expr], received: list[_Received]) -> Iterator[Diagnostic]:
    """What is wrong with one message that is sent."""
    at, file = arguments["message"], subject.graph.source
    name = literal_text(at)
    same = [one for one in received if one.name == name]
    fitting = [one for one in same if one.keyed in (None, "key" in arguments)]
    if not same:
        message = say('no process of this workspace waits for the message "{message}"', message=name)
        yield _finding(file, at, message, did_you_mean(name, {one.name for one in received}))
    elif not fitting and "key" in arguments:
        yield _finding(file, at, say('the message "{message}" has a key, but is waited for without one: they never meet', message=name))
    elif not fitting:
        yield _finding(file, at, say('the message "{message}" has no key, but is waited for with one: they never meet', message=name))
    else:
        yield from _values(subject, arguments, name, fitting)


def _values(subject: Subject, arguments: dict[str, Expr], name: str, fitting: list[_Received]) -> Iterator[Diagnostic]:
    """What it does not bring though it must, what it brings though nobody reads it, and what no receiver can take."""
    file = subject.graph.source
    given = {argument.removeprefix(VALUE): expr for argument, expr in arguments.items() if argument.startswith(VALUE)}
    needed = {field for one in fitting for field, type in one.form.items() if type.required and type.default is None}
    read = {field for one in fitting for field in one.form}
    misnamed = {field for field in given if field not in read} if all(one.form for one in fitting) else set()
    for field in sorted(needed - given.keys()) if not misnamed else ():
        yield _finding(file, arguments["message"], say('the receiver of "{message}" requires "{field}"', message=name, field=field), say('give it in "values"'))
    for field, expr in given.items():
        if field in misnamed:
            message = say('no receiver of "{message}" has a field "{field}"', message=name, field=field)
            yield _finding(file, expr, message, did_you_mean(field, read))
        else:
            yield from _of_its_type(subject, field, expr, fitting)


def _of_its_type(subject: Subject, name: str, expr: Expr, fitting: list[_Received]) -> Iterator[Diagnostic]:
    """What is wrong with a value for the first of those who might get it, unless another can take it."""
    found = [list(_for_one(subject, name, expr, one)) for one in fitting if name in one.form]
    if len(found) == len(fitting) and all(found):
        yield from found[0]


def _for_one(subject: Subject, name: str, expr: Expr, receiver: _Received) -> Iterator[Diagnostic]:
    field = receiver.form[name]
    if literal(expr.text) is ...:
        for one in Judge(subject).of(expr, replace(value_of(name, field), way="read")):
            yield replace(one, rule="unmatched-message", severity=Severity.WARNING)
    elif (wrong := wrong_literal(field, expr, receiver.graph)) is not None:
        yield _finding(subject.graph.source, expr, say('"{field}": {reason}', field=name, reason=wrong.message), wrong.hint)


def _finding(file: str, at: Expr, message: Message, hint: Message | None = None) -> Diagnostic:
    return Diagnostic(written(file, at), "unmatched-message", message, hint, Severity.WARNING)
