"""Rules about conditions that are always the same: they decide nothing.

What is found is certain for every value of the types; what is so only by the way on which a step is reached is a warning.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from bpflow.checks.rule import page, rule
from bpflow.checks.rules.loops import endless
from bpflow.checks.saying import known_of
from bpflow.checks.subject import Subject, Use
from bpflow.diagnostics import Diagnostic, Message, Severity, say
from bpflow.expressions.truth import certain
from bpflow.graph import Choose, Expr, Place

CONDITIONS = frozenset({"when", "while_", "until", "changed", "where", "that", "enough", "done_when"})
"""The fields of the models that hold conditions: the keys of the language that are conditions wherever they stand."""


@rule("always-false")
def always_false(subject: Subject) -> Iterator[Diagnostic]:
    """A condition must be able to be true.

    One that never is decides nothing: its branch is not taken, its loop does not end, its button is not shown. Mostly `and` stands where
    `or` was meant: no field is two values at once. It is a warning where the condition could be true elsewhere, but is not on the ways that
    lead to this step.

    Bad:

        steps:
          - activity: condition
            branches:
              - {when: document.status == "won" and document.status == "lost", next: go-on}
            otherwise: {next: go-on}

    Good:

        steps:
          - activity: condition
            branches:
              - {when: document.status == "won" or document.status == "lost", next: go-on}
            otherwise: {next: go-on}
    """
    told: set[Place] = set()
    open_ones = _open_on_the_way(subject)
    for use in conditions(subject):
        truth = truth_of(use, subject) if use.place not in open_ones else None
        if truth is not None:
            told.add(use.place)
            yield _always(use, truth, subject)
    told |= open_ones
    for node in subject.graph.nodes:
        if isinstance(node, Choose):
            for here in (subject.use_at(expr) for expr, _ in node.arms if expr.place not in told):
                if here is not None and not here.inferred.mistakes:
                    yield from _on_the_way(here, node, subject)


page(
    "always-true",
    """
    A condition must be able to be false.

    One that always holds decides nothing: the branches after it are never taken, its loop ends at once or not at all. Mostly `or` stands
    where `and` was meant: whatever a field is, it differs from one of two values. Where something is to hold always, leave the condition
    out, or write `otherwise`.

    Bad:

        steps:
          - activity: condition
            branches:
              - {when: document.status != "won" or document.status != "lost", next: go-on}
            otherwise: {next: go-on}

    Good:

        steps:
          - activity: condition
            branches:
              - {when: document.status != "won" and document.status != "lost", next: go-on}
            otherwise: {next: go-on}
    """,
    Severity.WARNING,
)


def conditions(subject: Subject) -> Iterator[Use]:
    """All conditions that are written in the file, and in which no mistake was found: what is neither true nor false is told elsewhere."""
    for expr in _written(subject):
        use = subject.use_at(expr)
        if use is not None and not use.inferred.mistakes and use.inferred.type.kind in ("boolean", "any"):
            yield use


def _written(subject: Subject) -> Iterator[Expr]:
    for model in subject.models:
        for name in CONDITIONS & type(model).model_fields.keys():
            value = getattr(model, name)
            if isinstance(value, Expr):
                yield value


def _open_on_the_way(subject: Subject) -> frozenset[Place]:
    """The conditions that are open even with what is known where they stand, by their places."""
    choices = (node for node in subject.graph.nodes if isinstance(node, Choose))
    arms = ((number, expr, subject.possible.cases(node)) for node in choices for number, (expr, _) in enumerate(node.arms))
    return frozenset(expr.place for number, expr, cases in arms if expr.place and cases.cases and cases.certain(number) is None)


def truth_of(use: Use, subject: Subject) -> bool | None:
    """True or False if the condition is that whatever is so; None if it is open, or a constant that is written as one."""
    if isinstance(use.parsed.tree, ast.Constant):
        return None
    known = use.around.known_at_start if use.at_start else use.around.known
    return certain(use.parsed.tree, partial(subject.possible.type_of, known=known))


def _always(use: Use, truth: bool, subject: Subject) -> Diagnostic:
    hint = _meant(use.parsed.tree, subject)
    if truth:
        return Diagnostic(use.whole, "always-true", say("this is always true"), hint, Severity.WARNING)
    return Diagnostic(use.whole, "always-false", say("this can never be true"), hint)


def _meant(tree: ast.expr, subject: Subject) -> Message | None:
    """A hint where one thing is compared several times, and the other word between the comparisons would make something of it."""
    if not isinstance(tree, ast.BoolOp) or len({ast.dump(value.left) if isinstance(value, ast.Compare) else "" for value in tree.values}) > 1:
        return None
    joined_by_and = isinstance(tree.op, ast.And)
    if certain(ast.BoolOp(ast.Or() if joined_by_and else ast.And(), tree.values), subject.possible.type_of) is not None:
        return None
    return say('was "or" meant instead of "and"?') if joined_by_and else say('was "and" meant instead of "or"?')


def _on_the_way(use: Use, node: Choose, subject: Subject) -> Iterator[Diagnostic]:
    """What is certain by what is known where a condition stands."""
    state = subject.possible.at(node.id)
    read = {path.names: state[path.names] for path in use.parsed.paths if path.names in state}
    truth = certain(use.parsed.tree, subject.possible.type_of, read) if read and not isinstance(use.parsed.tree, ast.Constant) else None
    if truth is not None and node.id not in endless(subject):
        why = known_of(read)
        if truth:
            yield Diagnostic(use.whole, "always-true", say("this is always true here: {why}", why=why), None, Severity.WARNING)
        else:
            yield Diagnostic(use.whole, "always-false", say("this can never be true here: {why}", why=why), None, Severity.WARNING)
