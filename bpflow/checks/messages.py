"""Rules about messages, which only the whole workspace can tell: what one process sends, another has to receive.

Messages from outside are not known here; so nothing is said of one that is waited for and never sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bpflow.checks.calls import literal
from bpflow.checks.rule import page
from bpflow.diagnostics import Diagnostic, Message, Severity, Span, did_you_mean, say
from bpflow.graph import Block, Call, Expr, Graph, Handler, Trigger, Wait
from bpflow.values import Field

SEND, VALUE = "messages.send", "values."

page(
    "unmatched-message",
    """
    A message that a process sends is received by a process of the workspace, as it was sent.

    Its name is that of a message which somebody waits for or starts by. It has a key if it is waited for with a key, and none if it
    is waited for without. It brings what its receiver requires. Otherwise it would be kept for ever, or be an incident of its receiver.

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


@dataclass(frozen=True, slots=True)
class _Received:
    """A message that a process of the workspace takes in. `keyed`: with a key or without one; None: either."""

    name: str
    keyed: bool | None
    form: dict[str, Field]


def check_messages(graphs: Iterable[Graph]) -> Iterator[Diagnostic]:
    """The findings about what the processes of a workspace send each other; they must be all that there are."""
    graphs = list(graphs)
    received = [one for graph in graphs for one in _received(graph)]
    for graph in graphs:
        for node in graph.nodes:
            if isinstance(node, Call) and node.service == SEND:
                yield from _sent(graph.source, dict(node.arguments), received)


def _received(graph: Graph) -> Iterator[_Received]:
    for start in graph.starts:
        if start.on == "message":
            yield _Received(start.name, None, dict(start.form))
    for trigger in _triggers(graph):
        if trigger.kind == "message":
            yield _Received(trigger.name, trigger.expr is not None, dict(trigger.form))


def _triggers(graph: Graph) -> Iterator[Trigger]:
    handlers: list[Handler] = [*graph.handlers]
    for node in graph.nodes:
        if isinstance(node, Wait):
            yield from (trigger for trigger, _ in node.arms)
        elif isinstance(node, Block):
            handlers += node.handlers
    yield from (handler.trigger for handler in handlers)


def _sent(file: str, arguments: dict[str, Expr], received: list[_Received]) -> Iterator[Diagnostic]:
    """What is wrong with one message that is sent."""
    at = arguments["message"]
    name = str(literal(at.text))
    same = [one for one in received if one.name == name]
    fitting = [one for one in same if one.keyed in (None, "key" in arguments)]
    if not same:
        message = say('no process of this workspace waits for the message "{message}"', message=name)
        yield _finding(file, at, name, message, did_you_mean(name, {one.name for one in received}))
    elif not fitting and "key" in arguments:
        yield _finding(file, at, name, say('the message "{message}" has a key, but is waited for without one: they never meet', message=name))
    elif not fitting:
        yield _finding(file, at, name, say('the message "{message}" has no key, but is waited for with one: they never meet', message=name))
    else:
        yield from _values(file, arguments, name, fitting)


def _values(file: str, arguments: dict[str, Expr], name: str, fitting: list[_Received]) -> Iterator[Diagnostic]:
    """What it does not bring though it must, and what it brings though nobody reads it."""
    given = {argument.removeprefix(VALUE): expr for argument, expr in arguments.items() if argument.startswith(VALUE)}
    needed = {field for one in fitting for field, type in one.form.items() if type.required and type.default is None}
    for field in sorted(needed - given.keys()):
        yield _finding(
            file, arguments["message"], name, say('the receiver of "{message}" requires "{field}"', message=name, field=field), say('give it in "values"')
        )
    read = {field for one in fitting for field in one.form}
    for field, expr in given.items():
        if field not in read and all(one.form for one in fitting):
            message = say('no receiver of "{message}" has a field "{field}"', message=name, field=field)
            yield _finding(file, expr, expr.text, message, did_you_mean(field, read))


def _finding(file: str, at: Expr, word: str, message: Message, hint: Message | None = None) -> Diagnostic:
    line, column = at.place or (1, 1)
    return Diagnostic(Span(file, line, column, line, column + len(word)), "unmatched-message", message, hint, Severity.WARNING)
