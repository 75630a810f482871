"""The rule about amounts that cannot come about: times that are over before they begin, more votes than voters."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from bpflow.checks.rule import rule
from bpflow.checks.subject import Subject
from bpflow.definition.model import Model, key_of
from bpflow.definition.step import Step
from bpflow.diagnostics import Diagnostic, Span, say
from bpflow.expressions import Duration, parse
from bpflow.expressions.durations import order
from bpflow.expressions.errors import EvaluationError
from bpflow.expressions.facts import path_of
from bpflow.expressions.formula import constant_of
from bpflow.graph import Expr

TIMES = frozenset({"for_", "due", "after", "timeout", "remind"})
"""The fields of the models that hold lengths of time which must be longer than nothing."""
LENGTHS = frozenset({"lasts", "keep", "remind_before"})
"""Those that may be nothing, and not less."""


@rule("impossible-amount")
def impossible_amount(subject: Subject) -> Iterator[Diagnostic]:
    """Amounts must be such that they can be met.

    A pause of no time, a deadline that is over when the task is given, three votes of two people, nobody in a list of people: whoever wrote
    that meant something else. The least value of a field must not be above its greatest.

    Bad:

        steps:
          - activity: approve
            to: [document.responsible, initiator]
            rule: {at-least: 3}
            outcomes:
              rejected: {steps: [{activity: end, result: rejected}]}

    Good:

        steps:
          - activity: approve
            to: [document.responsible, initiator]
            rule: {at-least: 2}
            outcomes:
              rejected: {steps: [{activity: end, result: rejected}]}
    """
    for model in subject.models:
        yield from _times(model)
        if isinstance(model, Step):
            yield from _people(model, subject)


# ── times ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def _times(model: Model) -> Iterator[Diagnostic]:
    for name in (TIMES | LENGTHS) & type(model).model_fields.keys():
        written = getattr(model, name)
        length = _length(written) if isinstance(written, Expr) else None
        if length is None:
            continue
        sizes = (length.months, length.days, length.seconds, length.working_days, length.working_seconds)
        if min(sizes) < 0:
            message, hint = say("a length of time cannot be negative"), say('a time before something is an expression: "x - days(1)"')
            yield Diagnostic(model.value_span(key_of(name)), "impossible-amount", message, hint)
        elif name in TIMES and not any(sizes):
            yield Diagnostic(model.value_span(key_of(name)), "impossible-amount", say("this is no time at all: it is over at once"))
    if "remind_before" in model.model_fields_set:
        yield from _reminder(model)


def _reminder(model: Model) -> Iterator[Diagnostic]:
    """A reminder so long before the deadline that it would come before the task."""
    due, before = (_length(written) if isinstance(written := getattr(model, name, None), Expr) else None for name in ("due", "remind_before"))
    if due is not None and before is not None and _is_above(before, due):
        yield Diagnostic(model.value_span("remind-before"), "impossible-amount", say("the reminder would come before the task itself"))


def _is_above(one: Duration, other: Duration) -> bool:
    try:
        return order(one, other) > 0
    except EvaluationError:
        return False


def _length(written: Expr) -> Duration | None:
    """The length of time that is written out; None if it is anything else."""
    constant = constant_of(parse(written.text).tree)
    return constant.value if constant and isinstance(constant.value, Duration) else None


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _people(step: Step, subject: Subject) -> Iterator[Diagnostic]:
    items, to = getattr(step, "items", None), getattr(step, "to", None)
    if isinstance(items, Expr) and items.text == "[]":
        yield Diagnostic(step.value_span("items"), "impossible-amount", say("there is nothing in this list"))
    if not isinstance(to, Expr):
        return
    asked = parse(to.text).tree
    if getattr(step, "if_nobody", None) is None:
        yield from _nobody(step, to, asked)
    yield from _votes(step, asked, subject)


def _nobody(step: Step, to: Expr, asked: ast.expr) -> Iterator[Diagnostic]:
    if isinstance(asked, ast.List) and not asked.elts:
        yield Diagnostic(step.value_span("to"), "impossible-amount", say("nobody stands in this list"))
    barred = getattr(step, "who_may_not", None)
    if isinstance(barred, Expr) and barred.text == to.text:
        message, hint = say("nobody can answer: whoever gets it may not"), say('"who-may-not" takes some of several people out')
        yield Diagnostic(step.value_span("who-may-not"), "impossible-amount", message, hint)


def _votes(step: Step, asked: ast.expr, subject: Subject) -> Iterator[Diagnostic]:
    """More votes than there are people to cast them, where each of those is one and nobody comes in later."""
    wanted = getattr(getattr(step, "rule", None), "at_least", None)
    several = asked.elts if isinstance(asked, ast.List) else [asked]
    late = getattr(step, "on_overdue", None)
    if wanted is None or not several or (late and late.reassign_to) or not all(_is_one_person(one, subject) for one in several):
        return
    count = len({ast.dump(one, annotate_fields=False) for one in several})
    if wanted > count:
        message = say("{wanted} are to agree, and only {count} can be asked", wanted=wanted, count=count)
        yield Diagnostic(_quorum_span(step), "impossible-amount", message)


def _is_one_person(node: ast.expr, subject: Subject) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "user"
    names = path_of(node)
    return bool(names) and subject.possible.declared(names).kind == "user"


def _quorum_span(step: Any) -> Span:
    return step.rule.value_span("at-least")  # type: ignore[no-any-return]
