"""The rule about times that move away whenever somebody touches the document."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject, Use
from bpflow.checks.watched import Clock, is_condition
from bpflow.diagnostics import Diagnostic, Message, Severity, say
from bpflow.graph import Expr, Graph, Task, triggers

_GIVES_ONE = {"max", "coalesce", "at_time", "next_working_day", "add_months", "date"}
"""Functions that give one of their times, or one that is made of it."""
_AFTER = say('count with "for" or "after", which begin once')
_KEEP = say("keep what it reads of the document in a variable, and count with that")


@rule("sliding-time", Severity.WARNING)
def sliding_time(subject: Subject) -> Iterator[Diagnostic]:
    """A time that is counted from now does not read the document.

    A date that reads the document is read again whenever the document changes, so that it follows it. If it is counted from now, or is a
    duration, it is counted from that moment anew each time: a deadline of two days never comes as long as somebody writes a note every
    day. Keep the number in a variable before; `for` and `after` are counted once in any case.

    Bad:

        document: {type: order, fields: {days: {type: integer, required: true}}}
        steps:
          - {id: pack, activity: task, title: Pack it, to: initiator, due: days(document.days)}

    Good:

        document: {type: order, fields: {days: {type: integer, required: true}}}
        variables:
          days_left: {type: integer, default: 0, required: true}
        steps:
          - {activity: set-variables, set: {days_left: $(document.days)}}
          - {id: pack, activity: task, title: Pack it, to: initiator, due: days(days_left)}
    """
    clock = Clock({})
    for expr, hint in _moments(subject.graph):
        use = subject.use_around(expr)
        if use is not None and "document" in use.parsed.names and _counts(use, clock):
            message = say("every change of the document lets this time be counted from now again, so it may never come")
            yield Diagnostic(use.whole, "sliding-time", message, hint, Severity.WARNING)


def _moments(graph: Graph) -> Iterator[tuple[Expr, Message]]:
    """The expressions for times that follow what they read, each with what may be done instead."""
    yield from ((alarm.at, _KEEP) for node in graph.nodes if isinstance(node, Task) for alarm in node.alarms)
    yield from ((one.expr, _AFTER) for one in triggers(graph) if one.kind in ("at", "until") and one.expr and not one.fixed)


def _counts(use: Use, clock: Clock) -> bool:
    """Whether an expression says how long it is from now."""
    tree = use.parsed.tree
    return use.inferred.type.kind == "duration" or (not is_condition(tree) and _from_now(tree, clock))


def _from_now(node: ast.expr, clock: Clock) -> bool:
    """Whether the time that a part of an expression gives is made of now."""
    match node:
        case _ if clock.names(node):
            return True
        case ast.BinOp(left=left, right=right):
            return _from_now(left, clock) or _from_now(right, clock)
        case ast.IfExp(body=body, orelse=other):
            return _from_now(body, clock) or _from_now(other, clock)
        case ast.List(elts=items):
            return any(_from_now(item, clock) for item in items)
        case ast.Call(func=ast.Name(id="min"), args=[ast.List(elts=items)]):
            return all(_from_now(item, clock) for item in items)
        case ast.Call(func=ast.Name(id=function), args=arguments) if function in _GIVES_ONE:
            return any(_from_now(argument, clock) for argument in arguments)
    return False
