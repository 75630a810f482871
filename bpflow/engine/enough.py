"""Whether enough turns of a for-each are over, without going through all results again at each end of a turn.

The rules: each `any`, `all`, `sum` and `len` over `results` that reads nothing else is *counted*: its value over the one new result is
joined to what it was. If that cannot be done (something else of `results` is read, a value is not of the kind, a document is asked), the
expression is evaluated over the list of all results; what it says is the same.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import Struct

from bpflow.diagnostics import Refused, say
from bpflow.engine.draft import Draft, Fault
from bpflow.engine.program import Program
from bpflow.engine.state import Fan
from bpflow.expressions import parse
from bpflow.expressions.data import Question, Value
from bpflow.expressions.functions import FUNCTIONS
from bpflow.graph import Each, Expr

JOINS: Mapping[str, Callable[[Any, Any], Any]] = {
    "any": lambda before, one: before or one,
    "all": lambda before, one: before and one,
    "sum": lambda before, one: FUNCTIONS["sum"].run([before, one]),
    "len": lambda before, one: before + one,
}
"""The functions that can be counted: how the value over one result is joined to that over those before it."""


class Plan(NamedTuple):
    """An `enough` in parts: those that are counted, (function, expression), and the whole with the names of the counts in their places."""

    counted: tuple[tuple[str, Expr], ...]
    whole: Expr


class Alone(Struct, frozen=True):
    """Where an expression sees some results and nothing else."""

    names: Mapping[str, Value]
    now: datetime
    zone: str

    def ask(self, question: Question) -> Value:
        raise Refused(say('nobody answers "{topic}"', topic=str(question[0])))


def plan(program: Program, text: str) -> Plan | None:
    """The parts of an `enough`, found once. None if all results must be seen."""
    if text not in program.plans:
        parts = sorted(_parts(parse(text).tree, text), key=itemgetter(1))
        whole = text
        for number, (_, begin, end) in reversed(list(enumerate(parts))):
            whole = f"{whole[:begin]}{_name(number)}{whole[end:]}"
        fits = "results" not in parse(whole).names
        program.plans[text] = Plan(tuple((name, Expr(text[begin:end])) for name, begin, end in parts), Expr(whole)) if fits else None
    found: Plan | None = program.plans[text]
    return found


def _parts(node: ast.AST, text: str) -> list[tuple[str, int, int]]:
    """The calls that can be counted: function, begin, end."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in JOINS:
        begin, end = node.col_offset, node.end_col_offset or 0
        if len(node.args) == 1 and _goes_one_by_one(node.args[0]) and parse(text[begin:end]).names.keys() == {"results"}:
            return [(node.func.id, begin, end)]
    return [part for child in ast.iter_child_nodes(node) for part in _parts(child, text)]


def _goes_one_by_one(node: ast.expr) -> bool:
    """Whether it is `results`, or a generator over it that sees nothing of it but the one."""
    if isinstance(node, ast.GeneratorExp):
        part = node.generators[0]
        inner = [name.id for tree in (node.elt, *part.ifs) for name in ast.walk(tree) if isinstance(name, ast.Name)]
        return _goes_one_by_one(part.iter) and not isinstance(part.iter, ast.GeneratorExp) and "results" not in inner
    return isinstance(node, ast.Name) and node.id == "results"


def _name(number: int) -> str:
    """A name that nobody can have given to anything."""
    return f"COUNTED_{number}"


def begin(draft: Draft, each: Each, fan: Fan) -> None:
    """Before the first result."""
    parts = plan(draft.program, each.enough.text) if each.enough is not None else None
    fan.counts = over(draft, parts, []) if parts is not None else None


def over(draft: Draft, parts: Plan, results: list[Value]) -> tuple[Value, ...] | None:
    """The counted parts over some results; None where one of them has no value."""
    alone = Alone({"results": results}, draft.now, draft.zone)
    try:
        return tuple(draft.program.code(expr)(alone) for _, expr in parts.counted)
    except Refused:
        return None


def add(draft: Draft, each: Each, fan: Fan, index: int, result: Value) -> None:
    """A turn is over: its result is there, and counted."""
    fan.results[index] = result
    if fan.counts is None or each.enough is None:
        return
    parts = plan(draft.program, each.enough.text)
    ones = over(draft, parts, [result]) if parts is not None else None
    if parts is None or ones is None:
        fan.counts = None
        return
    try:
        fan.counts = tuple(JOINS[name](before, one) for (name, _), before, one in zip(parts.counted, fan.counts, ones, strict=True))
    except Refused:
        fan.counts = None


def is_met(draft: Draft, each: Each, fan: Fan, scope: int, block: str) -> bool:
    """Whether it is enough, seen from the scope around the for-each. A Fault if that cannot be said."""
    if each.enough is None:
        return False
    draft.look_from(scope)
    names: dict[str, Value] = {"done": len(fan.results), "total": len(fan.items)}
    parts = plan(draft.program, each.enough.text) if fan.counts is not None else None
    if parts is not None and fan.counts is not None:
        names |= {_name(number): value for number, value in enumerate(fan.counts)}
    else:
        names["results"] = [fan.results[index] for index in sorted(fan.results)]
    draft.names = {**draft.names, **names}
    met = draft.value(parts.whole if parts is not None else each.enough)
    draft.names = draft.root_names
    if not isinstance(met, bool):
        raise Fault(say("{block}: `enough` is neither true nor false", block=block))
    return met
