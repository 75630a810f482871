"""Rules about time in conditions that are waited for.

The law of this file: a condition is looked at again when what it reads has changed, and the clock is nothing that changes. So it says
something only where the passing of time alone could make the condition true; `x and now < deadline` is a fine question to ask of a change.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from bpflow.checks.parties import read_again
from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject, Use
from bpflow.diagnostics import Diagnostic, Message, Severity, say
from bpflow.graph import Expr, Graph, Part, Task, Trigger, Wait, handlers_of

Where = Literal["pause", "race", "meanwhile", "done-when"]
_OF_TIME = {"today": 0, "is_absent": 1, "acting": 1}
"""Functions that look at the clock if they are given no more than so many values."""
_TRUTHS = {"any", "all", "is_absent", "is_working_day"}
"""Functions that give true or false."""
Sign = Literal[-1, 0, 1]
"""How a value goes with time: it grows, it shrinks, or nobody knows (0)."""


class Watched(Struct, frozen=True):
    """A condition that is waited for, and by what."""

    expr: Expr
    where: Where


@rule("now-in-watched", Severity.WARNING)
def now_in_watched(subject: Subject) -> Iterator[Diagnostic]:
    """A condition that is waited for cannot come true by the time alone.

    A condition under `until`, `changed` or `done-when` is looked at again when what it reads has changed: the document, a variable, an answer.
    That time goes by is no such change, so `now > document.deadline` would be noticed at the next change, or never. For a time there are
    keys of their own: `until` with a date, `at`, `after`, and the deadline `due` of a task. Who is absent goes by the time too.

    Bad:

        steps:
          - {activity: pause, until: today() >= date("2026-12-31")}
          - {activity: notify, to: initiator, text: Time is up}

    Good:

        steps:
          - {activity: pause, until: date("2026-12-31")}
          - {activity: notify, to: initiator, text: Time is up}
    """
    clock = Clock(subject.process.people)
    for one in _watched(subject.graph):
        use = subject.use_around(one.expr)
        if use is not None and _is_read(use) and is_condition(use.parsed.tree):
            for node in clock.rising(use.parsed.tree, True):
                yield _finding(use.part, node, use.parsed.tree, one.where, clock)


def _is_read(use: Use) -> bool:
    """Whether it makes sense as it is written; that something in it may be none is another matter."""
    return all(mistake.rule == "maybe-none" for mistake in use.inferred.mistakes)


def _watched(graph: Graph) -> Iterator[Watched]:
    """The conditions of a graph that are waited for."""
    for node in graph.nodes:
        match node:
            case Wait():
                where: Where = "race" if node.names else "pause"
                yield from _of(where, [trigger for trigger, _ in node.arms])
            case Task() if node.done_when:
                yield Watched(node.done_when, "done-when")
    for handlers in handlers_of(graph).values():
        yield from _of("meanwhile", [handler.trigger for handler in handlers])


def _of(where: Where, triggers: list[Trigger]) -> Iterator[Watched]:
    yield from (Watched(trigger.expr, where) for trigger in triggers if trigger.kind in ("changed", "until") and trigger.expr)


def is_condition(node: ast.expr) -> bool:
    """Whether a part of an expression is certainly true or false, and no date."""
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.Constant(value=bool()):
            return True
        case ast.IfExp(body=body, orelse=other):
            return is_condition(body) or is_condition(other)
        case ast.Call(func=ast.Name(id=name)):
            return name in _TRUTHS
    return False


class Clock:
    """Finds what looks at the clock. `people` are the names of the process for expressions, which are read at each use."""

    def __init__(self, people: Mapping[str, Expr]) -> None:
        self.people = people

    def reads(self, node: ast.expr, within: tuple[str, ...] = ()) -> bool:
        """Whether a part of an expression looks at the clock."""
        return any(self._looks(one, within) for one in ast.walk(node))

    def _looks(self, node: ast.AST, within: tuple[str, ...]) -> bool:
        match node:
            case ast.Name(id="now"):
                return True
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return name in _OF_TIME and len(arguments) <= _OF_TIME[name]
            case ast.Name(id=name) if name in self.people and name not in within:
                read = read_again(self.people[name].text)
                return read is not None and self.reads(read.tree, (*within, name))
        return False

    @staticmethod
    def names(node: ast.expr) -> bool:
        """Whether it is `now` or `today()`, and nothing more."""
        match node:
            case ast.Name(id="now") | ast.Call(func=ast.Name(id="today")):
                return True
        return False

    def rising(self, node: ast.expr, wanted: bool) -> Iterator[ast.expr]:
        """The smallest parts of a condition that time alone can turn to what is `wanted`."""
        match node:
            case ast.BoolOp(values=values):
                for value in values:
                    yield from self.rising(value, wanted)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield from self.rising(operand, not wanted)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                if self.reads(node) and self._may(left, op, right, wanted):
                    yield node
            case ast.IfExp(test=test, body=body, orelse=other) if not self.reads(test):
                yield from self.rising(body, wanted)
                yield from self.rising(other, wanted)
            case _ if self.reads(node):
                yield node

    def _may(self, left: ast.expr, op: ast.cmpop, right: ast.expr, wanted: bool) -> bool:
        """Whether a comparison can come out as wanted by the time alone: its left side must grow against the right, or shrink."""
        grows = self._goes(left, right)
        if grows == 0 or not isinstance(op, ast.Gt | ast.GtE | ast.Lt | ast.LtE):
            return True
        return (isinstance(op, ast.Gt | ast.GtE) == (grows > 0)) == wanted

    def _goes(self, left: ast.expr, right: ast.expr) -> Sign:
        """How the left side goes against the right."""
        if not self.reads(right):
            return self._sign(left)
        return _turned(self._sign(right)) if not self.reads(left) else 0

    def _sign(self, node: ast.expr) -> Sign:
        if self.names(node):
            return 1
        match node:
            case ast.Call(func=ast.Name(id="date"), args=[inner]):
                return self._sign(inner)
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                if not self.reads(right):
                    return self._sign(left)
                if not self.reads(left):
                    return self._sign(right) if isinstance(op, ast.Add) else _turned(self._sign(right))
        return 0


def _turned(sign: Sign) -> Sign:
    return -1 if sign == 1 else 1 if sign == -1 else 0


def _finding(part: Part, node: ast.expr, tree: ast.expr, where: Where, clock: Clock) -> Diagnostic:
    text, start = part.text.strip(), len(part.text) - len(part.text.lstrip())
    span = part.span(start + node.col_offset, (node.end_col_offset or 0) - node.col_offset)
    message = say("nobody looks at the clock here: this is read again when what it reads changes, and not as time goes by")
    while isinstance(tree, ast.UnaryOp):
        tree = tree.operand
    hint = _hint(_date(node, text, clock), node is tree, where) if _is_bare(node) else _LOOK
    return Diagnostic(span, "now-in-watched", message, hint, Severity.WARNING)


_LOOK = say('look once a day: a "loop" with a "pause" in it')


def _is_bare(node: ast.expr) -> bool:
    """Whether the clock itself is compared, and not what goes by it: who is absent, which day of the week it is."""
    called = {one.func.id for one in ast.walk(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
    return isinstance(node, ast.Compare) and called.isdisjoint({"is_absent", "acting", "weekday", "is_working_day"})


def _date(node: ast.expr, text: str, clock: Clock) -> str | None:
    """When the clock comes to what it is compared with, as an expression for a time, if that is simply to be said."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if not isinstance(op, ast.NotEq | ast.In | ast.NotIn):
            for one, other, later in ((left, right, ast.Gt), (right, left, ast.Lt)):
                if clock.names(one) and not clock.reads(other):
                    day_after = isinstance(one, ast.Call) and isinstance(op, later)
                    return text[other.col_offset : other.end_col_offset] + (" + days(1)" if day_after else "")
    return None


def _hint(date: str | None, whole: bool, where: Where) -> Message:
    """What to write instead. `whole`: the condition says nothing else."""
    if where == "done-when":
        return say('give the task a deadline: "due", and an outcome under "on-overdue"')
    if date is None:
        return say('for a time there is "at", or "until" with a date')
    if not whole:
        wanted = say('let a "race" wait for both: one branch with "at: {date}"', date=date)
        return wanted if where == "pause" else say('write it apart, with "at: {date}"', date=date)
    return say('write "until: {date}"', date=date) if where == "pause" else say('write "at: {date}"', date=date)
